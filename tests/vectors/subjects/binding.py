"""Scenarios of what a signature is bound to: the payload's exact bytes and its type, here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vectors.keys import ALICE
from tests.vectors.parts import b64, case, envelope_of, pae, rejected, row, signature, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario


def cases() -> Iterator[Scenario]:
    invalid = rejected("threshold-not-met", "signature-invalid")
    good = envelope_of(ALICE)
    payload = bytearray(statement())
    payload[-20] ^= 1
    yield case(
        "payload-changed-by-one-bit",
        "One bit of the payload differs from what was signed; the exit code says no.",
        row(8, 14),
        invalid,
        envelope=good | {"payload": b64(bytes(payload))},
    )
    flipped = bytearray(ALICE.sign(pae(statement())))
    flipped[10] ^= 1
    yield case(
        "signature-changed-by-one-bit",
        "One bit of the signature differs from what was made.",
        row(14),
        invalid,
        envelope=envelope_of(signature(ALICE, sig=bytes(flipped))),
    )
    yield case(
        "signature-of-another-statement",
        "A good signature that was moved here from another envelope is bad here.",
        row(14, 29),
        invalid,
        envelope=envelope_of(signature(ALICE, statement({"name": "old.txt", "digest": {"sha256": "0" * 64}}))),
    )
    yield case(
        "payload-type-changed-after-signing",
        "The payload type is signed with the payload.",
        row(14),
        invalid,
        envelope=good | {"payloadType": "application/vnd.in-toto.provenance+json"},
    )
    yield case(
        "payload-type-taken-out-of-another-protocol",
        "A payload that was signed as another type is not signed as a statement.",
        row(14),
        invalid,
        envelope=envelope_of(ALICE, payload_type="text/plain") | {"payloadType": "application/vnd.in-toto+json"},
    )
    yield case(
        "payload-re-encoded-after-signing",
        "The same JSON with other white space is other bytes.",
        row(11),
        invalid,
        envelope=good | {"payload": b64(statement().replace(b",", b", "))},
    )
