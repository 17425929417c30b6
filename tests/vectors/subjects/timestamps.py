"""Scenarios of proven time: keys that have ended, and timestamps that do or don't put a signature before."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, SIMULATED
from tests.vectors.parts import (
    IN_TOTO,
    NOW,
    STATEMENT,
    anchor,
    b64,
    b64url,
    bundle,
    case,
    envelope_of,
    pae,
    rejected,
    row,
    signature,
    trust_key,
    verified,
)
from tests.vectors.tokens import (
    ROOT,
    authority,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.vectors.scenarios import Scenario

# NOW is the first of July. The key's window or life ended at END, and the usual token is from BEFORE that.
BEGIN, BEFORE, END, _AFTER = (
    "2026-04-01T00:00:00Z",
    "2026-05-15T10:00:00Z",
    "2026-06-01T00:00:00Z",
    "2026-06-15T10:00:00Z",
)
SIG = base64.b64decode(signature(ALICE)["sig"])
GOOD = token(SIG, BEFORE)
_RFC = "RFC 3161"
_DESIGN = (
    "design: Trust bundle: a retired or expired key counts only where an authenticated timestamp puts the signature"
)

EXPIRED = trust_key(ALICE, not_after=END)
_RETIRED = trust_key(ALICE, status="retired", status_since=END)
LISTED = {"tsa": authority(ROOT)}


def cases() -> Iterator[Scenario]:
    yield from _windows()
    yield from _compromised()
    yield from _signed_things()
    yield from _fields()


def entry(*tokens: bytes, **fields: Any) -> dict[str, Any]:
    """Alice's signature with tokens beside it."""
    return signature(ALICE, timestamps=[{"type": "tsp", "data": b64(one)} for one in tokens], **fields)


def trust_of(key: Mapping[str, Any], listed: Mapping[str, Any] = LISTED) -> dict[str, Any]:
    return bundle(anchor(key), timestamp_authorities=listed)


def stamped(
    name: str,
    title: str,
    why: str,
    code: str | None,
    *tokens: bytes,
    key: Mapping[str, Any] = EXPIRED,
    listed: Mapping[str, Any] = LISTED,
    **options: Any,
) -> Scenario:
    """Alice's key has ended unless told otherwise; the tokens stand beside her signature."""
    expect = verified(None) if code is None else rejected("threshold-not-met", code)
    return case(
        f"timestamp-{name}",
        title,
        why,
        expect,
        envelope=envelope_of(entry(*tokens)),
        trust=trust_of(key, listed),
        **options,
    )


def _windows() -> Iterator[Scenario]:
    why = f"{_DESIGN}; {row(5)}"
    first, last = token(SIG, BEGIN), token(SIG, END)
    late, early = token(SIG, _AFTER), token(SIG, "2026-03-31T23:59:59Z")
    limited = trust_key(ALICE, not_before=BEGIN, not_after=END)
    both = trust_key(ALICE, status="retired", status_since=_AFTER, not_after=END)
    rows: dict[str, tuple[str, str | None, bytes, dict[str, Any]]] = {
        "of-an-expired-key": ("An expired key counts for what existed before.", None, GOOD, EXPIRED),
        "of-a-retired-key": ("A retired key counts for what existed before it was retired.", None, GOOD, _RETIRED),
        "of-a-retired-key-with-a-window": (
            "`not_after` is the end of a retired key too.",
            None,
            GOOD,
            trust_key(ALICE, status="retired", not_after=END),
        ),
        "at-the-first-moment": ("`not_before` is the first moment.", None, first, limited),
        "at-the-last-moment": ("`not_after` is the last moment.", None, last, EXPIRED),
        "at-the-retirement": ("`status_since` is the last moment of a retired key.", None, last, _RETIRED),
        "after-the-window": ("A proven time after the window doesn't help.", "key-expired", late, EXPIRED),
        "a-second-after-the-window": (
            "A second is enough.",
            "key-expired",
            token(SIG, "2026-06-01T00:00:01Z"),
            EXPIRED,
        ),
        "after-the-retirement": ("A retired key doesn't count for what came later.", "key-retired", late, _RETIRED),
        "a-second-after-the-retirement": (
            "A second is enough.",
            "key-retired",
            token(SIG, "2026-06-01T00:00:01Z"),
            _RETIRED,
        ),
        "between-the-window-and-the-retirement": (
            "The earlier of the two ends is the end.",
            "key-expired",
            token(SIG, "2026-06-10T00:00:00Z"),
            both,
        ),
        "between-the-retirement-and-the-end-of-the-window": (
            "The earlier of the two ends is the end.",
            "key-retired",
            token(SIG, "2026-06-10T00:00:00Z"),
            trust_key(ALICE, status="retired", status_since=END, not_after=_AFTER),
        ),
        "of-a-key-retired-nobody-knows-when": (
            "A key that was retired without a date, and whose window is open, counts at no time.",
            "key-retired",
            GOOD,
            trust_key(ALICE, status="retired", not_before=BEGIN),
        ),
        "before-the-window": ("What existed before the window isn't from inside.", "key-not-yet-valid", early, limited),
        "before-the-window-of-a-key-that-counts-now": (
            "The proven time counts, and not the time of judging, where it speaks against the signature too.",
            "key-not-yet-valid",
            early,
            trust_key(ALICE, not_before=BEGIN),
        ),
        "before-the-window-of-a-retired-key": (
            "A retired key has a beginning too.",
            "key-not-yet-valid",
            early,
            trust_key(ALICE, status="retired", status_since=END, not_before=BEGIN),
        ),
        "of-a-key-that-counts-now": ("A token takes nothing from a key that counts.", None, GOOD, trust_key(ALICE)),
    }
    for name, (title, code, stamp, key) in rows.items():
        yield stamped(name, title, why, code, stamp, key=key)
    yield stamped(
        "missing-of-an-expired-key", "Without a token an expired key is judged when it is asked.", why, "key-expired"
    )
    yield stamped(
        "missing-of-a-retired-key", "Without a token a retired key doesn't count.", why, "key-retired", key=_RETIRED
    )
    several: dict[str, tuple[str, str | None, tuple[bytes, ...]]] = {
        "the-earliest-of-two": ("Of two good tokens the earlier counts, wherever it stands.", None, (late, GOOD)),
        "the-earliest-of-two-is-too-early": (
            "A later token doesn't bring into the window what existed before it.",
            "key-not-yet-valid",
            (GOOD, early),
        ),
        "good-behind-a-bad-one": (
            "A token that isn't good is as if there were none.",
            None,
            (token(b"x", BEFORE), GOOD),
        ),
    }
    for name, (title, code, stamps) in several.items():
        yield stamped(name, title, why, code, *stamps, key=limited)
    yield case(
        "timestamp-fills-a-threshold",
        "An expired key with a good token and an active one are two.",
        why,
        verified(None, None),
        envelope=envelope_of(entry(GOOD), BOB),
        trust=bundle(anchor(EXPIRED, BOB, threshold=2), timestamp_authorities=LISTED),
    )
    yield case(
        "timestamp-of-another-signature-of-the-envelope",
        "A token proves something of its own signature alone.",
        why,
        rejected("threshold-not-met", "key-expired", None),
        envelope=envelope_of(ALICE, signature(BOB, timestamps=entry(GOOD)["timestamps"])),
        trust=bundle(anchor(EXPIRED, BOB, threshold=2), timestamp_authorities=LISTED),
    )
    ahead = {
        "a-little-ahead": ("Clocks may differ by five minutes.", None, "2026-07-01T12:05:00Z"),
        "in-the-future": ("A time that hasn't come proves nothing.", "timestamp-in-future", "2026-07-01T12:05:01Z"),
    }
    for name, (title, code, time) in ahead.items():
        key = trust_key(ALICE, status="retired", status_since="2026-08-01T00:00:00Z")
        yield stamped(name, title, why, code, token(SIG, time), key=key)
    yield stamped(
        "a-little-ahead-of-the-end",
        "A time that is a little ahead means now: a token can't end a key early.",
        why,
        None,
        token(SIG, "2026-07-01T12:04:00Z"),
        key=trust_key(ALICE, not_after=NOW),
    )


def _compromised() -> Iterator[Scenario]:
    why = f"design: Trust bundle: a compromised key never counts, whatever time is claimed; {row(6)}"
    lost = trust_key(ALICE, status="compromised", status_since=END)
    no = rejected("threshold-not-met", "key-compromised")
    yield stamped(
        "of-a-compromised-key",
        "A compromised key doesn't count for what existed before it was lost either.",
        why,
        "key-compromised",
        GOOD,
        key=lost,
    )
    yield case(
        "timestamp-of-a-key-compromised-in-another-anchor",
        "What is lost for one anchor is lost for all, whatever time is proven.",
        why,
        no,
        envelope=envelope_of(entry(GOOD)),
        trust=bundle(anchor(_RETIRED), also={"other": anchor(lost, BOB)}, timestamp_authorities=LISTED),
    )
    yield case(
        "timestamp-of-a-simulated-key",
        "A proven time makes no real key of a simulated one.",
        "anyone can sign with the simulator's keys",
        rejected("threshold-not-met", "simulated-key"),
        envelope=envelope_of(
            signature(
                SIMULATED,
                timestamps=[{"type": "tsp", "data": b64(token(base64.b64decode(signature(SIMULATED)["sig"]), BEFORE))}],
            )
        ),
        trust=trust_of(trust_key(SIMULATED, backend="sim", not_after=END)),
    )
    yield case(
        "timestamp-of-an-expired-trust-bundle",
        "The trust bundle's own end is judged now, whatever time is proven.",
        row(5),
        rejected("trust-expired", None),
        envelope=envelope_of(entry(GOOD)),
        trust=trust_of(EXPIRED) | {"expires": END},
    )


def _signed_things() -> Iterator[Scenario]:
    """Tokens over something else than the bytes of the signature."""
    other = signature(BOB)["sig"]
    things = {
        "over-the-payload": ("The token is over the payload.", STATEMENT),
        "over-the-pae": ("The token is over what was signed, which says nothing of when.", pae(STATEMENT, IN_TOTO)),
        "over-the-base64": ("The token is over the base64 of the signature.", b64(SIG).encode()),
        "over-another-signature": ("The token is over somebody else's signature.", base64.b64decode(other)),
        "over-a-part": ("The token is over a part of the signature.", SIG[:-1]),
    }
    for name, (title, over) in things.items():
        yield stamped(name, title, f"{_RFC} 2.4.2: messageImprint", "timestamp-mismatch", token(over, BEFORE))
    yield stamped(
        "over-something-else-of-a-retired-key",
        "The code says what is wrong with the token, where the key would need it.",
        f"{_RFC} 2.4.2: messageImprint",
        "timestamp-mismatch",
        token(b"something else", BEFORE),
        key=_RETIRED,
    )
    yield stamped(
        "over-something-else-of-a-key-that-counts",
        "Nobody signed that a token belongs there, so a bad one takes nothing from a key that counts.",
        "the field is not authenticated",
        None,
        token(b"something else", BEFORE),
        key=trust_key(ALICE),
    )
    yield stamped(
        "over-something-else-where-no-time-would-help",
        "The code is the key's own where even a good token would change nothing.",
        "the field is not authenticated",
        "key-retired",
        token(b"something else", BEFORE),
        key=trust_key(ALICE, status="retired"),
    )
    for digest in ("sha384", "sha512"):
        yield stamped(f"with-{digest}", "Stronger digests are read.", _RFC, None, token(SIG, BEFORE, imprint=digest))
    yield stamped(
        "with-sha1",
        "A token over a SHA-1 digest proves nothing.",
        "SHA-1 collides",
        "timestamp-invalid",
        token(SIG, BEFORE, imprint="sha1"),
    )


def _fields() -> Iterator[Scenario]:
    good = {"type": "tsp", "data": b64(GOOD)}
    why = "the field is go-witness's, and not authenticated"
    fields: dict[str, tuple[str, str | None, Any]] = {
        "url-safe": ("Either alphabet of base64 is read.", None, [{**good, "data": b64url(GOOD)}]),
        "of-another-type": ("Other types are somebody else's.", "key-expired", [{**good, "type": "roughtime"}]),
        "beside-another-type": ("Other types don't get into the way.", None, [{"type": "roughtime", "data": 1}, good]),
        "list-empty": ("An empty list is no token.", "key-expired", []),
        "null": ("null is no token.", "key-expired", None),
        "not-a-list": ("An object in place of the list.", "timestamp-invalid", good),
        "list-of-strings": ("Strings in place of objects.", "timestamp-invalid", [b64(GOOD)]),
        "without-data": ("There is no data.", "timestamp-invalid", [{"type": "tsp"}]),
        "with-data-that-is-no-string": ("The data is a number.", "timestamp-invalid", [{**good, "data": 7}]),
        "with-bad-base64": (
            "The padding is missing.",
            "timestamp-invalid",
            [{**good, "data": b64(GOOD).rstrip("=") + "*"}],
        ),
        "too-large": (
            "A token of more than 64 KiB is not looked at.",
            "timestamp-invalid",
            [{**good, "data": "A" * 90000}],
        ),
        "fourth": ("Four tokens are looked at.", None, [{**good, "data": ""}] * 3 + [good]),
        "fifth": ("Four tokens are looked at, and no fifth.", "timestamp-invalid", [{**good, "data": ""}] * 4 + [good]),
    }
    for name, (title, code, value) in fields.items():
        expect = verified(None) if code is None else rejected("threshold-not-met", code)
        signed = envelope_of(signature(ALICE, timestamps=value))
        yield case(f"timestamp-field-{name}", title, why, expect, envelope=signed, trust=trust_of(EXPIRED))
    yield case(
        "timestamp-field-broken-beside-a-key-that-counts",
        "The envelope of a key that counts is as good with a broken field as without it.",
        why,
        verified(None),
        envelope=envelope_of(signature(ALICE, timestamps={"type": [1, None]})),
    )
    yield case(
        "timestamp-field-beside-the-signatures",
        "Only a signature's own entry has timestamps.",
        why,
        rejected("threshold-not-met", "key-expired"),
        envelope=envelope_of(ALICE, timestamps=[good]),
        trust=trust_of(EXPIRED),
    )
