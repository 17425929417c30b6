"""The main job with keys in services, on the command line: a trust bundle of them, signing, verifying, and refusals."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli.calls import call
from tests.support.services import kms
from tests.support.services.servers import absent

TYPE = "https://example.com/review/v1"
SCHEMES = ["awskms", "hv"]


@pytest.fixture
def uris(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The URI of a key for each scheme, whose services the SDKs find."""
    moto, bao, name = kms.moto(), kms.bao(), tmp_path.name
    kms.use(monkeypatch, aws=moto.url, vault=bao.url)
    moto.key("ECC_NIST_P384", alias=f"alias/{name}")
    bao.key(name)
    monkeypatch.chdir(tmp_path)
    Path("app.whl").write_bytes(b"hello\n")
    Path("review.json").write_bytes(b'{"good": true}')
    return {"awskms": f"awskms:alias/{name}", "hv": f"hv:{name}/1"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_in_a_service_does_the_main_job(uris: dict[str, str], scheme: str) -> None:
    uri = uris[scheme]
    pem = call("key", "export", uri).done().stdout
    Path("release.pub.pem").write_bytes(pem)
    for named in (uri, "release.pub.pem"):
        trust = f"trust-{'by-uri' if named == uri else 'by-file'}.json"
        call("trust", "init", "--anchor", "release", "--key", named, "-o", trust).done()
        built = call("build", "app.whl", "--type", TYPE, "--predicate", "review.json").done().stdout
        signed = call("sign", "--signer", uri, stdin=built).done().stdout
        Path("app.intoto.json").write_bytes(signed)
        verified = call("verify", "app.intoto.json", "--trust", trust, "--artifact", "app.whl").done()
        assert verified.stdout.startswith(b"verified: app.intoto.json")


def test_two_services_meet_a_threshold_together_and_the_trust_bundle_knows_them(uris: dict[str, str]) -> None:
    keys = [argument for uri in uris.values() for argument in ("--key", uri)]
    call("trust", "init", "--anchor", "release", *keys, "--threshold", "2", "-o", "trust.json").done()
    built = call("build", "app.whl", "--type", TYPE, "--predicate", "review.json").done().stdout
    signed = call("sign", "--trust", "trust.json", "--anchor", "release", stdin=built).done().stdout
    Path("app.intoto.json").write_bytes(signed)
    call("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl").done()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_in_a_service_is_checked(uris: dict[str, str], scheme: str) -> None:
    for command in ("signer", "key"):
        said = call(command, "check", uris[scheme], "--format", "json").done().json
        assert said["signer"] == uris[scheme]
        assert said["key"]["simulated"] is False


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_service_that_is_away_is_exit_4_and_one_line(
    uris: dict[str, str], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms.use(monkeypatch, aws=absent(), vault=absent())
    call("signer", "check", uris[scheme]).refused(4, "kms-unreachable")


@pytest.mark.parametrize("uri", ["awskms:alias/x?region=eu", "awskms:a b", "hv:release/0", "hv:release/1?timeout=0"])
def test_a_uri_that_names_no_key_is_a_wrong_command_line(uri: str) -> None:
    assert call("signer", "check", uri).code == 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_that_exists_in_a_service_is_not_made_anew(uris: dict[str, str], scheme: str) -> None:
    call("key", "generate", uris[scheme]).refused(4, "key-exists")


@pytest.mark.parametrize(("scheme", "version"), [("awskms:alias/", None), ("hv:", "/1")])
def test_a_key_in_a_kms_is_generated_and_its_version_is_printed(
    scheme: str, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms.use(monkeypatch, aws=kms.moto().url, vault=kms.bao().url)
    uri = f"{scheme}{uuid4()}"
    used = f"{uri}{version or ''}"
    made = call("key", "generate", uri, "--format", "json").done().json
    assert (made["signer"], made["key"]["algorithm"]) == (used, "ecdsa-sha2-nistp256")
    assert made["version"] == (version and used)
    checked = call("key", "check", uri).done()
    assert (f"  version     {used}".encode() in checked.stdout) is (version is not None)
    call("key", "generate", uri).refused(4, "key-exists")
    assert call("key", "generate", uri, "--encrypt").code == 2
