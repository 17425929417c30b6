"""Scenarios of predicates: the type that was asked for, and the schema of the type that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE
from tests.vectors.parts import (
    CLAIM,
    PREDICATE,
    SLSA,
    case,
    envelope_of,
    error,
    rejected,
    row,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_MISMATCH = rejected("predicate-type-mismatch", None)
_INCOMPLETE = {"buildDefinition": PREDICATE["buildDefinition"]}


def cases() -> Iterator[Scenario]:
    yield from _asked_for()
    yield from _schemas()


def _signed(predicate_type: str, predicate: dict[str, Any]) -> dict[str, Any]:
    return envelope_of(ALICE, payload=statement(predicateType=predicate_type, predicate=predicate))


def _asked_for() -> Iterator[Scenario]:
    yield case(
        "predicate-type-asked-for",
        "The predicate type asked for is the one that is there.",
        row(9),
        verified(None),
        predicate_type=SLSA,
    )
    yield case(
        "predicate-type-asked-for-by-name",
        "A short name stands for the predicate type's URI.",
        row(9),
        verified(None),
        predicate_type="slsa-provenance",
    )
    document = {"@context": "https://openvex.dev/ns/v0.2.0"}
    yield case(
        "predicate-type-alias-by-name",
        "A short name stands for the aliases of its URI too.",
        "SPDX documents are attested under two URIs",
        verified(None),
        envelope=_signed("https://spdx.dev/Document/v2.3", document),
        predicate_type="spdx",
        check_predicate=False,
    )
    yield case(
        "predicate-type-alias-is-not-the-uri",
        "A URI stands for itself alone, even where a short name has both.",
        row(20),
        _MISMATCH,
        envelope=_signed("https://spdx.dev/Document/v2.3", document),
        predicate_type="https://spdx.dev/Document",
        check_predicate=False,
    )
    yield case(
        "predicate-type-mismatch",
        "Another predicate type than the one asked for is a no.",
        row(9),
        _MISMATCH,
        predicate_type="https://slsa.dev/verification_summary/v1",
    )
    yield case(
        "predicate-type-mismatch-by-name",
        "Another predicate type than the one named is a no.",
        row(9),
        _MISMATCH,
        predicate_type="vsa",
    )
    yield case(
        "predicate-type-unknown-name",
        "A short name that there isn't is no question that can be answered.",
        row(9),
        error("predicate-type-unknown"),
        predicate_type="slsa",
    )
    near = {
        "begins-with-the-one-asked-for": "https://slsa.dev/provenance/v1.1",
        "is-the-beginning-of-the-one-asked-for": "https://slsa.dev/provenance",
        "with-a-slash-behind": "https://slsa.dev/provenance/v1/",
        "in-another-case": "https://slsa.dev/Provenance/v1",
    }
    for name, kind in near.items():
        yield case(
            f"predicate-type-{name}",
            "A predicate type is compared whole.",
            row(20),
            _MISMATCH,
            envelope=_signed(kind, {}),
            predicate_type=SLSA,
        )


def _schemas() -> Iterator[Scenario]:
    yield case(
        "predicate-invalid",
        "A predicate that its type's schema refuses is a no.",
        row(9),
        rejected("predicate-invalid", None),
        envelope=_signed(SLSA, _INCOMPLETE),
    )
    yield case(
        "predicate-empty-where-fields-are-required",
        "An empty predicate of a type that requires fields is a no.",
        row(7),
        rejected("predicate-invalid", None),
        envelope=_signed(SLSA, {}),
    )
    yield case(
        "predicate-invalid-and-not-checked",
        "Who asks for no check gets none.",
        "the option is named for what it leaves out",
        verified(None),
        envelope=_signed(SLSA, _INCOMPLETE),
        check_predicate=False,
    )
    yield case(
        "predicate-of-an-unknown-type",
        "A predicate type without a schema passes, as types are open.",
        "in-toto v1/README.md: anyone may make a predicate type",
        verified(None),
        envelope=_signed(CLAIM, {"anything": [1, 2.5, None]}),
    )
    yield case(
        "predicate-with-unknown-fields",
        "Fields that a predicate type doesn't have are ignored.",
        "in-toto v1/README.md: unknown fields MUST be ignored",
        verified(None),
        envelope=_signed(SLSA, PREDICATE | {"x-more": 1}),
    )
    yield case(
        "predicate-of-another-type-than-the-payload-type",
        "Only `predicateType` names the predicate, not the payload type.",
        "in-toto envelope.md v1.2",
        verified(None),
        envelope=envelope_of(ALICE, payload_type="application/vnd.in-toto.vsa+json"),
        predicate_type=SLSA,
    )
