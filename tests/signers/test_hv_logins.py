"""Logins of `hv:` at a real OpenBao: tokens that expire or change, AppRole, JWT, Kubernetes and GitHub's ID tokens."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import SignerError, open_signer
from attest.cli._inputs.secrets import is_ours
from tests.support.making.keys import private_key
from tests.support.services import kms
from tests.support.services.servers import Request, Response, responding
from tests.support.services.tls import tls_server
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """
path "transit/keys/logins" { capabilities = ["read"] }
path "transit/sign/logins" { capabilities = ["update"] }
"""
URI = "hv:logins/1"
AUDIENCE = "https://vault.example.com"


def jwt(**claims: Any) -> str:
    """A JWT that the jwt method of `server` accepts; each claim may be changed."""
    now = int(time.time())
    content = {"iss": "ci", "aud": AUDIENCE, "sub": "job", "iat": now, "nbf": now, "exp": now + 300, **claims}
    parts = [json.dumps(part).encode() for part in ({"alg": "ES256", "typ": "JWT"}, content)]
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    r, s = decode_dss_signature(_key().sign(signed, ec.ECDSA(SHA256())))
    signature = urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


def _key() -> Any:
    return private_key("ecdsa-sha2-nistp256")


@cache
def server() -> kms.Bao:
    """OpenBao with the key `logins`, and roles that may use it."""
    bao = kms.bao()
    bao.key("logins")
    policy = bao.policy(POLICY)
    bao.ask("POST", "sys/auth/approle", type="approle")
    bao.ask("POST", "auth/approle/role/release", token_policies=[policy], token_ttl="1h")
    bao.ask("POST", "sys/auth/ci/jwt", type="jwt")
    pem = _key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    bao.ask("POST", "auth/ci/jwt/config", jwt_validation_pubkeys=[pem], bound_issuer="ci")
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE], "token_policies": [policy]}
    bao.ask("POST", "auth/ci/jwt/role/release", **role, token_ttl="1h")
    return bao


@pytest.fixture
def bao(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> kms.Bao:
    made = server()
    kms.use(monkeypatch, vault=made.url)
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    return made


def configure(patch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        patch.setenv(f"ATTEST_VAULT_{name}", value)


def approle(bao: kms.Bao, patch: pytest.MonkeyPatch, role: str, **settings: Any) -> str:
    """Configure the AppRole login; returns the secret ID."""
    role_id = bao.ask("GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
    made = bao.ask("POST", f"auth/approle/role/{role}/secret-id", **(settings or {"num_uses": 0}))
    configure(patch, AUTH="approle", ROLE_ID=role_id, SECRET_ID=made["data"]["secret_id"])
    return str(made["data"]["secret_id"])


def end_tokens(bao: kms.Bao) -> None:
    """Do to all tokens of the AppRole login what their time does to them."""
    bao.ask("PUT", "sys/leases/revoke-prefix/auth/approle/login")


def signs(uri: str = URI) -> None:
    with open_signer(uri) as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_approle_logs_in_and_again_when_its_token_has_expired(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    approle(bao, monkeypatch, "release")
    with open_signer(URI) as signer:
        key = signer.public_key
        end_tokens(bao)
        assert key.accepts(signer.sign(b"data").sig, b"data")


def test_a_login_that_is_refused_later_is_denied_and_tried_once(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = approle(bao, monkeypatch, "release", num_uses=1)
    with open_signer(URI) as signer:
        _ = signer.public_key
        end_tokens(bao)
        with refused(SignerError, "access-denied", URI) as caught:
            signer.sign(b"data")
    assert "approle login" in caught.value.message
    assert secret not in repr(caught.value) + str(caught.value.hint) + repr(signer)


def test_a_secret_id_in_a_file_is_read(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = approle(bao, monkeypatch, "release")
    (tmp_path / "secret-id").write_text(f"{secret}\n")
    configure(monkeypatch, SECRET_ID_FILE=str(tmp_path / "secret-id"))
    with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured") as caught:
        _ = signer.public_key
    assert "both set" in caught.value.message
    monkeypatch.delenv("ATTEST_VAULT_SECRET_ID")
    signs()


def test_a_jwt_of_a_ci_system_logs_in(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(monkeypatch, AUTH="jwt", AUTH_PATH="ci/jwt", ROLE="release", JWT=jwt())
    signs()
    monkeypatch.delenv("ATTEST_VAULT_JWT")
    (tmp_path / "jwt").write_text(jwt())
    configure(monkeypatch, JWT_FILE=str(tmp_path / "jwt"))
    signs()


@pytest.mark.parametrize("claims", [{"aud": "other"}, {"iss": "other"}, {"exp": 1000000000}])
def test_a_jwt_that_vault_refuses_is_denied_and_not_shown(
    bao: kms.Bao, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = jwt(**claims)
    configure(monkeypatch, AUTH="jwt", AUTH_PATH="ci/jwt", ROLE="release", JWT=given)
    with open_signer(URI) as signer, refused(SignerError, "access-denied") as caught:
        _ = signer.public_key
    assert caught.value.message == "Vault refused the jwt login (status 400)"
    assert given not in repr(caught.value)


@contextmanager
def github(patch: pytest.MonkeyPatch, folder: Path, respond: Any) -> Iterator[list[Request]]:
    """The service of GitHub Actions for ID tokens, with TLS."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return respond(request)  # type: ignore[no-any-return]

    context, ca = tls_server(folder)
    patch.setenv("SSL_CERT_FILE", ca)
    with responding(answer, tls=context) as url:
        patch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{url}/token?api-version=2.0")
        patch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "hunter2")
        configure(patch, AUTH="jwt", AUTH_PATH="ci/jwt", ROLE="release", JWT_AUDIENCE=AUDIENCE)
        yield asked


def test_the_roles_of_the_guide_are_accepted_by_the_server(bao: kms.Bao) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "sign" / "vault.md").read_text()
    roles = re.findall(r"bao write auth/jwt/role/release - <<'END'\n(.*?)\nEND\n", guide, re.DOTALL)
    assert len(roles) == 2
    for number, role in enumerate(roles):
        bao.ask("POST", f"auth/ci/jwt/role/guide-{number}", **json.loads(role))
        assert bao.ask("GET", f"auth/ci/jwt/role/guide-{number}")["data"]["bound_claims"]


def test_an_id_token_of_github_actions_is_requested_for_the_audience(
    bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def respond(request: Request) -> Response:
        [audience] = parse_qs(urlsplit(request.path).query)["audience"]
        return Response(200, {}, json.dumps({"count": 1, "value": jwt(aud=audience)}).encode())

    with github(monkeypatch, tmp_path, respond) as asked:
        signs()
    assert [request.headers["Authorization"] for request in asked] == ["Bearer hunter2"]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response(403, {}, b"hunter2"), "access-denied"),
        (Response(302, {"Location": "https://127.0.0.1:1/"}), "access-denied"),
        (Response(200, {}, b"<html>"), "kms-failed"),
        (Response(200, {}, b'{"value": 7}'), "kms-failed"),
        (Response(200, {}, b" " * 70_000), "kms-unreachable"),
    ],
)
def test_an_id_token_that_is_not_given_is_an_error(
    bao: kms.Bao, response: Response, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        github(monkeypatch, tmp_path, lambda _: response) as asked,
        open_signer(URI) as signer,
        refused(SignerError, code) as caught,
    ):
        _ = signer.public_key
    assert "hunter2" not in repr(caught.value) + str(caught.value.hint)
    assert asked


def test_the_request_token_of_github_is_sent_over_https_alone(
    bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with github(monkeypatch, tmp_path, lambda _: Response()) as asked:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token")
        with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured"):
            _ = signer.public_key
    assert asked == []


def test_a_service_account_of_kubernetes_logs_in(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user = {"username": "system:serviceaccount:ci:release", "uid": "1"}
    claims = {
        "sub": user["username"],
        "aud": [AUDIENCE],
        "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "release", "uid": "1"}},
    }

    status = {"authenticated": True, "user": user, "audiences": [AUDIENCE]}
    answer = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    def review(request: Request) -> Response:
        assert request.path.endswith("/tokenreviews")
        return Response(
            201,
            {"Content-Type": "application/json"},
            json.dumps(answer).encode(),
        )

    context, _ = tls_server(tmp_path)
    mount = f"k8s-{uuid4().hex}"
    with responding(review, tls=context) as url:
        bao.ask("POST", f"sys/auth/{mount}", type="kubernetes")
        settings = {"kubernetes_host": url, "kubernetes_ca_cert": (tmp_path / "tls-ca.pem").read_text()}
        bao.ask("POST", f"auth/{mount}/config", **settings, disable_local_ca_jwt=True, disable_iss_validation=True)
        role = {"bound_service_account_names": ["release"], "bound_service_account_namespaces": ["ci"]}
        bao.ask("POST", f"auth/{mount}/role/release", **role, token_policies=[bao.policy(POLICY)])
        (tmp_path / "token").write_text(jwt(**claims))
        configure(monkeypatch, AUTH="kubernetes", AUTH_PATH=mount, ROLE="release", JWT_FILE=str(tmp_path / "token"))
        signs()
        configure(monkeypatch, ROLE="other")
        with open_signer(URI) as signer, refused(SignerError, "access-denied") as caught:
            _ = signer.public_key
    assert "kubernetes login" in caught.value.message


def test_a_token_that_expires_is_denied_and_one_that_an_agent_renewed_is_read_again(
    bao: kms.Bao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sink = tmp_path / "sink"
    monkeypatch.setenv("VAULT_TOKEN_PATH", str(sink))
    token = bao.token(POLICY)
    sink.write_text(token)
    with open_signer(URI) as signer:
        key = signer.public_key
        bao.ask("POST", "auth/token/revoke", token=token)
        with refused(SignerError, "access-denied") as caught:
            signer.sign(b"data")
        assert "does not accept the token" in caught.value.message
        assert "expired" in str(caught.value.hint)
        sink.write_text(bao.token(POLICY))
        assert key.accepts(signer.sign(b"data").sig, b"data")


def test_a_token_that_is_known_and_lacks_a_permission_is_said_to(bao: kms.Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAO_TOKEN", bao.token('path "x" { capabilities = ["read"] }', no_default_policy=False))
    with open_signer(URI) as signer, refused(SignerError, "access-denied") as caught:
        _ = signer.public_key
    assert caught.value.message == "the token of Vault does not have permission"
    assert caught.value.hint == "Allow `read` on `transit/keys/logins` in its policy."


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"AUTH": "ldap"}, "kms-misconfigured", "unknown value"),
        ({"AUTH": ""}, "kms-misconfigured", "empty"),
        ({"ROLE": "release"}, "kms-misconfigured", "ATTEST_VAULT_ROLE is set, but is not used"),
        ({"AUTH": "approle", "ROLE_ID": "a", "SECRET": "b"}, "kms-misconfigured", "ATTEST_VAULT_SECRET is set"),
        ({"AUTH": "approle", "ROLE_ID": "a"}, "credentials-missing", "SECRET_ID_FILE"),
        ({"AUTH": "approle", "SECRET_ID": "a"}, "credentials-missing", "ROLE_ID"),
        ({"AUTH": "approle", "ROLE_ID": "a", "SECRET_ID_FILE": "/nowhere"}, "kms-misconfigured", "/nowhere"),
        ({"AUTH": "jwt", "JWT": "a"}, "credentials-missing", "ATTEST_VAULT_ROLE "),
        ({"AUTH": "jwt", "ROLE": "a"}, "credentials-missing", "JWT_FILE"),
        ({"AUTH": "kubernetes", "ROLE": "a"}, "kms-misconfigured", "service account"),
        ({"AUTH": "kubernetes", "ROLE": "a", "JWT": "b"}, "kms-misconfigured", "ATTEST_VAULT_JWT is set"),
    ],
)
def test_a_login_that_is_not_configured_whole_is_an_error(
    bao: kms.Bao, settings: dict[str, str], code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROLE", "JWT", "SECRET_ID", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        monkeypatch.setenv(name, "")
    configure(monkeypatch, **settings)
    with open_signer(URI) as signer, refused(SignerError, code, URI) as caught:
        _ = signer.public_key
    assert words in caught.value.message


def test_the_command_of_run_does_not_get_the_secrets_of_a_login() -> None:
    assert all(map(is_ours, ["ATTEST_VAULT_SECRET_ID", "ATTEST_VAULT_JWT"]))
