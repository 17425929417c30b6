"""PyPI attestations (PEP 740): the objects in `*.publish.attestation` files.

Rule: an attestation is written only if PyPI could accept it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base.json import b64encode, dumps
from attest._base.text import plural
from attest.converting._material import material_in, outer_fields, sigstore_material
from attest.envelope import PAYLOAD_TYPE
from attest.errors import InputError

if TYPE_CHECKING:
    from attest.envelope import Envelope


def attestation(envelope: Envelope) -> tuple[tuple[bytes], tuple[str, ...]]:
    """The attestation object, and what it does not hold.

    Raises InputError `not-convertible` unless the envelope has a statement and exactly one signature, with a
    certificate and one log entry with an inclusion proof; and as `convert`.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    if envelope.payload_type != PAYLOAD_TYPE:
        raise _cannot(f"needs the payload type {PAYLOAD_TYPE!r}, found {envelope.payload_type!r}", "/payloadType")
    if len(envelope.signatures) != 1:
        raise _cannot(f"has one signature, found {plural(len(envelope.signatures), 'signature')}", "/signatures")
    [signature] = envelope.signatures
    brought = material_in(signature)
    if brought is None:
        raise _cannot("needs a certificate, and the signature has none", "/signatures/0")
    if len(brought.entries) != 1:
        raise _cannot(f"has one log entry, found {len(brought.entries)}", "/signatures/0")
    material = sigstore_material(signature, keep_hint=True)
    [entry] = material.content["tlogEntries"]
    proof = entry.get("inclusionProof")
    if not isinstance(proof, dict) or not proof.get("checkpoint"):
        raise _cannot("needs the inclusion proof of its log entry, with a checkpoint", "/signatures/0")
    lost = [*outer_fields(envelope), *material.lost]
    if (material.content.get("timestampVerificationData") or {}).get("rfc3161Timestamps"):
        lost.append("the timestamps")
    if brought.intermediates:
        lost.append("the certificates above that of the signer")
    document = {
        "version": 1,
        "verification_material": {
            "certificate": b64encode(brought.certificate.public_bytes(Encoding.DER)),
            "transparency_entries": [entry],
        },
        "envelope": {"statement": b64encode(envelope.unverified_payload), "signature": b64encode(signature.sig)},
    }
    return (dumps(document),), tuple(lost)


def _cannot(message: str, where: str) -> InputError:
    return InputError("not-convertible", f"a PyPI attestation {message}", where=where)
