"""What a signature brings, as the verification material of a Sigstore bundle (sigstore_bundle.proto).

Rule: what is in that form already stays whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode, b64encode
from attest._base.protojson import camel_case
from attest.certificates.chain import is_self_signed
from attest.certificates.material import KIND, material_of
from attest.errors import InputError, Rejected
from attest.timestamps.authorities import EXTENSION, FIELD, TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.certificates.material import VerificationMaterial
    from attest.envelope import Envelope, Signature

VERSIONS: Final = ("0.1", "0.2", "0.3")
CERTIFICATES: Final = ("cert", "certificate", "intermediates")
FOREIGN: Final = "an extension of another program"
_OWN: Final = ("payload", "payloadType", "signatures")


class Material(NamedTuple):
    """A VerificationMaterial, the version of its bundle, and sentences on what it does not hold."""

    content: dict[str, Any]
    version: str
    lost: tuple[str, ...] = ()


def outer_fields(envelope: Envelope) -> list[str]:
    """Sentences on the fields of an envelope that no other container has."""
    return [f"the field {name!r} of the envelope" for name in envelope.fields or () if name not in _OWN]


def material_in(signature: Signature) -> VerificationMaterial | None:
    """The certificates of a signature. Raises InputError `certificate-invalid` or `log-entry-invalid`."""
    try:
        return material_of(signature)
    except Rejected as error:
        raise InputError(error.code, error.message) from None


def sigstore_material(signature: Signature, *, keep_hint: bool) -> Material:
    """All that a signature brings. Without `keep_hint`, its keyid replaces the hint that it has.

    Raises InputError as `material_in`, and `not-convertible` for a timestamp that cannot be read.
    """
    fields = signature.fields or {}
    brought = material_in(signature)
    content, version = _extension(fields.get(EXTENSION)) or ({}, "0.3")
    lost = []
    if fields.get(EXTENSION) is not None and not content:
        lost.append(FOREIGN)
    if brought is not None:
        version, left_out = _certify(content, brought, version)
        lost += left_out
    elif not keep_hint or not (content.get("publicKey") or {}).get("hint"):
        content["publicKey"] = {"hint": signature.keyid}
    _timestamp(content, fields.get(FIELD), lost)
    content.setdefault("tlogEntries", [])
    known = {"sig", "keyid", EXTENSION, FIELD, *(CERTIFICATES if brought is not None else ())}
    lost += [f"the field {name!r} of the signature" for name in fields if name not in known and fields[name]]
    return Material(content, version, tuple(lost))


def _extension(extension: Any) -> tuple[dict[str, Any], str] | None:
    kind = extension.get("kind") if isinstance(extension, dict) else None
    version = kind.removeprefix(KIND) if isinstance(kind, str) else None
    if version not in VERSIONS or kind == version:
        return None
    content = extension.get("ext")
    if not isinstance(content, dict):
        return None
    named: dict[str, Any] = camel_case(content)
    for name in ("publicKey", "timestampVerificationData"):
        if not isinstance(named.get(name, {}), dict | None):
            raise InputError("not-convertible", f"{name} of the verification material is not an object")
    if not isinstance((named.get("timestampVerificationData") or {}).get("rfc3161Timestamps"), list | None):
        raise InputError("not-convertible", "rfc3161Timestamps of the verification material is not a list")
    return named, version


def _certify(content: dict[str, Any], brought: VerificationMaterial, version: str) -> tuple[str, list[str]]:
    """Put the certificates into `content`; the version that can hold them, and what was left out.

    v0.3 has one certificate, and sigstore-go refuses a chain in it. A root has no place in a bundle: whoever verifies
    must have it already.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    if content and (version != "0.3" or content.get("certificate") is not None):
        return version, []
    content.pop("x509CertificateChain", None)
    kept = [one for one in brought.intermediates if not is_self_signed(one)]
    left_out = ["a root certificate"] if len(kept) < len(brought.intermediates) else []
    chain = [{"rawBytes": b64encode(one.public_bytes(Encoding.DER))} for one in (brought.certificate, *kept)]
    if kept:
        content["x509CertificateChain"] = {"certificates": chain}
        return "0.2", left_out
    content["certificate"] = chain[0]
    return "0.3", left_out


def _timestamp(content: dict[str, Any], entries: Any, lost: list[str]) -> None:
    """Put the tokens of the field `timestamps` into `content`, each as the whole answer of an authority."""
    answers = list(_answers(entries, lost))
    if not answers:
        return
    data = dict(content.get("timestampVerificationData") or {})
    known = [one for one in data.get("rfc3161Timestamps") or () if one not in answers]
    content["timestampVerificationData"] = {**data, "rfc3161Timestamps": [*known, *answers]}


def _answers(entries: Any, lost: list[str]) -> Iterator[dict[str, str]]:
    from attest.timestamps import tokens

    for entry in entries if isinstance(entries, list) else [] if entries is None else [None]:
        if isinstance(entry, dict) and entry.get("type", TYPE) != TYPE:
            lost.append("a timestamp that is not of RFC 3161")
            continue
        try:
            token = b64decode(entry.get("data") if isinstance(entry, dict) else None, where="")
            tokens.Token.read(token)
        except (InputError, Rejected):
            raise InputError("not-convertible", "a timestamp of the signature cannot be read") from None
        yield {"signedTimestamp": b64encode(tokens.wrap(token))}
