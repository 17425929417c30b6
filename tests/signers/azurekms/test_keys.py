"""Keys in Azure Key Vault: what names one, which version signs, which is refused, and how a new one is made."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, generate_key, open_signer
from tests.support.cli.calls import call
from tests.support.services.azure import HOST, AzureVault
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path


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
