"""docs/trust/identities.md is executed: its commands verify published attestations, offline."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from attest.certificates import CLAIMS
from tests.support.reading import pages

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = pages.DOCS / "trust" / "identities.md"
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


def test_the_commands_verify_published_attestations(tmp_path: Path, shared_data: Path) -> None:
    data = shared_data / "identity"
    for name, file in FILES.items():
        (tmp_path / name).write_bytes((data / file).read_bytes())
    made = json.loads((data / "ca-cases.json").read_text())
    case = next(case for case in made["cases"] if case["id"] == COMPANY)
    (tmp_path / "app.intoto.json").write_text(json.dumps(case["document"]))
    for name, [certificate] in (("ca.pem", case["anchors"]), ("tsa.pem", case["timestamp_authorities"])):
        (tmp_path / name).write_text(made["certificates"][certificate])
    assert sum(command.output.startswith("verified: ") for command in pages.commands(GUIDE)) == 6
    assert pages.play(GUIDE, tmp_path, environ={}) == 18


def test_every_claim_is_in_the_guide() -> None:
    assert set(CLAIMS) <= set(re.findall(r"`([a-z-]+)`", GUIDE.read_text()))
