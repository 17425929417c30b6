"""Sigstore bundles v0.1 to v0.3: the DSSE envelope in one, and what else it brings that is not checked here.

Rule: nothing of a bundle but its envelope counts; whose key signed is for the trust bundle to say.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, b64encode, dumps
from attest.envelope import Envelope
from attest.errors import InputError, Rejected
from attest.sources._document import UnverifiedEnvelope
from attest.timestamps.authorities import FIELD, MAX_TOKENS, TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.sources._document import Document

MARK: Final = b"application/vnd.dev.sigstore.bundle"
# bundle.proto of sigstore/protobuf-specs, v0.1 to v0.3; the last has two spellings.
_READ: Final = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\+json;version=0\.[123]|\.v0\.3\+json)", re.ASCII)
# What else a reader of JSON could take for what was signed: other content of a bundle, and an envelope that it is too.
_RIVALS: Final = ("messageSignature", "message_signature", "dsse_envelope", "payload", "payloadType", "signatures")


def recognises(document: Document) -> bool:
    """Whether a JSON object says that it is a Sigstore bundle, of whatever version.

    Raises InputError `json-invalid` or `json-too-deep` for what could be one and cannot be parsed.
    """
    if MARK not in document.data:  # so that no other document is parsed to find out
        return False
    kind = (document.members or {}).get("mediaType")
    return isinstance(kind, str) and kind.startswith(MARK.decode())


def read(document: Document) -> tuple[UnverifiedEnvelope]:
    """The envelope in a bundle, and what the bundle claims beside it and nobody checked.

    A public key's hint becomes the keyid where there is none, as a hint; RFC 3161 timestamps are put beside the
    signature as `attest.timestamps` reads them. Raises InputError `sigstore-unsupported` for another version or
    content, or more of it than one, and what reading an envelope raises.
    """
    bundle = document.members or {}
    if not _READ.fullmatch(str(bundle["mediaType"])):
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
        if name in bundle:
            message = f"the Sigstore bundle has {name} as well as dsseEnvelope, so its content is ambiguous"
            raise InputError("sigstore-unsupported", message, where=f"/{name}")
    try:
        envelope = Envelope.from_json(dumps(content), max_signatures=document.limits.signatures)
    except InputError as error:
        raise error.below("/dsseEnvelope") from None
    material = bundle.get("verificationMaterial")
    material = material if isinstance(material, dict) else {}
    signatures = envelope.signatures
    unchecked = list(_unchecked(material))
    if len(signatures) != 1:
        unchecked += ["its timestamps were not checked: it has several signatures"] if any(_tokens(material)) else []
    else:  # as the specification has it
        keyid = signatures[0].keyid or _text(material, "publicKey", "hint")
        tokens = list(_tokens(material))
        fields = {**signatures[0].to_dict(), "keyid": keyid, **({FIELD: tokens} if tokens else {})}
        signatures = (replace(signatures[0], keyid=keyid, fields=fields),)
    return (UnverifiedEnvelope(replace(envelope, signatures=signatures, raw=None), tuple(unchecked)),)


def _unchecked(material: Mapping[str, Any]) -> Iterator[str]:
    entries = material.get("tlogEntries")
    if isinstance(entries, list) and entries:
        yield f"transparency log entries that were not checked: {len(entries):,}"
    if material.get("x509CertificateChain") or material.get("certificate"):
        yield "the certificate was not checked: neither its identity nor its issuer"


def _tokens(material: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The timestamps as the field beside a signature has them: the token, out of the authority's whole answer."""
    from attest.timestamps import tokens as tokens

    data = material.get("timestampVerificationData")
    entries = data.get("rfc3161Timestamps") if isinstance(data, dict) else None
    for entry in entries[:MAX_TOKENS] if isinstance(entries, list) else ():
        text = entry.get("signedTimestamp") if isinstance(entry, dict) else None
        try:
            token = b64encode(tokens.unwrap(b64decode(text, where="")))
        except (InputError, Rejected):
            token = text if isinstance(text, str) else ""  # proves nothing, which is reported when it is checked
        yield {"type": TYPE, "data": token}


def _text(material: Mapping[str, Any], *steps: str) -> str:
    found: Any = material
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
