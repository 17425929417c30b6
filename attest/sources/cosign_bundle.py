"""The bundle of cosign before version 3: an envelope in base64, its certificate, and a log entry without proof.

Rule: it becomes what a Sigstore bundle v0.1 has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode
from attest.envelope import Envelope
from attest.errors import InputError
from attest.sources._document import UnverifiedEnvelope
from attest.sources._material import certified, log_entry, pem_chain, with_material

if TYPE_CHECKING:
    from attest.sources._document import Document

NAME: Final = "a bundle of cosign"


def recognises(document: Document) -> bool:
    """Whether a JSON object has a signature as cosign calls it."""
    return "base64Signature" in (document.members or {})


def read(document: Document) -> tuple[UnverifiedEnvelope]:
    """The envelope in a bundle. Raises InputError `container-unsupported` for the signature of a file."""
    members = document.members or {}
    limits = document.limits
    data = b64decode(members["base64Signature"], where="/base64Signature")
    if not data.lstrip().startswith(b"{"):
        message = "the bundle of cosign has no DSSE envelope: it is a signature over a file, not an attestation"
        raise InputError("container-unsupported", message, where="/base64Signature")
    try:
        envelope = Envelope.from_json(data, max_signatures=limits.signatures, max_depth=limits.depth)
    except InputError as error:
        raise error.below("/base64Signature") from None
    chain = []
    if members.get("cert"):
        text = b64decode(members["cert"], where="/cert").decode("utf-8", "replace")
        chain = pem_chain(text)
    material: dict[str, Any] = certified(chain)
    if members.get("rekorBundle") is not None:
        try:
            material["tlogEntries"] = [log_entry(members["rekorBundle"])]
        except InputError as error:
            raise error.below("/rekorBundle") from None
    return (UnverifiedEnvelope(with_material(envelope, material, "0.1")),)
