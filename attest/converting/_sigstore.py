"""Sigstore bundles, as cosign, gh and the libraries of Sigstore accept them (sigstore_bundle.proto).

Rule: a bundle has one signature, and its envelope has no keyid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64encode, dumps, pointer
from attest.converting._material import outer_fields, sigstore_material
from attest.errors import InputError

if TYPE_CHECKING:
    from attest.envelope import Envelope

_MEDIA_TYPES: Final = {
    "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "0.3": "application/vnd.dev.sigstore.bundle.v0.3+json",
}


def bundles(envelope: Envelope, *, keep_hint: bool) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """A bundle for each signature, and what they do not hold. Raises InputError as `convert`."""
    if not envelope.signatures:
        raise InputError("not-convertible", "the envelope has no signatures", where="/signatures")
    lost = outer_fields(envelope)
    made = []
    for index, signature in enumerate(envelope.signatures):
        try:
            material = sigstore_material(signature, keep_hint=keep_hint)
        except InputError as error:
            raise error.below(pointer("signatures", index)) from None
        content: dict[str, Any] = {
            "payload": b64encode(envelope.unverified_payload),
            "payloadType": envelope.payload_type,
            "signatures": [{"sig": b64encode(signature.sig)}],
        }
        media_type = _MEDIA_TYPES[material.version]
        made.append(dumps({"mediaType": media_type, "verificationMaterial": material.content, "dsseEnvelope": content}))
        lost += material.lost
    return tuple(made), tuple(lost)
