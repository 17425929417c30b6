"""Scenarios of collections: what is ignored in one, what counts, and what nobody can change by adding a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, STRANGER
from tests.vectors.parts import (
    CLAIM,
    DIGEST,
    OTHER_DIGEST,
    SUBJECT,
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    statement,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.vectors.scenarios import Scenario

_MUST = (
    "in-toto attestation spec/v1/bundle.md: consumers MUST ignore attestations with unrecognized keys, types, subjects"
)
_DESIGN = "design: one, or a collection"
_LINES = "attestations.intoto.jsonl"
_ONE, _OTHER = f"sha256:{DIGEST}", f"sha256:{OTHER_DIGEST}"

_GOOD = compact(envelope_of(ALICE))
_FOREIGN = compact(envelope_of(STRANGER))
_OTHER_SUBJECT = compact(envelope_of(ALICE, payload=statement({"name": "b.txt", "digest": {"sha256": OTHER_DIGEST}})))
_OTHER_TYPE = compact(envelope_of(ALICE, payload=statement(predicateType=CLAIM, predicate={})))
_BY_BOB = compact(envelope_of(BOB))
_TWO = bundle(anchor(ALICE), also={"review": anchor(BOB)})
_REQUIRED = {"require": [{"id": "claim", "type": CLAIM}]}


def cases() -> Iterator[Scenario]:
    yield from _ignored()
    yield from _counting()
    yield from _named()


def _case(
    name: str,
    title: str,
    lines: Sequence[bytes],
    ignored: Mapping[str, int],
    *,
    no: str | None = None,
    outcome: str = "rejected",
    why: str = _MUST,
    **options: Any,
) -> Scenario:
    """A scenario of a file of lines, with the codes of what is ignored in it; a yes, or a `no` with this code."""
    expect = {"outcome": "verified" if no is None else outcome, "code": no, "ignored": dict(ignored)}
    files = {_LINES: b"\n".join(lines) + b"\n"}
    return case(f"collection-{name}", title, why, expect, collection=_LINES, files=files, **options)


def _ignored() -> Iterator[Scenario]:
    lines: dict[str, tuple[str, bytes, str]] = {
        "foreign-key": ("A line by an unknown key is ignored.", _FOREIGN, "threshold-not-met"),
        "foreign-subject": ("A line about another artifact is ignored.", _OTHER_SUBJECT, "artifact-mismatch"),
        "unsigned": ("A line without a signature is ignored.", compact(envelope_of()), "threshold-not-met"),
        "no-statement": (
            "A line with another payload is ignored.",
            compact(envelope_of(ALICE, payload=b"{}", payload_type="application/json")),
            "payload-type-unsupported",
        ),
        "garbage": ("A line that is no attestation is ignored.", b"hello", "json-invalid"),
        "crowded": (
            "A line above a limit is ignored.",
            compact({**envelope_of(ALICE), "signatures": envelope_of(ALICE)["signatures"] * 65}),
            "too-many-signatures",
        ),
        "copy": ("A copy is ignored, so that nothing is counted twice.", _GOOD, "attestation-repeated"),
    }
    for name, (title, line, code) in lines.items():
        yield _case(name, title, [_GOOD, line], {code: 1})
        if code != "attestation-repeated":
            alone = {"json-invalid": "envelope-missing", "too-many-signatures": "envelope-missing"}.get(code, code)
            outcome = "error" if alone == "envelope-missing" else "rejected"
            title = f"{title.removesuffix(' is ignored.')} does not make a yes of a no."
            yield _case(f"{name}-alone", title, [line], {code: 1}, no=alone, outcome=outcome, why=_DESIGN)
            strict = "json-invalid" if code == "json-invalid" else code
            outcome = "error" if code in ("json-invalid", "too-many-signatures") else "rejected"
            title = "With strict, nothing is ignored."
            yield _case(
                f"{name}-strict", title, [_GOOD, line], {}, no=strict, outcome=outcome, why=_DESIGN, strict=True
            )


def _counting() -> Iterator[Scenario]:
    both = [_GOOD, _OTHER_SUBJECT]
    title = "Each artifact needs one attestation that verified, and these may be different ones."
    yield _case("two-artifacts", title, both, {}, why=_DESIGN, artifacts=[_ONE, _OTHER])
    yield _case(
        "artifact-not-covered",
        "An artifact that no attestation is about is a no.",
        [_GOOD, _FOREIGN],
        {"threshold-not-met": 1},
        no="artifact-not-covered",
        why=_DESIGN,
        artifacts=[_ONE, _OTHER],
    )
    yield _case(
        "type-chooses",
        "A required type chooses among the lines.",
        [_OTHER_TYPE, _GOOD],
        {"predicate-type-mismatch": 1},
        predicate_type=CLAIM,
    )
    yield _case(
        "type-chooses-none",
        "At least one line must have the required type.",
        [_OTHER_TYPE, _GOOD],
        {"predicate-type-mismatch": 2},
        no="predicate-type-mismatch",
        why=_DESIGN,
        predicate_type="https://example.com/none",
    )
    yield _case(
        "anchor-chooses",
        "A required anchor chooses among the lines.",
        [_BY_BOB, _GOOD],
        {"anchor-not-accepted": 1},
        why=_DESIGN,
        trust=_TWO,
        anchors=["review"],
    )
    yield _case(
        "policy-met",
        "A policy decides about all that verified.",
        [_FOREIGN, _OTHER_TYPE, b"hello"],
        {"threshold-not-met": 1, "json-invalid": 1},
        why=_DESIGN,
        policy=_REQUIRED,
    )
    yield _case(
        "policy-not-met",
        "What must be there is the policy's business.",
        [_GOOD, compact(envelope_of(STRANGER, payload=statement(SUBJECT, predicateType=CLAIM, predicate={})))],
        {"threshold-not-met": 1},
        no="policy-failed",
        why=_DESIGN,
        policy=_REQUIRED,
    )


def _named() -> Iterator[Scenario]:
    expect = {"outcome": "rejected", "code": "threshold-not-met", "signatures": ["key-unknown"]}
    title = "A file with one attestation is no collection: it must verify, with a policy too."
    policy = {"require": [{"type": "https://slsa.dev/provenance/v1"}]}
    yield case("collection-named-file", title, _DESIGN, expect, envelope=envelope_of(STRANGER), policy=policy)
