"""`attest doctor` shows what is there and what is wrong, and no secret: its output goes into public reports."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest import __version__
from attest.cli.doctor import _installation
from attest.signers.pkcs11 import configured
from tests.support.cli.calls import call
from tests.support.making.chains import R1, V2, envelope, roots_file
from tests.support.tokens.hsm import PIN, SoftHSM

if TYPE_CHECKING:
    from tests.support.cli.calls import Ran


@pytest.fixture(autouse=True)
def _at_home(among_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(among_inputs))
    for name in [name for name in os.environ if name.startswith("ATTEST_")]:
        monkeypatch.delenv(name)


def codes(ran: Ran) -> list[str]:
    """The codes of the problems of a result."""
    return [finding["code"] for finding in ran.json["findings"]]


def test_what_is_installed_is_shown_with_its_version() -> None:
    ran = call("doctor", "--no-modules", "--strict").done()
    text = ran.stdout.decode()
    assert text.startswith(f"attest {__version__}\n")
    assert f"cryptography                {version('cryptography')}\n" in text
    assert f"aws         boto3 {version('boto3')}\n" in text
    assert text.endswith("problems: none\n")


def test_a_missing_or_old_library_is_a_problem_and_a_missing_extra_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"click": "1.0", "jiter": None, "boto3": None, "azure-keyvault-keys": None}

    def installed(needed: Any) -> str | None:
        return there.get(needed.name, "9999")

    monkeypatch.setattr(_installation, "_installed", installed)
    ran = call("doctor", "--no-modules", "--format", "json").done()
    assert codes(ran) == ["library-outdated", "library-missing", "library-missing"]
    assert "pip install --upgrade 'attest-dsse[azure]'" in ran.json["findings"][2]["message"]
    text = call("doctor", "--no-modules").done().stdout.decode()
    assert "  aws         missing: pip install 'attest-dsse[aws]'\n" in text


def test_variables_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t-value"
    names = ["ATTEST_PIN", "ATTEST_PIN_release", "ATTEST_VAULT_ROLE_ID", "ATTEST_PASSPHRASE", "VAULT_TOKEN"]
    for name in (*names, "AWS_SECRET_ACCESS_KEY", "https_proxy", "ATTEST_SINGER"):
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("ATTEST_POLICY", "")
    monkeypatch.setenv("UNRELATED", secret)
    ran = call("doctor", "--no-modules", "--format", "json").done()
    assert {*names, "AWS_SECRET_ACCESS_KEY", "https_proxy", "ATTEST_POLICY", "ATTEST_SINGER"} <= {
        *ran.json["variables"]
    }
    assert "UNRELATED" not in ran.json["variables"]
    assert sorted(codes(ran)) == ["variable-empty", "variable-unknown"]
    text = call("doctor", "--no-modules").done().stdout
    assert b"did you mean ATTEST_SIGNER?" in text
    assert secret.encode() not in ran.stdout + text


def test_modules_and_tokens_are_shown_without_a_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hsm = SoftHSM.make(tmp_path / "hsm", "release")
    hsm.add_keys("release", "p256")
    monkeypatch.setenv("SOFTHSM2_CONF", hsm.environment["SOFTHSM2_CONF"])
    monkeypatch.setenv("ATTEST_PIN", PIN)
    module = configured.ConfiguredModule("softhsm", str(hsm.module))
    missing = configured.ConfiguredModule("gone", str(tmp_path / "gone.so"))
    monkeypatch.setattr(configured, "modules", lambda: [module, missing])
    ran = call("doctor", "--format", "json").done()
    token = next(one for one in ran.json["modules"][0]["tokens"] if one["token"] == "release")
    assert (token["initialised"], token["keys"]) == (True, 1)
    assert "serial" not in token
    assert ran.json["findings"][-1] == {
        "code": "module-not-found",
        "where": "/modules",
        "message": ran.json["findings"][-1]["message"],
    }
    assert "~/gone.so" in ran.json["findings"][-1]["message"]
    assert str(tmp_path).encode() not in ran.stdout
    assert PIN.encode() not in ran.stdout


def test_the_state_of_the_trust_bundle_is_shown_and_what_is_signed_is_unverified(tmp_path: Path) -> None:
    Path("2.signed.json").write_bytes(envelope(V2, R1))
    signed = call("doctor", "--no-modules", "--trust", str(tmp_path / "2.signed.json"), "--format", "json").done()
    assert (signed.json["unverified"]["version"], signed.json["unverified"]["file"]) == (2, "~/2.signed.json")
    assert "trust" not in signed.json
    assert "root-threshold-not-met" in codes(signed)
    plain = call("doctor", "--no-modules", "--trust", "trust.json", "--format", "json").done()
    assert plain.json["trust"]["anchors"] == ["release"]
    Path("roots.json").write_bytes(roots_file(R1))
    refused = call("doctor", "--no-modules", "--trust", "2.signed.json", "--trust-root", "roots.json", "--strict")
    refused.refused(1, "1 problem found (doctor-findings)")
    assert b"(root-threshold-not-met)" in refused.stdout
    assert codes(call("doctor", "--no-modules", "--trust", "nothing.json", "--format", "json")) == ["file-unreadable"]


def test_a_signer_is_reached_only_if_asked_and_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    call("key", "generate", "file:plain.pem").done()
    monkeypatch.setenv("ATTEST_PASSPHRASE", "open sesame")
    call("key", "generate", "file:locked.pem", "--encrypt").done()
    monkeypatch.setenv("ATTEST_SIGNER", "file:nothing.pem")
    ran = call(
        "doctor", "--no-modules", "--connect", "file:plain.pem", "--connect", "file:locked.pem", "--format", "json"
    )
    plain, locked = ran.done().json["signers"]
    assert (plain["algorithm"], plain["error"]) == ("ed25519", None)
    assert locked["code"] == "passphrase-missing"
    assert codes(ran) == ["passphrase-missing"]
