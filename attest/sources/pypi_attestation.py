"""Attestations of PyPI: the attestation object of PEP 740, `*.publish.attestation`.

Rule: its payload type is implied, and it is a Sigstore bundle v0.3 in other words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, b64encode
from attest._base.protojson import camel_case
from attest.envelope import PAYLOAD_TYPE, Envelope, Signature
from attest.errors import InputError
from attest.sources._document import UnverifiedEnvelope, demand_list, demand_object
from attest.sources._material import with_material

if TYPE_CHECKING:
    from attest.sources._document import Document

NAME: Final = "a PyPI attestation"


def recognises(document: Document) -> bool:
    """Whether a JSON object has the members of an attestation object."""
    members = document.members or {}
    return "verification_material" in members and "envelope" in members and "version" in members


def read(document: Document) -> tuple[UnverifiedEnvelope]:
    """The envelope in an attestation object.

    Raises InputError `container-unsupported` for another version than 1, `container-invalid` and `base64-invalid`.
    """
    members = document.members or {}
    demand_version_1(members, NAME)
    content = demand_object(members["envelope"], "`envelope`")
    material = demand_object(members["verification_material"], "`verification_material`")
    entries = demand_list(material.get("transparency_entries"), "`transparency_entries`")
    certificate = material.get("certificate")
    if not isinstance(certificate, str):
        where = "/verification_material/certificate"
        raise InputError("container-invalid", "expected a certificate in base64", where=where)
    payload, sig = (_decoded(content.get(name), f"/envelope/{name}") for name in ("statement", "signature"))
    envelope = Envelope(payload, PAYLOAD_TYPE, (Signature("", sig, {"sig": b64encode(sig)}),))
    brought = {"certificate": {"rawBytes": _joined(certificate)}, "tlogEntries": camel_case(entries)}
    return (UnverifiedEnvelope(with_material(envelope, brought, "0.3")),)


def _decoded(text: Any, where: str) -> bytes:
    return b64decode(_joined(text) if isinstance(text, str) else text, where=where)


def _joined(text: str) -> str:
    """Base64 without the line breaks that pypi-attestations wrote until 2024, as MIME has them."""
    return text.replace("\n", "")


def demand_version_1(members: dict[str, Any], what: str) -> None:
    """Raises InputError `container-unsupported` for another version."""
    version = members.get("version")
    if version != 1 or version is True:
        message = f"expected {what} of version 1, found {version!r}"
        raise InputError("container-unsupported", message, where="/version")
