"""Scenarios of keys in time: windows, retired, compromised and simulated keys, and expired trust bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, CAROL, RSA, SIMULATED
from tests.vectors.parts import (
    NOW,
    SLSA,
    anchor,
    bundle,
    case,
    envelope_of,
    rejected,
    row,
    signature,
    trust_key,
    unmet,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_BEFORE, _AFTER = "2026-07-01T11:59:59Z", "2026-07-01T12:00:01Z"
_PKCS1 = RSA.pinned_to("rsa-pkcs1v15-sha256")
_NOTE = "# simulated key: anyone can sign with it\n"


def cases() -> Iterator[Scenario]:
    yield from _windows()
    yield from _statuses()
    yield from _simulated()
    yield from _bundles()


def _not_counted(code: str) -> dict[str, Any]:
    return rejected("threshold-not-met", code)


def _windows() -> Iterator[Scenario]:
    windows: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
        "key-expired": ("A key doesn't count after its window.", {"not_after": _BEFORE}, _not_counted("key-expired")),
        "key-not-yet-valid": (
            "A key doesn't count before its window.",
            {"not_before": _AFTER},
            _not_counted("key-not-yet-valid"),
        ),
        "key-within-its-window": (
            "A key counts within its window.",
            {"not_before": _BEFORE, "not_after": _AFTER},
            verified(None),
        ),
        "key-at-the-first-moment": (
            "`not_before` is the first moment of the window.",
            {"not_before": NOW},
            verified(None),
        ),
        "key-at-the-last-moment": ("`not_after` is the last moment of the window.", {"not_after": NOW}, verified(None)),
        "key-expired-in-another-time-zone": (
            "Times are compared as moments and not as text.",
            {"not_after": "2026-07-01T13:59:59+02:00"},
            _not_counted("key-expired"),
        ),
        "key-expired-by-a-fraction-of-a-second": (
            "Fractions of a second count.",
            {"not_after": "2026-07-01T11:59:59.999999Z"},
            _not_counted("key-expired"),
        ),
    }
    for name, (title, window, expect) in windows.items():
        yield case(name, title, row(5), expect, trust=bundle(anchor(trust_key(ALICE, **window))))
    expired = trust_key(ALICE, not_after=_BEFORE)
    yield case(
        "threshold-met-with-an-expired-key",
        "An expired key fills no place of a threshold.",
        row(5),
        rejected("threshold-not-met", "key-expired", None),
        envelope=envelope_of(ALICE, BOB),
        trust=bundle(anchor(expired, BOB, threshold=2)),
    )
    yield case(
        "expired-key-beside-a-good-one",
        "An expired key takes nothing from a good one.",
        row(5),
        verified("key-expired", None),
        envelope=envelope_of(ALICE, BOB),
        trust=bundle(anchor(expired, BOB)),
    )
    yield case(
        "key-expired-in-one-anchor-only",
        "A window belongs to the anchor's entry: where the key is still valid, it counts.",
        row(5),
        verified(None),
        trust=bundle(anchor(expired), also={"other": anchor(ALICE)}),
    )


def _statuses() -> Iterator[Scenario]:
    retired, lost = trust_key(ALICE, status="retired"), trust_key(ALICE, status="compromised")
    yield case(
        "key-retired",
        "A retired key doesn't count: no timestamp puts the signature before.",
        row(6),
        _not_counted("key-retired"),
        trust=bundle(anchor(retired)),
    )
    yield case(
        "key-retired-within-its-window",
        "A window doesn't bring a retired key back.",
        row(5, 6),
        _not_counted("key-retired"),
        trust=bundle(anchor(trust_key(ALICE, status="retired", not_before=_BEFORE, not_after=_AFTER))),
    )
    yield case(
        "key-retired-in-one-anchor-only",
        "A key that one anchor retired counts for another.",
        row(6),
        verified(None),
        trust=bundle(anchor(retired), also={"other": anchor(ALICE)}),
    )
    yield case(
        "key-compromised",
        "A compromised key never counts.",
        row(6),
        _not_counted("key-compromised"),
        trust=bundle(anchor(lost)),
    )
    yield case(
        "key-compromised-in-another-anchor",
        "What is lost for one anchor is lost for all.",
        row(6),
        _not_counted("key-compromised"),
        trust=bundle(anchor(ALICE), also={"other": anchor(lost, BOB)}),
    )
    yield case(
        "key-compromised-under-another-algorithm",
        "A compromised key doesn't count for any algorithm.",
        row(6, 27),
        _not_counted("key-compromised"),
        envelope=envelope_of(RSA),
        trust=bundle(anchor(RSA), also={"other": anchor(trust_key(_PKCS1, status="compromised"))}),
    )
    yield case(
        "key-compromised-before-it-is-judged",
        "A compromised key doesn't count at a time before it was lost either: its signatures can be dated back.",
        row(6),
        _not_counted("key-compromised"),
        trust=bundle(anchor(trust_key(ALICE, status="compromised", status_since="2026-09-01T00:00:00Z"))),
    )
    yield case(
        "compromised-key-beside-good-ones",
        "A compromised key is reported and takes nothing from the good ones.",
        row(6),
        verified("key-compromised", None, None),
        envelope=envelope_of(ALICE, BOB, CAROL),
        trust=bundle(anchor(lost, BOB, CAROL, threshold=2)),
    )
    yield case(
        "bad-signature-with-a-compromised-keyid",
        "A signature that isn't the key's says nothing of the key.",
        row(6),
        _not_counted("signature-invalid"),
        envelope=envelope_of(signature(ALICE, sig=bytes(64))),
        trust=bundle(anchor(lost)),
    )


def _simulated() -> Iterator[Scenario]:
    why = "anyone can sign with the simulator's keys"
    marked = f"sim:{SIMULATED.keyid}"
    signed = envelope_of(signature(SIMULATED, keyid=marked))
    entry = trust_key(SIMULATED, keyid=marked, public_key=_NOTE + SIMULATED.pem, backend="sim", signer="sim:test")
    yield case(
        "simulated-key",
        "A simulated key doesn't count.",
        why,
        _not_counted("simulated-key"),
        envelope=signed,
        trust=bundle(anchor(entry)),
    )
    yield case(
        "simulated-key-allowed",
        "A simulated key counts where it is allowed.",
        why,
        verified(None),
        envelope=signed,
        trust=bundle(anchor(entry)),
        allow_simulated=True,
    )
    marks = {
        "keyid": {"keyid": marked},
        "backend": {"backend": "sim"},
        "signer": {"signer": "sim:test"},
        "public-key": {"public_key": _NOTE + SIMULATED.pem},
        "crlf-public-key": {"public_key": (_NOTE + SIMULATED.pem).replace("\n", "\r\n")},
    }
    for name, mark in marks.items():
        yield case(
            f"simulated-key-marked-by-its-{name}-only",
            "One mark of four is enough: taking the others off makes no real key of it.",
            why,
            _not_counted("simulated-key"),
            envelope=signed,
            trust=bundle(anchor(trust_key(SIMULATED, **mark))),
        )
    yield case(
        "simulated-key-marked-in-another-anchor",
        "A key that is simulated for one anchor is simulated for all.",
        why,
        _not_counted("simulated-key"),
        envelope=envelope_of(SIMULATED),
        trust=bundle(anchor(SIMULATED), also={"other": anchor(entry)}),
    )
    both = bundle(anchor(_PKCS1), also={"other": anchor(trust_key(RSA, backend="sim"))})
    yield case(
        "simulated-key-marked-under-another-algorithm",
        "A key that is simulated is so whatever it signs with.",
        why,
        _not_counted("simulated-key"),
        envelope=envelope_of(_PKCS1),
        trust=both,
    )
    yield case(
        "simulated-key-under-two-algorithms-is-one-key",
        "A policy's threshold counts keys: with the simulator's mark and without it, it is the same one.",
        row(2),
        unmet("keys-too-few", signatures=(None, None)),
        envelope=envelope_of(_PKCS1, RSA),
        trust=both,
        policy={"require": [{"type": SLSA, "threshold": 2}]},
        allow_simulated=True,
    )
    yield case(
        "simulated-key-does-not-fill-a-threshold",
        "A simulated key beside a real one is one of two.",
        why,
        rejected("threshold-not-met", None, "simulated-key"),
        envelope=envelope_of(ALICE, signature(SIMULATED, keyid=marked)),
        trust=bundle(anchor(ALICE, entry, threshold=2)),
    )
    yield case(
        "simulated-key-compromised",
        "A simulated key that is called compromised doesn't count, allowed or not.",
        row(6),
        _not_counted("key-compromised"),
        envelope=signed,
        trust=bundle(anchor(entry | {"status": "compromised"})),
        allow_simulated=True,
    )


def _bundles() -> Iterator[Scenario]:
    moments: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
        "trust-expired": (
            "Nothing is verified with a trust bundle that has expired.",
            {"expires": _BEFORE},
            rejected("trust-expired", None),
        ),
        "trust-at-its-last-moment": ("`expires` is its last moment.", {"expires": NOW}, verified(None)),
        "trust-issued-after-it-is-judged": (
            "`issued` is no limit: an auditor judges the past with the trust bundle of today.",
            {"issued": _AFTER},
            verified(None),
        ),
    }
    for name, (title, fields, expect) in moments.items():
        yield case(name, title, row(5), expect, trust=bundle(anchor(ALICE)) | fields)
