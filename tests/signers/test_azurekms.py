"""`azurekms:` through the real Azure libraries, unchanged, against a vault and an Entra ID on loopback."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from base64 import urlsafe_b64encode
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, generate_key, open_signer, sign
from tests.support.cli.calls import call
from tests.support.making.statements import statement
from tests.support.services.azure import CUT, HOST, SECRET, TENANT, AzureVault, azure
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HIDDEN = "AADSTS7000215 hunter2"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureVault]:
    """The server of this process, which the libraries find."""
    found = azure()
    found.use(monkeypatch)
    yield found
    found.server.token_troubles.clear()


def challenges_forgotten() -> None:
    """Let the library ask the vault again where its tokens are from: it remembers that for the whole process."""
    from azure.keyvault.keys._shared import http_challenge_cache

    http_challenge_cache.clear()


def shows_nothing(caught: Any, *secrets: str) -> None:
    text = f"{caught.value!r} {caught.value.hint}"
    assert not {secret for secret in (HIDDEN, "hunter2", SECRET, TENANT, "AADSTS", *secrets) if secret in text}


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("{host}/keys/{name}/{version}", "nv"),
        ("//{host}/keys/{name}/{version}", "nv"),
        ("//{host}/{name}/{version}", "nv"),
        ("{HOST}/keys/{name}/{VERSION}", "nv"),
        ("//{host}/{name}", "n"),
        ("{host}/keys/{name}", "n"),
        ("{host}/%6beys/{name}", "n"),
    ],
)
def test_each_spelling_names_the_same_key(vault: AzureVault, written: str, parts: str) -> None:
    name, version = vault.key()
    path = written.format(host=HOST, HOST=HOST.upper(), name=name, version=version, VERSION=version.upper())
    with open_signer(f"azurekms:{path}") as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        assert signer.version_uri == f"azurekms:{HOST}/keys/{name}/{version}"
    assert vault.asked(name) == ["GET", "POST sign"]


def test_a_key_may_be_called_keys(vault: AzureVault) -> None:
    _, version = vault.key(name="keys")
    for path in ("keys/keys", f"keys/keys/{version}"):
        with open_signer(f"azurekms:{HOST}/{path}") as signer:
            assert signer.version_uri == f"azurekms:{HOST}/keys/keys/{version}"


@pytest.mark.parametrize(
    "path",
    [
        "release",
        HOST,
        f"{HOST}/",
        f"{HOST}/keys",
        f"{HOST}/keys/",
        f"{HOST}/keys/a/b",
        f"{HOST}/keys/a/{'0' * 31}",
        f"{HOST}/keys/a/{'0' * 32}/",
        f"{HOST}/keys/a_b",
        f"{HOST}/keys/a b",
        f"{HOST}/keys/a?x",
        f"{HOST}/keys/a/../b",
        f"{HOST}/keys/ä",
        f"{HOST}/keys/{'a' * 128}",
        f"{HOST}/secrets/a/{'0' * 32}",
        f"{HOST}:443/keys/a",
        f"user@{HOST}/keys/a",
        f"/{HOST}/keys/a",
        f"///{HOST}/keys/a",
        f"https://{HOST}/keys/a",
        "vault.azure.net/keys/a",
        "a.b.vault.azure.net/keys/a",
        ".vault.azure.net/keys/a",
        "-a.vault.azure.net/keys/a",
        "a.vault.azure.net.evil.example/keys/a",
        "evil.example/keys/a",
        "evil.example%2f.vault.azure.net/keys/a",
        "avault.azure.net/keys/a",
        "a.vault.azure.net%00/keys/a",
        "127.0.0.1/keys/a",
        "localhost/keys/a",
    ],
)
def test_what_names_no_key_of_azure_is_refused_at_once(path: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(f"azurekms:{path}")


@pytest.mark.parametrize(
    "host", ["a.vault.azure.cn", "a.vault.usgovcloudapi.net", "a-1.managedhsm.azure.net", "A.managedhsm.azure.cn"]
)
def test_each_cloud_and_managed_hsm_is_known(host: str) -> None:
    open_signer(f"azurekms://{host}/keys/a").close()


def test_a_managed_hsm_signs_too(vault: AzureVault) -> None:
    name, _ = vault.key("P-384", hsm=True)
    vault.server.resource = "https://managedhsm.azure.net"
    try:
        with open_signer(f"azurekms:example.managedhsm.azure.net/keys/{name}") as signer:
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
    finally:
        vault.server.resource = "https://vault.azure.net"


def test_without_a_version_the_newest_usable_one_signs_and_stays(
    vault: AzureVault, caplog: pytest.LogCaptureFixture
) -> None:
    name, first = vault.key()
    _, second = vault.key(name=name)
    for unusable in ({"enabled": False}, {"exp": 5}, {"nbf": 1 << 33}):
        vault.key(name=name, **unusable)
    with caplog.at_level(logging.INFO, "attest"), open_signer(f"azurekms:{HOST}/{name}") as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        vault.key(name=name)
        assert signer.public_key.accepts(signer.sign(b"more").sig, b"more")
        assert signer.version_uri == f"azurekms:{HOST}/keys/{name}/{second}"
    noted = [record.getMessage() for record in caplog.records if record.name == "attest"]
    assert [text for text in noted if "uses version" in text] == [
        f"azurekms:{HOST}/{name}: uses version azurekms:{HOST}/keys/{name}/{second}"
    ]
    # The server has two versions on a page.
    assert vault.asked(name) == ["GET", *["GET versions"] * 3, "GET", "POST sign", "POST sign"]
    with open_signer(f"azurekms:{HOST}/{name}/{first}") as signer:
        assert signer.public_key.accepts(signer.sign(b"old").sig, b"old")


def test_credentials_that_may_not_list_are_a_hint_to_name_the_version(vault: AzureVault) -> None:
    name, _ = vault.key(enabled=False)
    body = json.dumps({"error": {"code": "Forbidden", "message": HIDDEN}}).encode()
    vault.script(name, lambda _, path, __: (403, body, {}) if "versions" in path else None)
    with open_signer(f"azurekms:{HOST}/{name}") as signer, refused(SignerError, "key-disabled") as caught:
        _ = signer.public_key
    assert "may not list" in caught.value.message
    shows_nothing(caught)


@pytest.mark.parametrize(
    "link", ["https://evil.example/keys/x?a=1", "?", "https://evil.example/?{evil}", "?" + "a" * 5000, ["?x"], 7]
)
def test_a_list_of_versions_leads_nowhere_else_and_ends(vault: AzureVault, link: Any) -> None:
    name, _ = vault.key(enabled=False)
    page = json.dumps({"value": [], "nextLink": link}).encode()
    vault.script(name, lambda _, path, __: (200, page, {}) if "versions" in path else None)
    with open_signer(f"azurekms:{HOST}/{name}") as signer, pytest.raises(SignerError) as caught:
        _ = signer.public_key
    assert caught.value.code in ("key-disabled", "kms-failed")
    assert len(vault.asked(name)) <= 41
    assert not [asked for asked in vault.proxy.asked if "evil" in asked]


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"enabled": False}, "key-disabled", "is disabled"),
        ({"exp": 5}, "key-disabled", "expired at 1970-01-01T00:00:05Z"),
        ({"nbf": 1 << 33}, "key-disabled", "is not valid before 2242-03-16T12:56:32Z"),
        ({"operations": ["verify"]}, "key-not-allowed", "may not sign"),
        ({"operations": []}, "key-not-allowed", "may not sign"),
    ],
)
def test_a_version_that_may_not_sign_is_refused_before_it_signs(
    vault: AzureVault, settings: dict[str, Any], code: str, message: str
) -> None:
    uri = vault.uri(**settings)
    with open_signer(uri) as signer, refused(SignerError, code, uri) as caught:
        signer.sign(b"")
    assert message in caught.value.message
    assert vault.asked(uri.split("/")[2]) == ["GET"]


@pytest.mark.parametrize("kind", ["P-521", "P-256K"])
def test_a_key_of_another_curve_is_not_supported(vault: AzureVault, kind: str) -> None:
    uri = vault.uri(kind)
    with open_signer(uri) as signer, refused(SignerError, "key-unsupported", uri):
        _ = signer.public_key


def test_a_small_rsa_key_is_too_weak(vault: AzureVault) -> None:
    uri = vault.uri("RSA-1024")
    with open_signer(uri) as signer, refused(SignerError, "key-too-weak", uri):
        _ = signer.public_key


def test_an_algorithm_that_the_key_is_not_for_is_refused(vault: AzureVault) -> None:
    for kind, name in (("P-256", "ecdsa-sha2-nistp384"), ("P-256", "rsassa-pss-sha256")):
        uri = f"{vault.uri(kind)}?algorithm={name}"
        with open_signer(uri) as signer, refused(SignerError, "key-algorithm-mismatch", uri):
            _ = signer.public_key


def _described(**changes: Any) -> bytes:
    key = {"kid": f"https://{HOST}/keys/scripted/{'0' * 32}", "kty": "EC", "key_ops": ["sign"], "crv": "P-256",
           "x": "AAAA", "y": "AAAA"}  # fmt: skip
    return json.dumps({"key": key | changes, "attributes": {"enabled": True}}).encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_described(), "key-invalid"),
        (_described(x="A==="), "kms-failed"),
        (_described(x="+/+/-_"), "kms-failed"),
        (_described(x=7), "kms-failed"),
        (_described(crv="Ed25519"), "key-unsupported"),
        (_described(crv=None), "key-unsupported"),
        (_described(crv=[]), "kms-failed"),
        (_described(kty="oct"), "key-unsupported"),
        (_described(kty="RSA", n="AQ", e="AQAB"), "key-invalid"),
        (_described(kty="RSA", n="B" * 40000, e="AQAB"), "key-unsupported"),
        (_described(kid=f"https://other.vault.azure.net/keys/scripted/{'0' * 32}"), "kms-failed"),
        (_described(kid=f"https://{HOST}/keys/other/{'0' * 32}"), "kms-failed"),
        (_described(kid=f"https://{HOST}/keys/scripted/{'1' * 32}"), "kms-failed"),
        (_described(kid=None), "kms-failed"),
        (_described(key_ops=None), "kms-failed"),
        (b"", "kms-failed"),
        (b"<html>a proxy</html>", "kms-failed"),
        (b"[]", "kms-failed"),
        (b"{}", "kms-failed"),
        (b'{"key": null, "attributes": {"enabled": true}}', "kms-failed"),
        (b'{"key": {}, "attributes": {"enabled": "true"}}', "kms-failed"),
        (b"\xff\xfe", "kms-failed"),
        (b"[" * 60000, "kms-failed"),
        (b" " * 70000 + b"{}", "kms-failed"),
    ],
)
def test_an_answer_that_describes_no_key_is_refused(vault: AzureVault, body: bytes, code: str) -> None:
    vault.script("scripted", lambda *_: (200, body, {}))
    with open_signer(f"azurekms:{HOST}/scripted/{'0' * 32}") as signer, refused(SignerError, code):
        _ = signer.public_key


REFUSALS = [
    ("forbidden", "access-denied", 1),
    ("denied", "access-denied", 1),
    ("firewall", "access-denied", 1),
    ("missing", "key-not-found", 1),
    ("throttled", "kms-busy", 2),
    ("throttled-long", "kms-busy", 2),
    ("failed", "kms-failed", 1),
    ("unavailable", "kms-unreachable", 2),
    ("conflict", "key-disabled", 1),
    ("not-json", "kms-failed", 1),
    ("empty", "kms-failed", 1),
    ("html", "kms-failed", 1),
]


@pytest.mark.parametrize(("trouble", "code", "times"), REFUSALS)
@pytest.mark.parametrize("late", [False, True], ids=["connecting", "signing"])
def test_what_azure_refuses_has_a_code_and_nothing_of_the_text(
    vault: AzureVault, trouble: str, code: str, times: int, *, late: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = vault.uri()
    name = uri.split("/")[2]
    with open_signer(uri) as signer:
        if late:
            _ = signer.public_key
        vault.server.trouble(name, trouble)
        with refused(SignerError, code, uri) as caught:
            signer.sign(b"")
        assert vault.asked(name)[late:] == ["POST sign" if late else "GET"] * times
        vault.server.trouble(name, trouble, times=0)
        assert signer.public_key.accepts(signer.sign(b"later").sig, b"later")
    shows_nothing(caught, "Caller", "Client address", "operation")
    assert capfd.readouterr() == ("", "")


def test_a_busy_vault_is_tried_a_second_time(vault: AzureVault) -> None:
    uri = vault.uri()
    vault.server.trouble(uri.split("/")[2], "throttled-long", times=1)
    with open_signer(uri) as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


@pytest.mark.parametrize("code", ["KeyDisabled", "KeyExpired", "KeyNotYetValid"])
def test_a_version_that_is_disabled_later_says_so(vault: AzureVault, code: str) -> None:
    uri = vault.uri()
    body = json.dumps({"error": {"code": "Forbidden", "innererror": {"code": code}, "message": HIDDEN}}).encode()
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.script(uri.split("/")[2], lambda *_: (403, body, {}))
        with refused(SignerError, "key-disabled", uri) as caught:
            signer.sign(b"")
    shows_nothing(caught)


@pytest.mark.parametrize("code", [f"<b>{HIDDEN}", HIDDEN, "x" * 65, 7, None, {"code": HIDDEN}])
def test_a_code_that_is_none_is_not_shown(vault: AzureVault, code: Any) -> None:
    uri = vault.uri()
    body = json.dumps({"error": {"code": code, "innererror": code}}).encode()
    vault.script(uri.split("/")[2], lambda *_: (400, body, {}))
    with open_signer(uri) as signer, refused(SignerError, "kms-failed", uri) as caught:
        _ = signer.public_key
    assert caught.value.message == "Key Vault failed, or refused the request (status 400)"


@pytest.mark.parametrize("trouble", ["short-signature", "der-signature", "other-kid"])
def test_a_signature_in_another_form_or_of_another_version_is_a_failure(vault: AzureVault, trouble: str) -> None:
    uri = vault.uri()
    with open_signer(uri) as signer:
        vault.server.trouble(uri.split("/")[2], trouble, times=2)
        _ = signer.public_key
        with refused(SignerError, "kms-failed", uri):
            signer.sign(b"")


@pytest.mark.parametrize("value", [b"", bytes(64), b"\xff" * 64, b"\x01" * 96])
@pytest.mark.parametrize("kind", ["P-256", "RSA-2048"])
def test_a_signature_of_nobody_is_found_out(vault: AzureVault, kind: str, value: bytes) -> None:
    uri = vault.uri(kind)
    _, _, name, version = uri.split("/")
    answer = {"kid": f"https://{HOST}/keys/{name}/{version}", "value": urlsafe_b64encode(value).rstrip(b"=").decode()}
    vault.script(name, lambda method, *_: (200, json.dumps(answer).encode(), {}) if method == "POST" else None)
    with open_signer(uri) as signer, pytest.raises(SignerError) as caught:
        sign(statement(), [signer])
    assert caught.value.code in ("signature-faulty", "kms-failed")


def test_a_vault_that_signs_with_another_key_is_found_out(vault: AzureVault) -> None:
    uri = vault.uri()
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.server.trouble(uri.split("/")[2], "other-key")
        with refused(SignerError, "signature-faulty", uri):
            sign(statement(), [signer])


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(vault: AzureVault, status: int) -> None:
    uri = vault.uri()
    vault.script(uri.split("/")[2], lambda *_: (status, b"", {"Location": f"https://other.vault.azure.net/{HIDDEN}"}))
    before = len(vault.proxy.asked)
    with open_signer(uri) as signer, refused(SignerError, "kms-misconfigured", uri) as caught:
        signer.sign(b"")
    assert "redirect" in caught.value.message
    assert {f"{HOST}:443", "login.microsoftonline.com:443"} >= set(vault.proxy.asked[before:])


@pytest.mark.parametrize(
    "resource", ["https://graph.microsoft.com", "https://azure.net.evil.example", "https://evil.vault.azure.net", ""]
)
def test_a_server_gets_no_token_for_something_else(vault: AzureVault, resource: str) -> None:
    uri = vault.uri()
    challenges_forgotten()
    tokens = set(vault.server.tokens)
    vault.server.resource = resource
    try:
        with open_signer(uri) as signer, refused(SignerError, "kms-failed", uri) as caught:
            _ = signer.public_key
    finally:
        vault.server.resource = "https://vault.azure.net"
    shows_nothing(caught, "graph", "evil")
    assert vault.server.tokens == tokens


def test_a_tenant_that_is_not_that_of_the_credentials_is_not_remembered(
    vault: AzureVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = vault.uri()
    challenges_forgotten()
    with monkeypatch.context() as patch:
        patch.setenv("AZURE_TENANT_ID", "99999999-2222-3333-4444-555555555555")
        with open_signer(uri) as signer, refused(SignerError, "credentials-missing", uri) as caught:
            _ = signer.public_key
    shows_nothing(caught, "99999999")
    name = uri.split("/")[2]
    challenge = 'Bearer authorization="https://login.microsoftonline.com/other", resource="https://vault.azure.net"'
    vault.script(name, lambda *_: (401, b"", {"WWW-Authenticate": challenge}))
    with open_signer(uri) as signer, pytest.raises(SignerError):
        _ = signer.public_key
    vault.script(name, lambda *_: None)
    with open_signer(uri) as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"AZURE_CLIENT_SECRET": "hunter2"}, "access-denied"),
        ({"AZURE_CLIENT_SECRET": None}, "credentials-missing"),
        ({"AZURE_CLIENT_SECRET": ""}, "kms-misconfigured"),
        ({"AZURE_TENANT_ID": "hunter2!"}, "kms-misconfigured"),
        ({"AZURE_CLIENT_SECRET": None, "AZURE_CLIENT_CERTIFICATE_PATH": "/hunter2"}, "kms-misconfigured"),
        ({"AZURE_TOKEN_CREDENTIALS": "hunter2"}, "kms-misconfigured"),
        ({"AZURE_AUTHORITY_HOST": "http://login.example"}, "kms-misconfigured"),
        ({"AZURE_AUTHORITY_HOST": "https://login.hunter2.example"}, "access-denied"),
        ({"REQUESTS_CA_BUNDLE": "/hunter2.pem"}, "kms-misconfigured"),
        ({"REQUESTS_CA_BUNDLE": None}, "kms-unreachable"),
        ({"HTTPS_PROXY": "http://user:hunter2@127.0.0.1:9"}, "kms-unreachable"),
    ],
)
def test_what_is_wrong_with_the_credentials_or_the_network_has_a_code(
    vault: AzureVault,
    variables: dict[str, str | None],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    uri = vault.uri()
    for name, value in variables.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    if "AZURE_AUTHORITY_HOST" in variables and code == "access-denied":
        vault.server.token_troubles[:] = [(401, {"error": "invalid_client", "error_description": HIDDEN})] * 2
    with open_signer(uri) as signer, refused(SignerError, code, uri) as caught:
        _ = signer.public_key
    shows_nothing(caught)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (400, {"error": "invalid_grant", "error_description": f"AADSTS700024: {HIDDEN}"}, "access-denied"),
        (401, {"error": "invalid_client", "error_description": HIDDEN}, "access-denied"),
        (429, {"error": "temporarily_unavailable"}, "kms-busy"),
        (503, {}, "kms-unreachable"),
        (200, {"hunter2": HIDDEN}, "kms-failed"),
    ],
)
def test_what_entra_id_answers_has_a_code(vault: AzureVault, status: int, answer: dict[str, str], code: str) -> None:
    uri = vault.uri()
    vault.server.token_troubles[:] = [(status, answer)] * 4
    with open_signer(uri) as signer, refused(SignerError, code, uri) as caught:
        _ = signer.public_key
        shows_nothing(caught)
    assert len(vault.server.token_troubles) >= 1
    vault.server.token_troubles.clear()
    with open_signer(uri) as signer:
        _ = signer.public_key


def test_a_federated_token_is_enough(vault: AzureVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a job of GitHub or GitLab: the token of the job is in a file, and there is no secret."""
    (tmp_path / "token").write_text("a token of the job")
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    with open_signer(vault.uri()) as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_a_token_that_expires_is_replaced(vault: AzureVault) -> None:
    uri = vault.uri()
    short = {"token_type": "Bearer", "expires_in": 60, "access_token": "short"}
    vault.server.tokens.add("short")
    vault.server.token_troubles[:] = [(200, short)]
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.server.tokens.remove("short")
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_a_token_that_is_revoked_is_denied(vault: AzureVault) -> None:
    uri = vault.uri()
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.server.tokens.clear()
        with refused(SignerError, "access-denied", uri):
            signer.sign(b"")


def test_programs_that_look_for_credentials_do_not_take_longer_than_the_timeout(
    vault: AzureVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, because azure-identity does not wait for the programs that it kills."""
    for name in ("az", "pwsh", "azd"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    code = f"""
import time
from attest import SignerError, open_signer
import azure.identity, azure.keyvault.keys
began = time.monotonic()
try:
    open_signer({vault.uri() + "?timeout=1"!r}).public_key
except SignerError as error:
    print(error.code, time.monotonic() - began < 30)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert (ran.stdout, ran.stderr) == ("kms-timeout True\n", "")


def test_a_slow_vault_is_waited_for_in_bounds(vault: AzureVault, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"{vault.uri()}?timeout=3"
    monkeypatch.setattr(vault.server, "slow", 8)
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.server.trouble(uri.split("/")[2].partition("?")[0], "slow", times=1)
        with without_waiting(), refused(SignerError, "kms-timeout", uri):
            signer.sign(b"")


def test_a_vault_that_goes_away_in_the_middle_is_unreachable_and_then_found_again(vault: AzureVault) -> None:
    """An answer that ends too early."""
    uri = vault.uri()
    with open_signer(uri) as signer:
        _ = signer.public_key
        vault.script(uri.split("/")[2], lambda *_: CUT)
        with refused(SignerError, "kms-unreachable", uri):
            signer.sign(b"")
        vault.script(uri.split("/")[2], lambda *_: None)
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_threads_that_meet_at_the_first_use_ask_once_and_sign_together(vault: AzureVault) -> None:
    uri = vault.uri()
    made: list[bool] = []
    with open_signer(uri) as signer:
        threads = [Thread(target=lambda: made.append(signer.public_key.accepts(signer.sign(b"x").sig, b"x")))
                   for _ in range(4)]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert made == [True] * 4
    assert vault.asked(uri.split("/")[2]) == ["GET", *["POST sign"] * 4]


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [(None, "EC P-256"), ("ecdsa-sha2-nistp384", "EC P-384"), ("rsassa-pss-sha512", "RSA 3072")],
)
def test_a_key_is_generated_once(vault: AzureVault, algorithm: str | None, kind: str) -> None:
    name = vault.name()
    with generate_key(f"azurekms:{HOST}/{name}?timeout=30", algorithm) as signer:
        assert signer.public_key.algorithm.name == (algorithm or "ecdsa-sha2-nistp256")
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        made, key = str(signer.uri), signer.public_key
    assert made.startswith(f"azurekms:{HOST}/keys/{name}/")
    with open_signer(made) as again:
        assert again.public_key == key
    [body] = [json.loads(body) for method, _, path, _, body in vault.server.log if f"/{name}/create" in path and body]
    assert f"{body['kty']} {body.get('crv') or body['key_size']}" == kind
    assert body["key_ops"] == ["sign", "verify"]
    with refused(SignerError, "key-exists"):
        generate_key(f"azurekms:{HOST}/{name}", algorithm)
    assert len(vault.server.keys[name]) == 1


@pytest.mark.parametrize(
    ("path", "algorithm", "secret", "code"),
    [
        (f"new/{'0' * 32}", None, None, "signer-uri-invalid"),
        ("new", "ed25519", None, "algorithm-unsupported"),
        ("new", "ml-dsa-65", None, "algorithm-unsupported"),
        ("new?algorithm=ecdsa-sha2-nistp384", "ecdsa-sha2-nistp256", None, "key-algorithm-mismatch"),
        ("new", None, "a passphrase", "capability-missing"),
    ],
)
def test_what_cannot_be_generated_is_refused_before_anything_is_sent(
    vault: AzureVault, path: str, algorithm: str | None, secret: str | None, code: str
) -> None:
    before = len(vault.server.log)
    with refused(SignerError, code):
        generate_key(f"azurekms:{HOST}/{path}", algorithm, secret=secret)
    assert len(vault.server.log) == before


@pytest.mark.parametrize(
    ("trouble", "code"), [("forbidden", "access-denied"), ("throttled", "kms-busy"), ("failed", "kms-failed")]
)
def test_a_vault_that_does_not_say_whether_the_key_exists_creates_none(
    vault: AzureVault, trouble: str, code: str
) -> None:
    name = vault.name()
    vault.server.trouble(name, trouble, times=1)
    with refused(SignerError, code):
        generate_key(f"azurekms:{HOST}/{name}")
    assert vault.asked(name) == ["GET"]


def test_the_name_of_a_deleted_key_is_not_free(vault: AzureVault) -> None:
    name = vault.name()
    body = json.dumps({"error": {"code": "Conflict", "innererror": {"code": "ObjectIsDeletedButRecoverable"}}}).encode()
    vault.script(name, lambda method, *_: (409, body, {}) if method == "POST" else None)
    with refused(SignerError, "key-exists") as caught:
        generate_key(f"azurekms:{HOST}/{name}")
    assert "deleted" in caught.value.message


def test_a_child_of_fork_connects_anew(vault: AzureVault) -> None:
    uri = vault.uri()
    code = f"""
import os
from attest import open_signer
signer = open_signer({uri!r})
assert signer.public_key.accepts(signer.sign(b"parent").sig, b"parent")
child = os.fork()
good = signer.public_key.accepts(signer.sign(b"both").sig, b"both")
if child == 0:
    os._exit(0 if good else 1)
assert good and os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert sorted(vault.asked(uri.split("/")[2])) == ["GET"] * 2 + ["POST sign"] * 3


def test_no_text_of_azure_is_printed_by_the_program(
    vault: AzureVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, where nobody has set up logging and all that is printed shows."""
    (tmp_path / "statement.json").write_bytes(statement().raw)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hunter2")
    command = [sys.executable, "-m", "attest", "sign", str(tmp_path / "statement.json"), "--signer", vault.uri()]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "(access-denied)" in ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("attest: ")] == []
    assert not {secret for secret in ("hunter2", "AADSTS", TENANT) if secret in ran.stderr}


def test_the_main_job_on_the_command_line(vault: AzureVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.whl").write_bytes(b"hello\n")
    (tmp_path / "review.json").write_bytes(b"{}")
    name = vault.name()
    call("key", "generate", f"azurekms:{HOST}/keys/{name}").done()
    uri = f"azurekms:{HOST}/keys/{name}/{vault.server.keys[name][0].number}"
    assert call("key", "check", uri, "--format", "json").done().json["signer"] == uri
    call("trust", "init", "--anchor", "release", "--key", uri, "-o", "trust.json").done()
    built = call("build", "app.whl", "--type", "https://example.com/review/v1", "--predicate", "review.json").done()
    signed = call("sign", "--signer", uri, stdin=built.stdout).done().stdout
    (tmp_path / "app.intoto.json").write_bytes(signed)
    call("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl").done()
    vault.server.trouble(name, "unavailable")
    call("sign", "--signer", uri, stdin=built.stdout).refused(4, "kms-unreachable")


def test_opening_imports_no_library_of_azure() -> None:
    code = f"""
import sys
from attest import open_signer
open_signer("azurekms:{HOST}/keys/release").close()
print(sorted({{"azure", "msal", "requests", "cryptography.hazmat"}} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
