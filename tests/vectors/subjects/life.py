"""Scenarios of the life of a key: rotated, counter-signed, retired, revoked, and what no later word undoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vectors.keys import ALICE, BOB, CAROL, RSA, SIMULATED
from tests.vectors.parts import anchor, bundle, case, envelope_of, rejected, row, trust_key, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_THEN, _ENDED = "2026-06-01T00:00:00Z", "2026-06-30T00:00:00Z"
_RETIRED = {"status": "retired", "status_since": _ENDED, "reason": "rotated"}
_LOST = {"status": "compromised", "status_since": _ENDED, "reason": "found in a log"}
_PKCS1 = RSA.pinned_to("rsa-pkcs1v15-sha256")


def cases() -> Iterator[Scenario]:
    yield from _retired()
    yield from _compromised()


def _retired() -> Iterator[Scenario]:
    old = trust_key(ALICE, **_RETIRED)
    yield case(
        "key-retired-judged-before-it-was",
        "A retired key doesn't count at a time before it was retired either: nothing proves when it signed.",
        row(5, 6),
        rejected("threshold-not-met", "key-retired"),
        trust=bundle(anchor(old)),
        now=_THEN,
    )
    yield case(
        "key-retired-and-expired",
        "A retired key is called that, whatever its window says.",
        row(6),
        rejected("threshold-not-met", "key-retired"),
        trust=bundle(anchor(trust_key(ALICE, **_RETIRED, not_after=_ENDED))),
    )
    yield case(
        "retired-key-does-not-fill-a-threshold",
        "A retired key beside a good one is one of two.",
        row(6),
        rejected("threshold-not-met", "key-retired", None),
        envelope=envelope_of(ALICE, BOB),
        trust=bundle(anchor(old, BOB, threshold=2)),
    )
    yield case(
        "counter-signed-before-the-key-ended",
        "An attestation that was counter-signed outlives its first key.",
        row(6),
        verified("key-retired", None),
        envelope=envelope_of(ALICE, BOB),
        trust=bundle(anchor(old, BOB)),
    )
    yield case(
        "rotated-key-within-its-overlap",
        "The key that is replaced counts until its overlap ends.",
        row(5),
        verified(None),
        trust=bundle(anchor(trust_key(ALICE, not_after=_ENDED), trust_key(BOB, not_before=_THEN))),
        now=_ENDED,
    )
    yield case(
        "rotated-key-behind-its-overlap",
        "The key that is replaced doesn't count when its overlap has ended.",
        row(5),
        rejected("threshold-not-met", "key-expired"),
        trust=bundle(anchor(trust_key(ALICE, not_after=_ENDED), trust_key(BOB, not_before=_THEN))),
    )
    yield case(
        "key-with-a-history",
        "What was said of a key before decides nothing.",
        "the history of a key is for people",
        verified(None),
        trust=bundle(anchor(trust_key(ALICE, status="active", history=[_RETIRED]))),
    )


def _compromised() -> Iterator[Scenario]:
    history = [{"status": "active", "reason": "rotated"}, _RETIRED]
    lost = trust_key(ALICE, **_LOST, history=history)
    yield case(
        "key-compromised-after-it-was-retired",
        "A retired key that is lost later is lost.",
        row(6),
        rejected("threshold-not-met", "key-compromised"),
        trust=bundle(anchor(lost)),
    )
    yield case(
        "key-compromised-here-and-retired-there",
        "Compromised is said of a key, and goes before what another anchor says.",
        row(6),
        rejected("threshold-not-met", "key-compromised"),
        trust=bundle(anchor(trust_key(ALICE, **_RETIRED)), also={"other": anchor(lost)}),
    )
    yield case(
        "key-compromised-and-expired",
        "A compromised key is called that, whatever its window says.",
        row(5, 6),
        rejected("threshold-not-met", "key-compromised"),
        trust=bundle(anchor(trust_key(ALICE, **_LOST, not_after=_ENDED))),
    )
    yield case(
        "key-compromised-judged-within-its-window",
        "No time that is claimed brings a compromised key back.",
        row(5, 6),
        rejected("threshold-not-met", "key-compromised"),
        trust=bundle(anchor(trust_key(ALICE, **_LOST, not_before=_THEN, not_after=_ENDED))),
        now="2026-06-15T00:00:00Z",
    )
    yield case(
        "key-compromised-under-either-padding",
        "Both signatures of a compromised RSA key are its own.",
        row(6, 27),
        rejected("threshold-not-met", "key-compromised", "key-compromised"),
        envelope=envelope_of(RSA, _PKCS1),
        trust=bundle(anchor(trust_key(RSA, **_LOST)), also={"other": anchor(_PKCS1)}),
    )
    marked = trust_key(SIMULATED, keyid=f"sim:{SIMULATED.keyid}", **_LOST)
    yield case(
        "key-compromised-under-the-simulators-mark",
        "A key that is lost with the simulator's mark is lost without it.",
        row(6),
        rejected("threshold-not-met", "key-compromised"),
        envelope=envelope_of(SIMULATED),
        trust=bundle(anchor(SIMULATED), also={"other": anchor(marked)}),
        allow_simulated=True,
    )
    yield case(
        "compromised-key-does-not-fill-a-threshold",
        "A compromised key beside good ones takes no place.",
        row(6),
        rejected("threshold-not-met", "key-compromised", None),
        envelope=envelope_of(ALICE, CAROL),
        trust=bundle(anchor(lost, CAROL, threshold=2)),
    )
