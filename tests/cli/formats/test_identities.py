"""Who signed by certificate is visible in every format, and who only claims to have is marked as not verified."""

from __future__ import annotations

import json
from html import unescape
from typing import TYPE_CHECKING

import pytest

from attest.cli import formats
from tests.support.cli.calls import SCHEMA, call
from tests.support.making.identity_cases import DATA

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = "https://token.actions.githubusercontent.com"
JS = "https://github.com/sigstore/sigstore-js"
NAME = f"uri:{JS}/.github/workflows/release.yml@refs/heads/main"
SOURCE = ("--claim", f"source-repository-uri={JS}")
FORMATS = ["text", *formats.names()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("who")
    bundle = (DATA / "files" / "sigstore-go-npm-provenance.json").read_bytes()
    (made / "bundle.json").write_bytes(bundle)
    (made / "bundles.jsonl").write_bytes(json.dumps(json.loads(bundle)).encode() + b"\n")
    init = ("trust", "init", "--anchor", "js", "--authority", f"sigstore={DATA / 'roots' / 'public-good.json'}")
    for name, san in (("trusted.json", NAME), ("other.json", f"{NAME}-2")):
        call(*init, "--identity", san, "--issuer", GITHUB, *SOURCE, "-o", str(made / name)).done()
    return made


@pytest.mark.parametrize("file", ["bundle.json", "bundles.jsonl"])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_who_signed(kind: str, file: str, folder: Path) -> None:
    words = ("verify", str(folder / file), "--trust", str(folder / "trusted.json"), "--no-artifact", "--format", kind)
    ran = call(*words)
    printed = unescape(ran.stdout.decode())
    assert ran.code == 0
    for part in (NAME.partition(":")[2], GITHUB, JS, "sigstore"):
        assert part in printed
    assert "unverified," not in printed


@pytest.mark.parametrize("file", ["bundle.json", "bundles.jsonl"])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_that_a_name_is_not_verified(kind: str, file: str, folder: Path) -> None:
    words = ("verify", str(folder / file), "--trust", str(folder / "other.json"), "--no-artifact", "--format", kind)
    ran = call(*words)
    printed = unescape((ran.stdout if ran.stdout else ran.stderr).decode())
    assert (ran.code, f"names, unverified, {NAME}, issuer {GITHUB}" in printed, "signed by" in printed) == (
        1,
        True,
        False,
    )
    # What is to be pasted is the end of the hint.
    command = f"--authority sigstore --identity {NAME} --issuer {GITHUB} --claim source-repository-uri={JS}"
    assert f"attest trust add FILE --anchor NAME {command}\n" in ran.stderr.decode()


def test_the_suggested_command_makes_the_attestation_verify(folder: Path, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    trust.write_bytes((folder / "other.json").read_bytes())
    words = ("verify", str(folder / "bundle.json"), "--trust", str(trust), "--no-artifact")
    hint = call(*words).stderr.decode().splitlines()[-1]
    command = hint[hint.index("attest trust add") :].replace("FILE", str(trust)).replace("NAME", "js")
    call(*command.split()[1:]).done()
    call(*words).done()


def test_the_schema_names_every_field_of_who_signed(folder: Path) -> None:
    schema = json.loads(SCHEMA.read_text())["$defs"]
    for name, field, described in (
        ("trusted.json", "identity", schema["Identity"]),
        ("other.json", "unverified_identity", schema["Signature"]["properties"]["unverified_identity"]),
    ):
        words = ("verify", str(folder / "bundle.json"), "--trust", str(folder / name), "--no-artifact")
        [signature] = call(*words, "--format", "json").json["envelopes"][0]["signatures"]
        assert set(signature[field]) == set(described["properties"])
