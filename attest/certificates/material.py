"""Verification material: the certificate, chain and log entries that a signature brings, read but not verified.

Rule: a signature that brings two certificates of its own is ambiguous, and has none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode
from attest._base.protojson import renamed
from attest.errors import InputError, Rejected
from attest.keys.formats import load_certificate
from attest.timestamps.authorities import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.x509 import Certificate

    from attest.envelope import Signature

MAX_CERTIFICATES: Final = 10  # that one signature brings
MAX_CERTIFICATE: Final = 64 << 10
MAX_ENTRIES: Final = 8  # of a transparency log

# A kind of signature extension (DSSE v1.1, envelope.md): `ext` is a VerificationMaterial (sigstore_bundle.proto).
KIND: Final = "application/vnd.dev.sigstore.verificationmaterial;version="
_KIND: Final = re.compile(re.escape(KIND) + r"(0\.[123])", re.ASCII)
_FORMS: Final = (EXTENSION, "cert", "certificate")
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class VerificationMaterial(NamedTuple):
    """What a signature brings, all of it unverified.

    `entries` are TransparencyLogEntry messages (sigstore_rekor.proto) as JSON. `version` is that of the Sigstore
    bundle, or None if the certificates stand beside the signature in another form.
    """

    certificate: Certificate
    intermediates: tuple[Certificate, ...] = ()
    entries: tuple[Mapping[str, Any], ...] = ()
    version: str | None = None


def has_certificate(signature: Signature) -> bool:
    """Whether a signature seems to bring a certificate; nothing is parsed."""
    return signature.fields is not None and any(name in signature.fields for name in _FORMS)


def material_of(signature: Signature) -> VerificationMaterial | None:
    """What a signature brings in one of three forms, or None if it brings no certificate.

    These are a Sigstore extension, `cert` (PEM, leaf first), and `certificate` with `intermediates` (base64 of PEM, as
    witness writes them). Raises Rejected `certificate-invalid` or `log-entry-invalid`.
    """
    fields = signature.fields or {}
    found = [name for name in _FORMS if fields.get(name) is not None]
    if not found:
        return None
    if len(found) > 1:
        raise _unreadable(f"the signature has {found[0]} and {found[1]}, so its certificate is ambiguous")
    if found == [EXTENSION]:
        return _from_extension(fields[EXTENSION])
    if found == ["cert"]:
        return _chain(_blocks(fields["cert"]))
    texts = [fields["certificate"], *_listed(fields.get("intermediates"), "intermediates")]
    return _chain([block for text in texts for block in _one_block(text)])


def _from_extension(extension: Any) -> VerificationMaterial | None:
    kind = extension.get("kind") if isinstance(extension, dict) else None
    found = _KIND.fullmatch(kind) if isinstance(kind, str) else None
    if found is None:
        return None  # an extension of another program
    material = extension.get("ext")
    if not isinstance(material, dict):
        raise _unreadable("the verification material of the signature is not an object")
    material = _named(material)
    one, chain = material.get("certificate"), material.get("x509CertificateChain")
    if one is None and chain is None:
        return None
    if one is not None and chain is not None:
        raise _unreadable("the signature has a certificate and a chain, so its certificate is ambiguous")
    if material.get("publicKey") is not None:
        raise _unreadable("the signature has a certificate and a public key, so its signer is ambiguous")
    listed = [one] if one is not None else _listed(_member(chain, "certificates"), "certificates")
    entries = _listed(material.get("tlogEntries"), "tlogEntries")
    if len(entries) > MAX_ENTRIES or not all(isinstance(entry, dict) for entry in entries):
        raise Rejected("log-entry-invalid", f"expected at most {MAX_ENTRIES} log entries, each an object")
    return _chain([_decoded(_member(entry, "rawBytes")) for entry in listed], tuple(entries), found[1])


def _chain(
    ders: list[bytes], entries: tuple[Mapping[str, Any], ...] = (), version: str | None = None
) -> VerificationMaterial:
    if not 1 <= len(ders) <= MAX_CERTIFICATES:
        raise _unreadable(f"expected 1 to {MAX_CERTIFICATES} certificates with the signature, found {len(ders)}")
    if any(len(der) > MAX_CERTIFICATE for der in ders):
        raise _unreadable(f"a certificate of the signature is larger than {MAX_CERTIFICATE >> 10} KiB")
    try:
        leaf, *others = [load_certificate(der) for der in ders]
    except ValueError:
        raise _unreadable("a certificate of the signature cannot be read") from None
    return VerificationMaterial(leaf, tuple(others), entries, version)


def pem_bodies(text: str) -> list[str]:
    """The base64 of each certificate in PEM; other text around them is ignored, as RFC 7468 section 2 has it.

    It takes a time that grows with the text, whatever is in it. Raises ValueError for a certificate without an end.
    """
    found = [block.partition(_END) for block in text.split(_BEGIN)[1:]]
    if not all(end for _, end, _ in found):
        raise ValueError("a certificate in PEM has no end")
    return ["".join(body.split()) for body, _, _ in found]


def _blocks(text: Any) -> list[bytes]:
    """The DER of each certificate in PEM."""
    if not isinstance(text, str) or len(text) > 2 * MAX_CERTIFICATES * MAX_CERTIFICATE:
        raise _unreadable("the certificate of the signature is not a PEM text")
    try:
        bodies = pem_bodies(text)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    return [_decoded(body) for body in bodies]


def _one_block(text: Any) -> list[bytes]:
    found = _blocks(_decoded(text).decode("latin-1"))
    if len(found) != 1:
        raise _unreadable("expected one certificate in PEM, in base64")
    return found


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 2 * MAX_CERTIFICATE:
        raise _unreadable("a certificate of the signature is not base64, or is too large")
    try:
        return b64decode(text, where="")
    except InputError:
        raise _unreadable("a certificate of the signature is not base64") from None


def _member(value: Any, name: str) -> Any:
    return _named(value).get(name) if isinstance(value, dict) else None


def _named(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the names of JSON, whichever it has."""
    try:
        return renamed(message)
    except InputError as error:
        raise _unreadable(error.message) from None


def _listed(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 10 * MAX_CERTIFICATES:
        raise _unreadable(f"the {name} of the signature are not a list, or too many")
    return value


def _unreadable(message: str) -> Rejected:
    return Rejected("certificate-invalid", message)
