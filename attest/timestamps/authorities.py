"""Proven time: the time-stamping authorities of a trust bundle, and what the timestamps of a signature prove.

Rule: a token is checked as a whole against one authority, at its own time; an invalid token proves nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode, pointer
from attest._base.protojson import renamed
from attest._base.times import format_time, read_window
from attest.errors import InputError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.envelope import Signature

    _Reader = Callable[[bytes], bytes]

# The field of a signature's entry, and the type in it, as go-witness writes them (docs/sign/timestamps.md).
FIELD: Final = "timestamps"
TYPE: Final = "tsp"
# The signature extension of DSSE v1.1 in which the verification material of a Sigstore bundle is kept.
EXTENSION: Final = "extension"

MAX_TOKENS: Final = 4  # that are read for one signature
MAX_TOKEN: Final = 64 << 10
SKEW: Final = timedelta(minutes=5)  # how far the clocks of an authority and of the verifier may be apart


class TimestampAuthority(NamedTuple):
    """A time-stamping authority that is trusted for times from `not_before` to `not_after`.

    `certificates` are DER: self-signed roots and intermediate certificates. If they include the certificate of the
    authority itself, no other one is accepted.
    """

    name: str
    certificates: tuple[bytes, ...]
    not_before: datetime | None = None
    not_after: datetime | None = None

    def load(self) -> tuple[Certificate, ...]:
        """The certificates, parsed."""
        from attest.timestamps import tokens

        return tuple([tokens.certificate(der) for der in self.certificates])


class TimestampCheck(NamedTuple):
    """What the timestamps of one signature prove: its `time`, by `authority`; or why they prove nothing (`code`)."""

    time: datetime | None
    authority: str | None
    code: str | None = None
    message: str | None = None


def read_authorities(entries: Mapping[str, Any]) -> tuple[TimestampAuthority, ...]:
    """The authorities in a trust bundle that its schema accepts.

    Raises InputError `certificate-invalid` for a text that is not one PEM certificate and for a list without a
    self-signed one, and `time-invalid`, with a JSON pointer.
    """
    found = []
    for name, entry in entries.items():
        where = pointer("timestamp_authorities", name)
        try:
            window = read_window(entry, "not_before", "not_after")
        except InputError as error:
            raise error.below(where) from None
        where += "/certificates"
        certificates = [_read_pem(text, f"{where}/{index}") for index, text in enumerate(entry["certificates"])]
        if not any(one.subject == one.issuer for one in certificates):
            raise InputError("certificate-invalid", "none of the certificates is self-signed", where=where)
        found.append(TimestampAuthority(name, tuple([_der(one) for one in certificates]), *window))
    return tuple(found)


def prove(
    signature: Signature,
    authorities: Sequence[TimestampAuthority],
    now: datetime,
    known: dict[tuple[bytes, bytes], TimestampCheck] | None = None,
) -> TimestampCheck | None:
    """What the timestamps in the entry of a signature prove, or None if there are none.

    Of several valid ones the earliest counts, because the signature existed at all later times too. A time up to SKEW
    ahead of `now` counts as `now`. The signature does not cover its timestamps, so an invalid one is never an error.
    `known` caches the result for each token and signature, for callers that check several at one `now`.
    """
    fields = signature.fields
    if fields is None or (FIELD not in fields and EXTENSION not in fields):  # as nearly always
        return None
    checks = prove_each(signature, authorities, now, known)
    times = [(check.time, check) for check in checks if check.time is not None]
    if times:
        time, first = min(times, key=lambda one: one[0])
        return first._replace(time=min(time, now))
    return checks[0] if checks else None


def prove_each(
    signature: Signature,
    authorities: Sequence[TimestampAuthority],
    now: datetime,
    known: dict[tuple[bytes, bytes], TimestampCheck] | None = None,
) -> list[TimestampCheck]:
    """What each timestamp in the entry of a signature proves; of more than MAX_TOKENS, that they are too many.

    A time is as the authority says it, up to SKEW ahead of `now`: then a certificate of a few minutes was valid.
    """
    if signature.fields is None:
        return []
    tokens = [*_own(signature.fields.get(FIELD)), *_of_sigstore(signature.fields.get(EXTENSION))]
    found = {} if known is None else known
    checks = [_prove(read, text, signature.sig, authorities, now, found) for read, text in tokens[:MAX_TOKENS]]
    if len(tokens) > MAX_TOKENS:
        checks.append(_invalid(f"the signature has more than {MAX_TOKENS} timestamps"))
    return checks


def unverified_times(signature: Signature) -> list[datetime | None]:
    """The times that the timestamps of a signature claim, of at most MAX_TOKENS; None for one that cannot be read."""
    fields = signature.fields or {}
    found = [*_own(fields.get(FIELD)), *_of_sigstore(fields.get(EXTENSION))]
    return [_claimed(read, text) for read, text in found[:MAX_TOKENS]]


def _claimed(read: _Reader, text: Any) -> datetime | None:
    from attest.timestamps import tokens

    if not isinstance(text, str) or len(text) > 2 * MAX_TOKEN:
        return None
    try:
        return tokens.Token.read(read(b64decode(text, where=""))).time
    except (InputError, Rejected):
        return None


def _own(entries: Any) -> list[tuple[_Reader, Any]]:
    """The tokens in the field `timestamps`, and how to read each."""
    if entries is None:
        return []
    if not isinstance(entries, list):
        return [(_token, None)]
    # Other programs may keep other types of timestamps there.
    own = [entry for entry in entries if not isinstance(entry, dict) or entry.get("type", TYPE) == TYPE]
    return [(_token, entry.get("data") if isinstance(entry, dict) else None) for entry in own]


def _of_sigstore(extension: Any) -> list[tuple[_Reader, Any]]:
    """Those in the verification material of a Sigstore bundle, each a whole answer of an authority."""
    material = extension.get("ext") if isinstance(extension, dict) else None
    if not isinstance(material, dict):
        return []
    try:
        data = renamed(material).get("timestampVerificationData")
        entries = renamed(data).get("rfc3161Timestamps") if isinstance(data, dict) else data
        if entries is not None and (not isinstance(entries, list) or entries is data):
            return [(_answer, None)]
        few = (entries or [])[: MAX_TOKENS + 1]
        return [(_answer, renamed(one).get("signedTimestamp") if isinstance(one, dict) else None) for one in few]
    except InputError:  # a name in both spellings
        return [(_answer, None)]


def _token(data: bytes) -> bytes:
    return data


def _answer(data: bytes) -> bytes:
    from attest.timestamps import tokens

    return tokens.unwrap(data)


def verify_token(
    token: bytes, signed: bytes, authorities: Sequence[TimestampAuthority], now: datetime
) -> tuple[datetime, str]:
    """The time at which `signed` existed according to a token (DER), and the name of the authority.

    Raises Rejected: `timestamp-invalid`, `timestamp-mismatch`, `timestamp-untrusted`, `timestamp-chain-invalid`, or
    `timestamp-in-future` for a time ahead of `now`.
    """
    from attest.timestamps import tokens  # only where there are tokens

    read = tokens.Token.read(token)
    if not read.covers(signed):
        raise Rejected("timestamp-mismatch", "the timestamp is not about the signature")
    refusal = Rejected("timestamp-untrusted", "the timestamp is not from an authority that the trust bundle lists")
    for authority in authorities:
        certificates = authority.load()
        if not read.names(certificates):
            continue
        try:
            read.verify(signed, certificates, [one for one in certificates if tokens.is_timestamper(one)])
        except Rejected as error:
            refusal = error
            continue
        if not _within(read.time, authority):
            message = f"authority {authority.name!r} is not trusted for the time {format_time(read.time)}"
            refusal = Rejected("timestamp-untrusted", message)
        elif read.time > now + SKEW:
            message = f"the time of the timestamp is in the future: {format_time(read.time)}"
            refusal = Rejected("timestamp-in-future", message)
        else:
            return read.time, authority.name
    raise refusal


def _prove(
    read: _Reader,
    text: Any,
    signed: bytes,
    authorities: Sequence[TimestampAuthority],
    now: datetime,
    known: dict[tuple[bytes, bytes], TimestampCheck],
) -> TimestampCheck:
    if not isinstance(text, str):
        return _invalid("the timestamp has no data in base64")
    if len(text) > MAX_TOKEN * 4 // 3 + 4:
        return _invalid(f"the timestamp is larger than {MAX_TOKEN >> 10} KiB")
    try:
        token = read(b64decode(text, where=""))
    except InputError:
        return _invalid("the timestamp has no data in base64")
    except Rejected as error:
        return _invalid(error.message)
    if (signed, token) not in known:
        known[signed, token] = _check(token, signed, authorities, now)
    return known[signed, token]


def _invalid(message: str) -> TimestampCheck:
    return TimestampCheck(None, None, "timestamp-invalid", message)


def _check(token: bytes, signed: bytes, authorities: Sequence[TimestampAuthority], now: datetime) -> TimestampCheck:
    try:
        return TimestampCheck(*verify_token(token, signed, authorities, now))
    except Rejected as error:
        return TimestampCheck(None, None, error.code, error.message)


def _within(time: datetime, authority: TimestampAuthority) -> bool:
    begin, end = authority.not_before, authority.not_after
    return (begin is None or time >= begin) and (end is None or time <= end)


def _read_pem(text: str, where: str) -> Certificate:
    from ssl import PROTOCOL_TLS_CLIENT, SSLContext

    from cryptography import x509

    from attest.timestamps import tokens

    try:
        if text.count("-----BEGIN ") != 1:
            raise ValueError
        one = tokens.certificate(_der(x509.load_pem_x509_certificate(text.encode())))
        tokens.is_timestamper(one)  # extensions are parsed at their first use, and must be valid from here on
        # OpenSSL reads it again for every token, and rfc3161-client panics if that fails.
        SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=_der(one))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # two parsers, with errors of many types
        raise InputError("certificate-invalid", "expected one X.509 certificate in PEM", where=where) from None
    return one


def _der(one: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return one.public_bytes(Encoding.DER)
