"""Answers of Azure Key Vault: refusals, redirects, other signatures, and none; each has a code and shows nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, open_signer, sign
from tests.support.making.statements import statement
from tests.support.services.azure import CUT, HIDDEN, HOST, TENANT, AzureVault, shows_nothing
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from pathlib import Path


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
