"""Proven time: which time-stamping authorities a trust bundle believes, and what the timestamps of a signature prove.

Rule: a token is judged whole by one authority, at the token's own time; one that isn't good proves nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode, pointer
from attest._base.times import format_time, read_window
from attest.errors import InputError, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.envelope import Signature

# The field of a signature's entry, and the type in it, as go-witness writes them (docs/timestamps.md).
FIELD: Final = "timestamps"
TYPE: Final = "tsp"

MAX_TOKENS: Final = 4  # looked at for one signature
MAX_TOKEN: Final = 64 << 10
SKEW: Final = timedelta(minutes=5)  # how far the clocks of an authority and of the verifier may be apart


class TimestampAuthority(NamedTuple):
    """A time-stamping authority that is believed about times from `not_before` to `not_after`.

    `certificates` are DER: self-signed roots, and others on the way to the authority's own. If that is listed too, no
    other one is believed.
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
    """What the timestamps of one signature prove: that it existed at `time`, says `authority`; or why nothing."""

    time: datetime | None
    authority: str | None
    code: str | None = None
    message: str | None = None


def read_authorities(entries: Mapping[str, Any]) -> tuple[TimestampAuthority, ...]:
    """The authorities in a trust bundle that its schema accepts.

    Raises InputError `certificate-invalid` for what is not one PEM certificate and for a list without a self-signed
    one, and `time-invalid`, with a JSON pointer.
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
            message = f"none of the certificates of {name} is self-signed, so nothing leads to them"
            raise InputError("certificate-invalid", message, where=where)
        found.append(TimestampAuthority(name, tuple([_der(one) for one in certificates]), *window))
    return tuple(found)


def prove(
    signature: Signature,
    authorities: Sequence[TimestampAuthority],
    now: datetime,
    known: dict[tuple[bytes, bytes], TimestampCheck] | None = None,
) -> TimestampCheck | None:
    """What the timestamps beside a signature prove, or None if there are none.

    Of several good ones the earliest counts: what existed then existed at all the later times too. A time up to SKEW
    ahead of `now` is taken for `now`. Nothing here is signed by the signature's key, so no fault is an error. `known`
    keeps what each token proves of each signature, for who asks about several at one `now`.
    """
    entries = signature.fields.get(FIELD) if signature.fields is not None else None
    if entries is None:
        return None
    if not isinstance(entries, list):
        return TimestampCheck(None, None, "timestamp-invalid", "the timestamps are not a list")
    # Other programs may keep other types of timestamps there.
    own = [entry for entry in entries if not isinstance(entry, dict) or entry.get("type", TYPE) == TYPE]
    found = {} if known is None else known
    checks = [_prove(entry, signature.sig, authorities, now, found) for entry in own[:MAX_TOKENS]]
    good = [check for check in checks if check.time is not None]
    if good:
        return min(good, key=lambda check: check.time)  # type: ignore[arg-type,return-value]  # none of them is None
    return checks[0] if checks else None


def verify_token(
    token: bytes, signed: bytes, authorities: Sequence[TimestampAuthority], now: datetime
) -> tuple[datetime, str]:
    """The time at which `signed` existed by a token (DER), and the name of the authority that says so.

    Raises Rejected: `timestamp-invalid`, `timestamp-mismatch`, `timestamp-untrusted`, `timestamp-chain-invalid`, or
    `timestamp-in-future` for a time ahead of `now`.
    """
    from attest.timestamps import tokens  # only where there are tokens

    read = tokens.Token.read(token)
    if not read.covers(signed):
        raise Rejected("timestamp-mismatch", "the token is over something else")
    refusal = Rejected("timestamp-untrusted", "the token is from no authority that the trust bundle lists")
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
            message = f"{authority.name} is not believed about {format_time(read.time)}"
            refusal = Rejected("timestamp-untrusted", message)
        elif read.time > now + SKEW:
            message = f"the token's time {format_time(read.time)} has not come yet"
            refusal = Rejected("timestamp-in-future", message)
        else:
            return min(read.time, now), authority.name
    raise refusal


def _prove(
    entry: Any,
    signed: bytes,
    authorities: Sequence[TimestampAuthority],
    now: datetime,
    known: dict[tuple[bytes, bytes], TimestampCheck],
) -> TimestampCheck:
    try:
        text = entry["data"]
        if len(text) > MAX_TOKEN * 4 // 3 + 4:
            return TimestampCheck(None, None, "timestamp-invalid", f"a token is at most {MAX_TOKEN >> 10} KiB")
        token = b64decode(text, where="")
        if (signed, token) not in known:
            known[signed, token] = _judge(token, signed, authorities, now)
        return known[signed, token]
    except (TypeError, KeyError, InputError):
        return TimestampCheck(None, None, "timestamp-invalid", "there is no base64 of a token")


def _judge(token: bytes, signed: bytes, authorities: Sequence[TimestampAuthority], now: datetime) -> TimestampCheck:
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
        tokens.is_timestamper(one)  # extensions are parsed when they are asked for, and must be good from here on
        # OpenSSL reads it again for every token, and rfc3161-client panics where it can't.
        SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=_der(one))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # of two parsers, in whatever way they say no
        raise InputError("certificate-invalid", "this is not one X.509 certificate in PEM", where=where) from None
    return one


def _der(one: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return one.public_bytes(Encoding.DER)
