"""Credentials for Azure Key Vault: who gets a token, what Entra ID answers, and what is not waited for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from attest import SignerError, open_signer
from tests.support.services.azure import HIDDEN, AzureVault, shows_nothing
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path


def challenges_forgotten() -> None:
    """Let the library ask the vault again where its tokens are from: it remembers that for the whole process."""
    from azure.keyvault.keys._shared import http_challenge_cache

    http_challenge_cache.clear()


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
