"""PyPI attestations (PEP 740): the objects in `*.publish.attestation` files.

Rule: an attestation is written only if PyPI could accept it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base.json import b64encode, dumps
from attest._base.text import plural
from attest.converting._evidence import evidence_in, material_of
from attest.envelope import PAYLOAD_TYPE
from attest.errors import InputError

if TYPE_CHECKING:
    from attest.envelope import Envelope


def attestation(envelope: Envelope) -> tuple[tuple[bytes], tuple[str, ...]]:
    """The attestation object, and what it does not hold.

    Raises InputError `not-convertible` unless the envelope has a statement and exactly one signature, with a
    certificate and one log entry; and as `convert`.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    if envelope.payload_type != PAYLOAD_TYPE:
        raise _cannot(f"needs the payload type {PAYLOAD_TYPE!r}, found {envelope.payload_type!r}", "/payloadType")
    if len(envelope.signatures) != 1:
        raise _cannot(f"has one signature, found {plural(len(envelope.signatures), 'signature')}", "/signatures")
    [signature] = envelope.signatures
    evidence = evidence_in(signature)
    if evidence is None:
        raise _cannot("needs a certificate, and the signature has none", "/signatures/0")
    if len(evidence.entries) != 1:
        raise _cannot(f"has one log entry, found {len(evidence.entries)}", "/signatures/0")
    material = material_of(signature, keep_hint=True)
    lost = list(material.lost)
    if (material.content.get("timestampVerificationData") or {}).get("rfc3161Timestamps"):
        lost.append("the timestamps")
    if evidence.intermediates:
        lost.append("the certificates above that of the signer")
    document = {
        "version": 1,
        "verification_material": {
            "certificate": b64encode(evidence.certificate.public_bytes(Encoding.DER)),
            "transparency_entries": [evidence.entries[0]],
        },
        "envelope": {"statement": b64encode(envelope.unverified_payload), "signature": b64encode(signature.sig)},
    }
    return (dumps(document),), tuple(lost)


def _cannot(message: str, where: str) -> InputError:
    return InputError("not-convertible", f"a PyPI attestation {message}", where=where)
