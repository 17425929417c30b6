"""What a log entry is about: the body that the log signed names this envelope, its signature and its certificate.

Rule: a good entry about anything else is no evidence (CVE-2022-36056, CVE-2026-22703).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import at, b64decode, loads_object
from attest.errors import InputError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.x509 import Certificate

# sigstore_common.proto, HashAlgorithm.
_HASHES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


class Signed(NamedTuple):
    """What was signed, and by whom: an envelope's payload, its type and PAE, one signature, and its certificate."""

    payload: bytes
    payload_type: str
    pae: bytes
    sig: bytes
    certificate: Certificate


def demand_about(body: bytes, kind: str, version: str, signed: Signed) -> None:
    """Check that the body of an entry of this kind is about `signed`.

    Raises Rejected `log-entry-invalid`, or `log-entry-unsupported` for a kind of entry that is not read.
    """
    try:
        document = loads_object(body, what="the body of the log entry")
    except InputError as error:
        raise Rejected("log-entry-invalid", error.message) from None
    # Nobody signed `kind` and `version`: a change of them must not look like a kind that is not supported.
    _demand(
        (document.get("kind"), document.get("apiVersion")) == (kind, version),
        "does not have the kind that its entry declares",
    )
    reader = _KINDS.get((kind, version))
    if reader is None:
        read = ", ".join(f"{one} {number}" for one, number in _KINDS)
        message = f"log entries of the kind {kind!r:.40} {version!r:.20} are not supported; {read} are"
        raise Rejected("log-entry-unsupported", message)
    reader(document, signed)


def _dsse(body: Mapping[str, Any], signed: Signed) -> None:
    """Rekor v1's `dsse` 0.0.1. Its envelopeHash is over JSON as it was uploaded, so nobody can check it."""
    _demand_payload(at(body, "spec", "payloadHash"), signed)
    entry = _only(at(body, "spec", "signatures"))
    _demand(_bytes(at(entry, "signature")) == signed.sig, "holds another signature")
    _demand(_is_leaf(_bytes(at(entry, "verifier")), signed), "holds another certificate")


def _intoto(body: Mapping[str, Any], signed: Signed) -> None:
    """Rekor v1's `intoto` 0.0.2, in which signature and payload are base64 of base64. The payload may be left out."""
    content = at(body, "spec", "content")
    _demand_payload(at(content, "payloadHash"), signed)
    envelope = at(content, "envelope")
    _demand(at(envelope, "payloadType") == signed.payload_type, "is about another payload type")
    if isinstance(envelope, dict) and envelope.get("payload") is not None:
        _demand(_bytes(_text(envelope["payload"])) == signed.payload, "is about another payload")
    entry = _only(at(envelope, "signatures"))
    _demand(_bytes(_text(at(entry, "sig"))) == signed.sig, "holds another signature")
    _demand(_is_leaf(_bytes(at(entry, "publicKey")), signed), "holds another certificate")


def _hashedrekord(body: Mapping[str, Any], signed: Signed) -> None:
    """Rekor v2's `hashedrekord` 0.0.2 (hashedrekord.proto): a digest of the PAE, signature and certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding

    spec = at(body, "spec", "hashedRekordV002")
    name = at(spec, "data", "algorithm")
    algorithm = _HASHES.get(name) if isinstance(name, str) else None
    _demand(algorithm is not None, "has a digest algorithm that is not supported")
    digest = hashlib.new(algorithm or "", signed.pae).digest()
    _demand(_bytes(at(spec, "data", "digest")) == digest, "is about another payload")
    _demand(_bytes(at(spec, "signature", "content")) == signed.sig, "holds another signature")
    der = _bytes(at(spec, "signature", "verifier", "x509Certificate", "rawBytes"))
    _demand(der == signed.certificate.public_bytes(Encoding.DER), "holds another certificate")


# Not `dsse` 0.0.2, about which other verifiers disagree, nor `intoto` 0.0.1, which does not hold the signature, nor
# `hashedrekord` 0.0.1, which is about a file.
_KINDS: Final[Mapping[tuple[str, str], Callable[[Mapping[str, Any], Signed], None]]] = {
    ("dsse", "0.0.1"): _dsse,
    ("intoto", "0.0.2"): _intoto,
    ("hashedrekord", "0.0.2"): _hashedrekord,
}


def _demand_payload(found: Any, signed: Signed) -> None:
    expected = {"algorithm": "sha256", "value": hashlib.sha256(signed.payload).hexdigest()}
    _demand(found == expected, "is about another payload")


def _only(entries: Any) -> Any:
    _demand(isinstance(entries, list) and len(entries) == 1, "does not hold exactly one signature")
    return entries[0]


def _is_leaf(pem: bytes, signed: Signed) -> bool:
    """Whether these bytes are the certificate in PEM (RFC 7468) with lines of any length, and nothing else."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(pem.split()) == b"".join(signed.certificate.public_bytes(Encoding.PEM).split())


def _text(value: Any) -> str:
    return _bytes(value).decode("latin-1")


def _bytes(value: Any) -> bytes:
    try:
        return b64decode(value, where="")
    except InputError:
        raise _other("cannot be read") from None


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _other(otherwise)


def _other(what: str) -> Rejected:
    return Rejected("log-entry-invalid", f"the log entry {what}")
