"""Every container that attestations come in: what is in the published ones, and what a broken one is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from attest.certificates.evidence import evidence_of
from attest.sources import read_all, read_layer
from tests.support.missing import missing

IDENTITY = Path(__file__).parents[3] / "shared" / "data" / "identity"
FILES: list[dict[str, Any]] = (
    json.loads((IDENTITY / "containers.json").read_text())["files"] if IDENTITY.is_dir() else []
)


# A bundle has one signature, and base64 has one spelling (docs/adr/0005); neither is a valid attestation.
REFUSED = {
    "sigstore-go-two-signatures.json": "container-invalid",
    "slsa-verifier-invalid-dsse-sig.json": "base64-invalid",
}
ALONE = ("sigstore-bundle", "dsse", "dsse-cert", "cosign-old-bundle", "pep740-attestation")


def published() -> list[Any]:
    return [pytest.param(row, id=Path(row["file"]).name) for row in FILES]


def carried(envelope: Any) -> set[str]:
    """What a signature brings, in the words of containers.json."""
    [signature] = envelope.signatures
    fields = signature.fields or {}
    material = fields.get("extension", {}).get("ext", {})
    found = {name for name in ("x509CertificateChain", "certificate", "publicKey") if material.get(name)}
    found |= {"certificate"} if "cert" in fields else set()
    found |= {"log-entry"} if material.get("tlogEntries") else set()
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps")
    return found | ({"timestamp"} if stamps else set())


def test_there_are_published_files() -> None:
    if not FILES:
        missing("the published containers in shared/data/identity")
    assert len(FILES) == 53


@pytest.mark.parametrize("row", published())
def test_what_is_in_a_published_file(row: dict[str, Any]) -> None:
    path = IDENTITY / row["file"]
    if row["container"] == "cosign-att-layer":
        layers = json.loads(path.read_text())["layers"]
        layer = path.with_name(path.name.replace("manifest", "layer0")).read_bytes()
        read = [read_layer(layer, layers[0]["annotations"]).envelope]
    elif path.name in REFUSED or "expect" in row["attestations"][0]:
        [found] = read_all([str(path)])
        assert found.error is not None
        assert found.error.code == REFUSED.get(path.name, "sigstore-unsupported")
        return
    else:
        found_all = list(read_all([str(path)]))
        assert {one.is_one_of_many for one in found_all} == {row["container"] not in ALONE}
        read = [one.envelope for one in found_all if one.envelope is not None]
    assert len(read) == len(row["attestations"])
    for envelope, expected in zip(read, row["attestations"], strict=True):
        assert hashlib.sha256(envelope.unverified_payload).hexdigest() == expected["payload_sha256"]
        assert envelope.payload_type == expected["payload_type"]
        assert len(envelope.signatures) == expected["signatures"]
        if expected["signatures"] == 1:
            carries = carried(envelope)
            if "cosign" in row["container"]:
                carries = {name.replace("x509CertificateChain", "certificate") for name in carries}
            assert carries == set(expected["carries"])
            evidence = evidence_of(envelope.signatures[0])
            assert (evidence is not None) is bool(carries & {"certificate", "x509CertificateChain"})
        if expected["predicate_type"] is not None:
            assert json.loads(envelope.unverified_payload).get("predicateType") == expected["predicate_type"]
