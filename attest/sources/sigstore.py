"""Sigstore bundles v0.1 to v0.3: the DSSE envelope in one, and what is needed to verify its signature.

Rule: exactly one envelope, one signature and one kind of key, as bundle.proto has it; nothing here is verified.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.errors import InputError
from attest.sources._document import UnverifiedEnvelope, demand_object, envelope_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.sources._document import Document

NAME: Final = "a Sigstore bundle"
_MARK: Final = "application/vnd.dev.sigstore.bundle"
# bundle.proto of sigstore/protobuf-specs, v0.1 to v0.3; the last has two spellings.
_READ: Final = re.compile(
    r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=(0\.[123])|\.v(0\.3)\+json)", re.ASCII
)
# What else a reader of JSON could take for what was signed: other content of a bundle, and an envelope that it is too.
_RIVALS: Final = ("messageSignature", "payload", "payloadType", "signatures")
_KEYS: Final = ("certificate", "x509CertificateChain", "publicKey")


def recognises(document: Document) -> bool:
    """Whether a JSON object says that it is a Sigstore bundle, of whatever version."""
    members = document.members or {}
    kind = members.get("mediaType", members.get("media_type"))
    return isinstance(kind, str) and kind.startswith(_MARK)


def read(document: Document) -> tuple[UnverifiedEnvelope]:
    """The envelope in a bundle; its signature has the verification material of the bundle, whole.

    A v0.3 bundle may have a chain, because model-signing writes such (docs/adr/0048). Raises InputError
    `sigstore-unsupported` for another version or content, `container-invalid` for what a bundle must not be, and what
    reading an envelope raises.
    """
    # Every document is asked whether it is a Sigstore bundle, and most are none.
    from attest._base.protojson import renamed
    from attest.sources._material import with_material

    bundle = renamed(document.members or {})
    version = _READ.fullmatch(str(bundle["mediaType"]))
    if version is None:
        message = f"expected a Sigstore bundle of version 0.1 to 0.3, found media type {bundle['mediaType']!r}"
        raise InputError("sigstore-unsupported", message, where="/mediaType")
    content = bundle.get("dsseEnvelope")
    if not isinstance(content, dict):
        raise InputError(
            "sigstore-unsupported",
            "the Sigstore bundle has no DSSE envelope: it is a signature over a file, not an attestation",
            where="/dsseEnvelope",
        )
    for name in _RIVALS:
        if bundle.get(name) is not None:
            message = f"the Sigstore bundle has {name} as well as dsseEnvelope, so its content is ambiguous"
            raise InputError("sigstore-unsupported", message, where=f"/{name}")
    material = _material(bundle.get("verificationMaterial"))
    try:
        envelope = with_material(envelope_of(renamed(content), document.limits), material, version[1] or version[2])
    except InputError as error:
        raise error.below("/dsseEnvelope") from None
    return (UnverifiedEnvelope(envelope, tuple(_unchecked(material))),)


def _material(value: Any) -> dict[str, Any]:
    from attest._base.protojson import camel_case

    try:
        material: dict[str, Any] = camel_case(demand_object(value, "what is needed to verify the signature"))
        keys = [name for name in _KEYS if material.get(name) is not None]
        if len(keys) != 1:
            found = " and ".join(keys) or "none"
            raise InputError("container-invalid", f"expected one of {', '.join(_KEYS)}, found {found}")
    except InputError as error:
        raise error.below("/verificationMaterial") from None
    return material


def _unchecked(material: Mapping[str, Any]) -> Iterator[str]:
    """What the certificate of a signature would be checked with, and its key is not."""
    entries = material.get("tlogEntries")
    if isinstance(entries, list) and entries and material.get("publicKey") is not None:
        yield f"transparency log entries that were not checked: {len(entries):,}"
