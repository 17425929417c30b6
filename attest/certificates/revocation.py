"""Revoked certificates: those that an authority of the trust bundle lists, and certificate revocation lists (CRLs).

Rule: a revoked certificate never counts, whatever time is proven; a CRL only ever refuses, and is asked as a whole.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from attest._base import files
from attest._base.expected import demand, demand_bytes, demand_path, demand_several
from attest._base.json import pointer
from attest._base.times import format_time
from attest.certificates.chain import DIGESTS, spki_of
from attest.certificates.facts import by_oid, facts_of, shown_name
from attest.errors import InputError, Rejected, locate

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate, CertificateRevocationList

MAX_LIST: Final = 16 << 20  # bytes of a CRL
_KINDS: Final = ("serial", "keyid")
_DELTA: Final = "2.5.29.27"
_PARTIAL: Final = "2.5.29.28"  # issuingDistributionPoint


class Revocations:
    """The certificates that an authority of the trust bundle lists as revoked.

    Each is `serial:HEX`, or `keyid:HEX` of its public key. A revoked CA revokes what it issued. A digest of the
    certificate would not do: anyone can change an ECDSA signature in it so that it is still valid.
    """

    def __init__(self, listed: frozenset[tuple[str, int]] = frozenset()) -> None:
        self._listed = listed

    @classmethod
    def read(cls, entries: Sequence[str]) -> Self:
        """From `revoked` of an authority. Raises InputError `trust-invalid` with a JSON pointer."""
        listed = set()
        for index, entry in enumerate(entries):
            kind, _, number = entry.partition(":")
            try:
                if kind not in _KINDS:
                    raise ValueError
                listed.add((kind, int(number, 16)))
            except ValueError:
                message = f"expected serial:HEX or keyid:HEX, found {entry[:100]!r}"
                raise InputError("trust-invalid", message, where=pointer("revoked", index)) from None
        return cls(frozenset(listed))

    def __bool__(self) -> bool:
        return bool(self._listed)

    def demand_not_revoked(self, chain: Sequence[Certificate]) -> None:
        """Raises Rejected `certificate-revoked` if a certificate of the chain is listed."""
        if not self._listed:
            return
        for one in chain:
            keyid = int(hashlib.sha256(spki_of(one)).hexdigest(), 16)
            if not self._listed.isdisjoint({("keyid", keyid), ("serial", one.serial_number)}):
                _revoked(one, "the trust bundle lists it")


class RevocationList:
    """A CRL of one CA (RFC 5280 section 5), complete and for all of its certificates.

    Nothing in it is trusted before `is_by` has verified it. Delta CRLs, CRLs of a part of the certificates and those
    with critical extensions are refused. An entry counts as revoked whatever its reason and date.
    """

    def __init__(self, data: bytes) -> None:
        """Read PEM or DER. Raises InputError `crl-invalid`, and `file-too-large` above 16 MiB."""
        demand_bytes(data, "CRL", reader="RevocationList.load(path)")
        if len(data) > MAX_LIST:
            raise InputError("file-too-large", f"the CRL is larger than {files.size(MAX_LIST)}")
        self._data = data
        self._crl = _parse(data)
        self._by: dict[Certificate, bool] = {}
        self._found: dict[int, bool] = {}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the file at `path`. Raises InputError as reading does, and `file-unreadable`."""
        demand_path(path, "path", reader="RevocationList(data)")
        try:
            return cls(files.read(path, limit=MAX_LIST))
        except InputError as error:
            raise locate(error, str(path)) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._data,)

    def __repr__(self) -> str:
        return f"RevocationList({shown_name(self._crl.issuer)})"

    def demand_current(self, now: datetime) -> None:
        """Raises InputError `crl-expired` after the time at which the CA promised a newer CRL (nextUpdate)."""
        until = self._crl.next_update_utc
        if until is None or now > until:
            ended = "at an unknown time" if until is None else format_time(until)
            message = f"the CRL of {shown_name(self._crl.issuer)} expired: a newer one was due {ended}"
            raise InputError("crl-expired", message, hint="Get the newest CRL of this CA.")

    def is_by(self, ca: Certificate) -> bool:
        """Whether this CA signed the CRL, and may sign CRLs (RFC 5280 section 6.3.3 (f), (g))."""
        if ca not in self._by:
            self._by[ca] = self._is_by(ca)
        return self._by[ca]

    def lists(self, certificate: Certificate) -> bool:
        """Whether the serial number of a certificate, which the CA of this CRL issued, is in it."""
        serial = certificate.serial_number
        if serial not in self._found:
            self._found[serial] = self._crl.get_revoked_certificate_by_serial_number(serial) is not None
        return self._found[serial]

    def _is_by(self, ca: Certificate) -> bool:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

        facts = facts_of(ca)
        usage = facts.value(x509.KeyUsage)
        if facts.subject != self._crl.issuer or (usage is not None and not usage.crl_sign):
            return False
        try:
            digest = self._crl.signature_hash_algorithm
            is_signed = self._crl.is_signature_valid(facts.key)  # type: ignore[arg-type]  # TypeError for other keys
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False
        return is_signed and (digest is None or digest.name in DIGESTS)


def usable(
    lists: Sequence[RevocationList], now: datetime, *, authorities: Mapping[str, object]
) -> tuple[RevocationList, ...]:
    """The CRLs for a verification at `now`.

    Raises InputError `crl-expired`, and `option-invalid` for a trust bundle without authorities, where CRLs have no
    effect. Raises TypeError for something else than CRLs.
    """
    found = tuple(demand_several(lists, "crls", "RevocationLists"))
    for one in found:
        demand(one, RevocationList, "each of crls", "a RevocationList", hint="attest.RevocationList.load reads a file")
        one.demand_current(now)
    if not authorities:
        message = "the trust bundle has no authorities, so CRLs have no effect"
        hint = "Verify without CRLs, or add the CA: attest trust authority add."
        raise InputError("option-invalid", message, hint=hint)
    return found


def demand_unlisted(chain: Sequence[Certificate], lists: Sequence[RevocationList], *, every: bool = False) -> None:
    """Raises Rejected if a CRL of its issuer lists a certificate of the chain, leaf first (RFC 5280 section 6.3).

    Codes: `certificate-revoked`; with `every`, `crl-missing` if a certificate below the anchor has no CRL of its
    issuer. This is how a CRL that somebody damaged is noticed.
    """
    for position, one in enumerate(chain):
        is_anchor = position + 1 == len(chain)
        if is_anchor and not facts_of(one).is_self_issued:
            continue  # its serial number is one of another CA, so that its own CRL says nothing about it
        issuer = one if is_anchor else chain[position + 1]
        theirs = [crl for crl in lists if crl.is_by(issuer)]
        if any(crl.lists(one) for crl in theirs):
            _revoked(one, "a CRL of its issuer lists it")
        if every and not theirs and not is_anchor:
            raise Rejected("crl-missing", f"none of the CRLs is from the CA {shown_name(facts_of(issuer).subject)}")


def _revoked(one: Certificate, why: str) -> NoReturn:
    message = f"the certificate of {shown_name(facts_of(one).subject)} is revoked: {why}"
    raise Rejected("certificate-revoked", f"{message} (serial number {one.serial_number:x})")


def _parse(data: bytes) -> CertificateRevocationList:
    from cryptography import x509

    try:
        if data.lstrip().startswith(b"-----BEGIN "):
            if data.count(b"-----BEGIN ") != 1:
                _invalid("the file has several PEM blocks, expected one CRL")
            crl = x509.load_pem_x509_crl(data)
        else:
            crl = x509.load_der_x509_crl(data)
        extensions = by_oid(crl.extensions)
        has_end = crl.next_update_utc is not None
        _ = crl.issuer
    except (InputError, MemoryError):
        raise
    except Exception:  # noqa: BLE001  # the parser has errors of many types
        _invalid("the file is not a CRL in PEM or DER")
    if _DELTA in extensions:
        _invalid("it is a delta CRL, which lists only what changed")
    if _PARTIAL in extensions:
        _invalid("it lists only some certificates of its CA, or certificates of other CAs (issuingDistributionPoint)")
    unknown = [oid for oid, extension in extensions.items() if extension.critical]
    if unknown:
        _invalid(f"it has a critical extension that is not supported: {unknown[0]}")
    if not has_end:
        _invalid("it does not say when the next one is due (nextUpdate)")
    return crl


def _invalid(message: str) -> NoReturn:
    hint = "Give a complete CRL of one CA, as it publishes it."
    raise InputError("crl-invalid", f"the CRL cannot be used: {message}", hint=hint) from None


@lru_cache(maxsize=4)
def _again(data: bytes) -> RevocationList:
    """A CRL in a worker process, which gets it with each task and need not read it each time."""
    return RevocationList(data)
