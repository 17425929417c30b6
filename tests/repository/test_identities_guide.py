"""docs/trust/identities.md is executed: its commands verify published attestations, offline."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from attest.certificates import CLAIMS
from tests.support.cli import call

GUIDE = (Path(__file__).parents[2] / "docs" / "trust" / "identities.md").read_text()
# What the guide calls the files of data/identity.
FILES = {
    "sigstore.json": "roots/public-good.json",
    "github.json": "roots/github.json",
    "slsa-generator.sigstore.json": "files/slsa-generator-v2.1.json",
    "private.jsonl": "files/gh-private.jsonl",
    "release.sigstore.json": "files/gh-release.json",
    "gundam-visor.json": "files/npm-registry-publish.json",
    "pypi_attestations-0.0.19.provenance": "files/pypi-provenance-object.provenance.json",
}
COMPANY = "expired-but-timestamped-witness"


class Command(NamedTuple):
    line: str
    output: list[str]


def commands() -> list[Command]:
    blocks = re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    found = []
    for part in re.split(r"^\$ ", "".join(blocks).replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        line, *output = part.splitlines()
        found.append(Command(line, output))
    return found


@pytest.fixture
def workshop(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = shared_data / "identity"
    for name, file in FILES.items():
        (tmp_path / name).write_bytes((data / file).read_bytes())
    made = json.loads((data / "ca-cases.json").read_text())
    case = next(case for case in made["cases"] if case["id"] == COMPANY)
    (tmp_path / "app.intoto.json").write_text(json.dumps(case["document"]))
    for name, [certificate] in (("ca.pem", case["anchors"]), ("tsa.pem", case["timestamp_authorities"])):
        (tmp_path / name).write_text(made["certificates"][certificate])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_verify_published_attestations(workshop: Path) -> None:
    verified = 0
    for command in commands():
        program, *words = shlex.split(command.line)
        assert program == "attest"
        ran = call(*words)
        assert ran.code == 0, (command.line, ran.stderr.decode())
        printed = iter(ran.stdout.decode().splitlines())
        assert all(line in printed for line in command.output), (command.line, ran.stdout.decode())
        verified += words[0] == "verify"
    assert verified == 6


def test_every_claim_is_in_the_guide() -> None:
    assert set(CLAIMS) <= set(re.findall(r"`([a-z-]+)`", GUIDE))
