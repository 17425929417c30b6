"""Scenarios of signatures: who is counted, how often, and under which keyid."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, CAROL, P256, RSA, STRANGER, negated, to_pem
from tests.vectors.parts import (
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    error,
    pae,
    rejected,
    row,
    signature,
    statement,
    trust_key,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_TWO_OF_TWO = bundle(anchor(ALICE, BOB, threshold=2))
_TWO_OF_THREE = bundle(anchor(ALICE, BOB, CAROL, threshold=2))
_DSSE = "DSSE v1.0.2 protocol.md: "
_HINT = _DSSE + "keyid is an unauthenticated hint and MUST NOT be used for security decisions"


def cases() -> Iterator[Scenario]:
    yield from _one_key_counts_once()
    yield from _same_key_in_trust()
    yield from _one_key_under_two_keyids()
    yield from _thresholds()
    yield from _nothing_signed()
    yield from _keyids()


def _one_key_counts_once() -> Iterator[Scenario]:
    twice = "key-already-counted"
    yield case(
        "threshold-met-by-one-key-signing-twice",
        "Two entries with one signature of one key are one of the two signatures that are needed.",
        row(1),
        rejected("threshold-not-met", None, twice),
        envelope=envelope_of(ALICE, ALICE),
        trust=_TWO_OF_TWO,
    )
    yield case(
        "same-key-under-two-keyids",
        "One key's signature, once under its own keyid and once under another known key's, counts once.",
        row(2),
        rejected("threshold-not-met", None, twice),
        envelope=envelope_of(ALICE, signature(ALICE, keyid=BOB.keyid)),
        trust=_TWO_OF_TWO,
    )
    yield case(
        "same-key-under-made-up-keyids",
        "One key's signature under keyids that nobody has counts once.",
        row(2),
        rejected("threshold-not-met", None, twice, twice),
        envelope=envelope_of(*[signature(ALICE, keyid=name) for name in ("one", "two", "three")]),
        trust=_TWO_OF_TWO,
    )
    other = negated(P256.sign(pae(statement())))
    yield case(
        "ecdsa-malleated-signature-counts-once",
        "(r, s) and (r, n - s) both verify and are two signatures of one key, which counts once.",
        row(17, 1),
        rejected("threshold-not-met", None, twice),
        envelope=envelope_of(P256, signature(P256, sig=other)),
        trust=bundle(anchor(P256, ALICE, threshold=2)),
    )
    yield case(
        "ecdsa-malleated-signature-verifies",
        "(r, n - s) is as good a signature as (r, s): the signature's bytes identify nothing.",
        row(17),
        verified(None),
        envelope=envelope_of(signature(P256, sig=other)),
        trust=bundle(anchor(P256)),
    )
    yield case(
        "good-signature-given-twice",
        "A second entry by a key that counted already is reported and does no harm.",
        row(1),
        verified(None, twice, None),
        envelope=envelope_of(ALICE, ALICE, BOB),
        trust=_TWO_OF_TWO,
    )


def _same_key_in_trust() -> Iterator[Scenario]:
    signed = envelope_of(ALICE, ALICE)
    yield case(
        "trust-lists-a-key-twice",
        "An anchor that lists a key twice would let it count twice, so the trust bundle is refused.",
        row(2),
        error("key-duplicate"),
        envelope=signed,
        trust=bundle(anchor(ALICE, ALICE, threshold=2)),
    )
    yield case(
        "trust-lists-a-key-under-a-second-keyid",
        "A keyid is the hash of the key, so one key can't be listed under two of them.",
        row(2),
        error("keyid-mismatch"),
        envelope=signed,
        trust=bundle(anchor(ALICE, trust_key(ALICE, keyid="0" * 64), threshold=2)),
    )
    yield case(
        "trust-lists-a-key-under-another-keys-keyid",
        "A keyid that is another key's is refused.",
        row(2, 27),
        error("keyid-mismatch"),
        trust=bundle(anchor(trust_key(ALICE, keyid=BOB.keyid))),
    )
    numbers = P256.public.public_numbers()
    point = (b"\x03" if numbers.y & 1 else b"\x02") + numbers.x.to_bytes(32, "big")
    compressed = to_pem(bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point)
    yield case(
        "trust-lists-a-key-in-two-encodings",
        "A point of a curve and its compressed form are one key.",
        row(2),
        error("key-duplicate"),
        envelope=envelope_of(P256),
        trust=bundle(anchor(P256, trust_key(P256, public_key=compressed), threshold=2)),
    )
    yield case(
        "trust-lists-a-key-under-two-algorithms",
        "One RSA key for PSS and for PKCS #1 v1.5 is one key of an anchor.",
        row(2),
        error("key-duplicate"),
        envelope=envelope_of(RSA, RSA.pinned_to("rsa-pkcs1v15-sha256")),
        trust=bundle(anchor(RSA, RSA.pinned_to("rsa-pkcs1v15-sha256"), threshold=2)),
    )


def _one_key_under_two_keyids() -> Iterator[Scenario]:
    """Against a threshold of two, with both keyids in the envelope and with none."""
    public = {"keytype": "ed25519", "keyval": {"public": ALICE.spki[-32:].hex()}, "scheme": "ed25519"}
    theirs = hashlib.sha256(compact(public)).hexdigest()  # what securesystemslib calls the same key
    unnamed = {"sig": signature(ALICE)["sig"]}
    marked = f"sim:{ALICE.keyid}"

    def both(second: str) -> dict[str, Any]:
        return envelope_of(ALICE, signature(ALICE, keyid=second))

    def none(second: str) -> dict[str, Any]:
        return envelope_of(unnamed, unnamed)

    for name, envelope in (("both-in-the-envelope", both), ("none-in-the-envelope", none)):
        yield case(
            f"one-key-under-two-keyids-{name}",
            "A key that has two keyids is one of the two keys that are needed.",
            row(2),
            rejected("threshold-not-met", None, "key-already-counted"),
            envelope=envelope(theirs),
            trust=_TWO_OF_TWO,
        )
        yield case(
            f"one-key-listed-under-two-keyids-{name}",
            "A trust bundle can't list a key under a second keyid, so that it would count twice.",
            row(2),
            error("keyid-mismatch"),
            envelope=envelope(theirs),
            trust=bundle(anchor(ALICE, trust_key(ALICE, keyid=theirs), threshold=2)),
        )
        yield case(
            f"one-key-listed-with-and-without-the-simulators-mark-{name}",
            "The simulator's mark before a keyid makes no second key of it.",
            row(2),
            error("key-duplicate"),
            envelope=envelope(marked),
            trust=bundle(anchor(ALICE, trust_key(ALICE, keyid=marked), threshold=2)),
            allow_simulated=True,
        )


def _thresholds() -> Iterator[Scenario]:
    few = "threshold-not-met"
    bad = signature(CAROL, sig=bytes(64))
    yield case("one-good-signature", "The plain good case.", "DSSE v1.0.2 and Statement v1", verified(None))
    yield case(
        "two-of-three-signed-by-two",
        "Any two of three keys are enough.",
        _DSSE + "(t, n)",
        verified(None, None),
        envelope=envelope_of(CAROL, ALICE),
        trust=_TWO_OF_THREE,
    )
    yield case(
        "two-of-three-signed-by-one",
        "One of three keys is too few for two.",
        _DSSE + "(t, n)",
        rejected(few, None),
        trust=_TWO_OF_THREE,
    )
    yield case(
        "two-of-three-signed-by-one-and-a-stranger",
        "A key that isn't trusted fills no place.",
        row(2),
        rejected(few, None, "key-unknown"),
        envelope=envelope_of(ALICE, STRANGER),
        trust=_TWO_OF_THREE,
    )
    yield case(
        "one-bad-signature-among-good-ones",
        "A bad signature is reported and takes nothing from the good ones.",
        _DSSE + "failing signatures are skipped",
        verified(None, "signature-invalid", None),
        envelope=envelope_of(ALICE, bad, BOB),
        trust=_TWO_OF_THREE,
    )
    yield case(
        "every-signature-is-reported",
        "What comes after the threshold is met is judged all the same.",
        "dsse #55: a verifier that stops early never says which others were good",
        verified(None, None, "signature-invalid", "key-unknown"),
        envelope=envelope_of(ALICE, BOB, bad, STRANGER),
        trust=bundle(anchor(ALICE, BOB, CAROL)),
    )
    pairs = {"other": anchor(CAROL, STRANGER, threshold=2)}
    yield case(
        "thresholds-are-not-pooled-across-anchors",
        "One signature for each of two anchors that want two meets neither.",
        row(4),
        rejected(few, None, None),
        envelope=envelope_of(ALICE, CAROL),
        trust=bundle(anchor(ALICE, BOB, threshold=2), also=pairs),
    )
    yield case(
        "one-key-of-two-anchors-is-one-of-each",
        "A key that stands in two anchors is one signature for each of them, not two.",
        row(4),
        rejected(few, None, "key-already-counted"),
        envelope=envelope_of(ALICE, ALICE),
        trust=bundle(anchor(ALICE, BOB, threshold=2), also={"other": anchor(ALICE, CAROL, threshold=2)}),
    )
    yield case(
        "one-anchor-of-two-is-met",
        "It is enough that one anchor's threshold is met.",
        _DSSE + "(t, n)",
        verified(None, None),
        envelope=envelope_of(CAROL, STRANGER),
        trust=bundle(anchor(ALICE, BOB, threshold=2), also=pairs),
    )
    yield case(
        "a-signature-was-deleted",
        "Who deletes a signature of two makes a no of a yes, never the other way round.",
        row(29),
        rejected(few, None),
        envelope=envelope_of(BOB),
        trust=_TWO_OF_TWO,
    )


def _nothing_signed() -> Iterator[Scenario]:
    few = "threshold-not-met"
    yield case(
        "no-signatures",
        "An empty list of signatures is a no.",
        row(7, 28),
        rejected(few),
        envelope=envelope_of(),
    )
    yield case(
        "empty-signature",
        "A signature of no bytes is a bad signature.",
        row(28),
        rejected(few, "signature-invalid"),
        envelope=envelope_of(signature(ALICE, sig=b"")),
    )
    yield case(
        "empty-signature-beside-a-good-one",
        "A signature of no bytes takes nothing from a good one.",
        _DSSE + "sig MUST be set, even if empty",
        verified("signature-invalid", None),
        envelope=envelope_of(signature(BOB, sig=b""), ALICE),
        trust=bundle(anchor(ALICE, BOB)),
    )
    yield case(
        "signature-of-zero-bytes",
        "A signature of the right length that is all zero is a bad signature.",
        row(28),
        rejected(few, "signature-invalid"),
        envelope=envelope_of(signature(ALICE, sig=bytes(64))),
    )
    yield case(
        "unsigned-payload-is-not-read",
        "A payload that no trusted key signed is not parsed: what it holds decides nothing.",
        row(10),
        rejected(few, "key-unknown"),
        envelope=envelope_of(STRANGER, payload=b"not JSON at all"),
    )
    yield case(
        "unsigned-payload-type-is-not-judged",
        "The payload type of what no trusted key signed is not judged.",
        row(10),
        rejected(few, "key-unknown"),
        envelope=envelope_of(STRANGER, payload_type="text/plain"),
    )


def _keyids() -> Iterator[Scenario]:
    good = signature(ALICE)
    unset = _DSSE + "unset keyid MUST equal an empty one; securesystemslib #416"
    hints = {
        "keyid-absent": ("A signature without a keyid is tried with every key.", unset, {"sig": good["sig"]}),
        "keyid-empty": ("An empty keyid is no keyid.", unset, {**good, "keyid": ""}),
        "keyid-null": ("A keyid of null is no keyid.", unset, {**good, "keyid": None}),
        "keyid-wrong": ("A keyid that nobody has doesn't spoil a good signature.", _HINT, {**good, "keyid": "release"}),
        "keyid-of-another-key": ("Another key's keyid doesn't spoil it.", row(27), {**good, "keyid": BOB.keyid}),
        "keyid-in-upper-case": (
            "A keyid in upper case doesn't spoil it.",
            _HINT,
            {**good, "keyid": ALICE.keyid.upper()},
        ),
    }
    for name, (title, why, entry) in hints.items():
        trust = bundle(anchor(ALICE, BOB))
        yield case(name, title, why, verified(None), envelope=envelope_of(entry), trust=trust)
    yield case(
        "keyid-on-two-entries",
        "A bogus entry with a good key's keyid doesn't spoil the good entry.",
        _HINT + "; securesystemslib 1.6.0 rejects the envelope",
        verified("signature-invalid", None),
        envelope=envelope_of(signature(ALICE, sig=b"bogus"), ALICE),
    )
    yield case(
        "keyid-of-a-trusted-key-on-a-strangers-signature",
        "A trusted keyid makes no signature good.",
        row(27),
        rejected("threshold-not-met", "signature-invalid"),
        envelope=envelope_of(signature(STRANGER, keyid=ALICE.keyid)),
    )
    yield case(
        "key-unknown",
        "A signature by a key that isn't in the trust bundle doesn't count.",
        "DSSE v1.0.2 protocol.md",
        rejected("threshold-not-met", "key-unknown"),
        envelope=envelope_of(STRANGER),
    )
