"""Changes to the authorities of a trust bundle, and the entries of authorities, made from files.

Rule: what an authority does without (a log, a timestamp) is said by its entry, and never by a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base import documents
from attest._base.json import b64decode, loads_object
from attest.certificates import read_authorities
from attest.certificates.material import pem_bodies
from attest.errors import InputError
from attest.keys.formats import load_certificate
from attest.timestamps.authorities import read_authorities as read_timestamp_authorities
from attest.trust.bundle import TrustBundle
from attest.trust.editing import next_document, put_authority
from attest.trust.entries import AUTHORITIES, TIMESTAMP_AUTHORITIES, naming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.trustedroot"

_BEGIN: Final = "-----BEGIN "
# What an authority has besides what a file contains, and keeps if another file replaces that.
_KEPT: Final = ("log", "time", "revoked", "description", "not_before", "not_after")


def describe_authority(data: bytes, *, log: str | None = None, time: str | None = None) -> dict[str, Any]:
    """The entry of an authority whose file is `data`: a Sigstore trusted root (JSON), or certificates of CAs (PEM).

    Of several certificates the self-signed ones are trusted, and the others are intermediate certificates; without a
    self-signed one, all are trusted. `log` (`required`, `none`) is for a trusted root, `time` (`timestamp`,
    `now-or-timestamp`) for certificates. Raises InputError `authority-invalid`, `trusted-root-invalid` and
    `certificate-invalid`, and `option-invalid` for the wrong one of the two.
    """
    from attest.certificates.chain import is_self_signed
    from attest.certificates.trusted_root import TrustedRoot

    if data.lstrip().startswith(b"{"):
        document = loads_object(data, what="the authority")
        if not str(document.get("mediaType", "")).startswith(MEDIA_TYPE):
            error = InputError("authority-invalid", "expected a Sigstore trusted root or certificates in PEM")
            raise documents.named(error, data, "a Sigstore trusted root or certificates in PEM")
        if time is not None:
            raise InputError(
                "option-invalid", "`time` is for certificates of a CA, and not for a Sigstore trusted root"
            )
        TrustedRoot.read(document)
        return {"kind": "sigstore", "trusted_root": document, **({} if log is None else {"log": log})}
    if log is not None:
        raise InputError("option-invalid", "`log` is for a Sigstore trusted root, and not for certificates of a CA")
    found = _certificates(data)
    own = [one for one in found if is_self_signed(one)] or found
    others = [one for one in found if one not in own]
    entry = {
        "kind": "x509",
        "certificates": [_pem(one) for one in own],
        **({"intermediates": [_pem(one) for one in others]} if others else {}),
        **({} if time is None else {"time": time}),
    }
    _demand_readable(read_authorities, entry)
    return entry


def describe_timestamp_authority(
    data: bytes, *, not_before: str | None = None, not_after: str | None = None
) -> dict[str, Any]:
    """The entry of a timestamp authority with the certificates (PEM) in `data`. Raises as `describe_authority`."""
    window = {"not_before": not_before, "not_after": not_after}
    listed = [_pem(one) for one in _certificates(data)]
    entry = {"certificates": listed, **{name: text for name, text in window.items() if text is not None}}
    _demand_readable(read_timestamp_authorities, entry)
    return entry


def add(
    bundle: TrustBundle, name: str, entry: Mapping[str, Any], *, now: datetime, timestamps: bool = False
) -> TrustBundle:
    """The next version, with an authority; with `timestamps`, a timestamp authority.

    Raises InputError `authority-exists`, and for an entry that is not valid as `TrustBundle.from_document`.
    """
    document = next_document(bundle, now)
    put_authority(document, _field(timestamps), name, entry)
    return TrustBundle.from_document(document)


def replace(
    bundle: TrustBundle, name: str, entry: Mapping[str, Any], *, now: datetime, timestamps: bool = False
) -> TrustBundle:
    """The next version, in which an authority has the certificates or the trusted root of `entry`.

    What else it had, such as revoked certificates, stays as it is, unless `entry` has it. Raises InputError
    `authority-unknown`, and `authority-kind-differs` if one of the two is a Sigstore instance and the other a CA.
    """
    document = next_document(bundle, now)
    old = _named(document, name, timestamps)
    if old.get("kind") != entry.get("kind"):
        message = f"authority {name!r} is of kind {old.get('kind')}, and the file of kind {entry.get('kind')}"
        raise InputError("authority-kind-differs", message, hint="Add it under another name.")
    kept = {field: old[field] for field in old if field in _KEPT or field.startswith("x-")}
    document[_field(timestamps)][name] = {**kept, **entry}
    return TrustBundle.from_document(document)


def remove(bundle: TrustBundle, name: str, *, now: datetime, timestamps: bool = False) -> TrustBundle:
    """The next version, without an authority.

    Raises InputError `authority-unknown`, and `authority-in-use` while an identity names it, whatever its status.
    """
    document = next_document(bundle, now)
    _named(document, name, timestamps)
    users = [] if timestamps else list(naming(document, name))
    if users:
        message = f"authority {name!r} is named by identities of anchor {', '.join(map(repr, users))}"
        hint = "An identity is never removed, because its history would be lost: retire it instead."
        raise InputError("authority-in-use", message, hint=hint)
    del document[_field(timestamps)][name]
    if not document[_field(timestamps)]:
        del document[_field(timestamps)]
    return TrustBundle.from_document(document)


def revoke(bundle: TrustBundle, name: str, certificates: Sequence[str], *, now: datetime) -> TrustBundle:
    """The next version, in which `certificates` of an authority of kind `x509` never count.

    Each is `serial:HEX` or `keyid:HEX` (of the public key). Nothing undoes it. Raises InputError `authority-unknown`,
    `authority-kind-differs` for a Sigstore instance, and `certificate-revoked` if all of them are revoked already.
    """
    document = next_document(bundle, now)
    entry = _named(document, name, timestamps=False)
    if entry["kind"] != "x509":
        message = f"authority {name!r} is a Sigstore instance, whose certificates are valid for minutes"
        hint = "Revoke the identity: attest trust revoke --identity."
        raise InputError("authority-kind-differs", message, hint=hint)
    known = entry.get("revoked", [])
    new = [one for one in dict.fromkeys(certificates) if one not in known]
    if not new:
        raise InputError("certificate-revoked", f"already revoked by authority {name!r}: {', '.join(certificates)}")
    entry["revoked"] = [*known, *new]
    return TrustBundle.from_document(document)


def revocation_of(certificate: bytes) -> str:
    """What `revoke` takes for a certificate (PEM): its serial number, which its CA signed.

    Raises InputError `authority-invalid`.
    """
    found = _certificates(certificate)
    if len(found) != 1:
        raise InputError("authority-invalid", f"expected one certificate, found {len(found)}")
    return f"serial:{found[0].serial_number:x}"


def _demand_readable(read: Callable[[Mapping[str, Any]], object], entry: Mapping[str, Any]) -> None:
    """Raises InputError for an entry that a trust bundle cannot have, without its place in one."""
    try:
        read({"new": entry})
    except InputError as error:
        raise InputError(error.code, error.message, hint=error.hint) from None


def _field(timestamps: bool) -> str:
    return TIMESTAMP_AUTHORITIES if timestamps else AUTHORITIES


def _named(document: Mapping[str, Any], name: str, timestamps: bool) -> dict[str, Any]:
    listed: Mapping[str, dict[str, Any]] = document.get(_field(timestamps), {})
    if name in listed:
        return listed[name]
    kind = "timestamp authority" if timestamps else "authority"
    hint = f"It has: {', '.join(sorted(listed)[:8])}." if listed else None
    raise InputError("authority-unknown", f"the trust bundle has no {kind} {name[:100]!r}", hint=hint)


def _certificates(data: bytes) -> list[Certificate]:
    """The certificates in PEM; other text around them is ignored, as RFC 7468 section 2 has it."""
    text = data.decode("latin-1")
    try:
        bodies = pem_bodies(text)
    except ValueError:
        raise _unusable(data) from None
    if not bodies or len(bodies) != text.count(_BEGIN):
        raise _unusable(data)
    try:
        found = [load_certificate(b64decode(body, where="")) for body in bodies]
    except (ValueError, InputError):
        raise InputError("authority-invalid", "a certificate in the file cannot be read") from None
    return list(dict.fromkeys(found))


def _pem(one: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return one.public_bytes(Encoding.PEM).decode()


def _unusable(data: bytes) -> InputError:
    hint = "Use certificates in PEM (openssl x509 -inform der), and nothing else in the file."
    error = InputError("authority-invalid", "expected only certificates in PEM", hint=hint)
    return documents.named(error, data, "certificates in PEM", documents.CERTIFICATE)
