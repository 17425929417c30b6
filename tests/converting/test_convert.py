"""Real attestations, converted and read again: everything that is signed and all material is still there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from attest.certificates import material_of
from attest.converting import Target, convert
from attest.errors import AttestError, InputError
from attest.sources import read, read_all
from tests.support.making.identity_cases import DATA
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest import Envelope, Signature

PYPI = {"pep740-pair.attestation", "pypi-attestations-publish.attestation", "pypi-attestations-slsa.attestation"}

NOT_IN_TOTO = {"gh-invalid-signature.json"}


def real() -> list[tuple[str, Envelope]]:
    """Every attestation in shared/data/identity that can be read."""
    found = read_all([str(path) for path in sorted(DATA.glob("files/*"))])
    return [(one.name.rpartition("/")[2], one.envelope) for one in found if one.envelope is not None]


REAL = real()
every = pytest.mark.parametrize(("name", "envelope"), REAL, ids=[name for name, _ in REAL])


class Signed(NamedTuple):
    """What is signed, by which signature, and the material beside it."""

    payload: bytes
    payload_type: str
    sig: bytes
    leaf: bytes | None
    entries: list[Any]
    timestamps: list[Any]


def signed(envelope: Envelope) -> list[Signed]:
    return [
        Signed(envelope.unverified_payload, envelope.payload_type, one.sig, *_brought(one))
        for one in envelope.signatures
    ]


def _brought(signature: Signature) -> tuple[bytes | None, list[Any], list[Any]]:
    brought = material_of(signature)
    material = ((signature.fields or {}).get("extension") or {}).get("ext", {})
    timestamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or []
    if brought is None:
        return None, material.get("tlogEntries") or [], timestamps
    return brought.certificate.tbs_certificate_bytes, list(brought.entries), timestamps


def through(envelope: Envelope, *targets: Target) -> list[Envelope]:
    """The attestations after these conversions, one after the other."""
    envelopes = [envelope]
    for target in targets:
        documents = [document for one in envelopes for document in convert(one, target).documents]
        envelopes = [one.envelope for document in documents for one in read(document)]
    return envelopes


@every
@pytest.mark.parametrize("targets", [("dsse",), ("sigstore",), ("sigstore", "dsse", "sigstore"), ("jsonl", "jsonl")])
def test_nothing_is_lost(name: str, envelope: Envelope, targets: tuple[Target, ...]) -> None:
    assert [one for made in through(envelope, *targets) for one in signed(made)] == signed(envelope)
    assert all(not convert(envelope, target).lost for target in targets)


@every
def test_a_sigstore_bundle_is_as_the_libraries_of_sigstore_write_it(name: str, envelope: Envelope) -> None:
    for document in convert(envelope, "sigstore").documents:
        bundle = json.loads(document)
        material, content = bundle["verificationMaterial"], bundle["dsseEnvelope"]
        assert [set(one) for one in content["signatures"]] == [{"sig"}]
        assert len({"certificate", "x509CertificateChain", "publicKey"} & set(material)) == 1
        assert ("x509CertificateChain" in material) <= (bundle["mediaType"][-3:] in ("0.1", "0.2"))


@every
def test_a_pypi_attestation_is_read_again_or_refused(name: str, envelope: Envelope) -> None:
    material = material_of(envelope.signatures[0])
    entries = () if material is None else material.entries
    proven = len(entries) == 1 and (entries[0].get("inclusionProof") or {}).get("checkpoint")
    if len(envelope.signatures) != 1 or not proven or name in NOT_IN_TOTO:
        assert name not in PYPI
        with refused(InputError, "not-convertible"):
            convert(envelope, "pep740")
        return
    converted = convert(envelope, "pep740")
    [[again]] = [signed(made) for made in through(envelope, "pep740")]
    [before] = signed(envelope)
    assert again._replace(timestamps=[]) == before._replace(timestamps=[])
    assert ("the timestamps" in converted.lost) == bool(before.timestamps)


def test_the_pair_that_pypi_attestations_wrote_is_written_the_same() -> None:
    bundle, attestation = (DATA / "files" / f"pep740-pair.{end}" for end in ("sigstore.json", "attestation"))
    [made] = convert(bundle.read_bytes(), "pep740").documents
    assert json.loads(made) == json.loads(attestation.read_bytes())
    [back] = convert(attestation.read_bytes(), "sigstore").documents
    theirs, ours = json.loads(bundle.read_bytes()), json.loads(back)
    assert theirs["verificationMaterial"].pop("timestampVerificationData") == {}
    assert ours == theirs


@pytest.mark.parametrize("target", ["dsse", "pep740"])
def test_a_file_for_one_attestation_holds_no_two(target: Target) -> None:
    two = (DATA / "files" / "npm-registry-publish.json").read_bytes()
    with refused(InputError, "not-convertible"):
        convert(two, target)
    assert len(convert(two, "jsonl").documents) == 2


def test_an_unreadable_document_is_no_attestation() -> None:
    with pytest.raises(AttestError):
        convert(b"{}", "sigstore")
