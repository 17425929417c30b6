"""What holds for every collection: a line that is added never turns a yes into a no, and an untrusted one never a no
into a yes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Envelope, InputError, Limits, Policy, ResourceDescriptor, Signature, verify_collection
from attest._base.json import dumps
from attest.collection import decide
from attest.sources import read_all
from tests.support.examples import examples
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, DIGEST, PREDICATE_TYPE, signed, signed_payload, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest import CollectionReport

OTHER_TYPE: Final = "https://example.com/other/v1"
OTHER: Final = ResourceDescriptor("other.whl", {"sha256": "1" * 64})
BOTH: Final = signed(ALICE, BOB)
SECOND: Final = statement(predicate={"round": 2})
THIRD: Final = statement(predicate={"round": 3})  # on no line
LIMITS: Final = Limits(envelope=6000, signatures=8)

# By trusted keys: what they are about or what they say may be wrong.
TRUSTED: Final = [
    one.to_json()
    for one in (
        signed(ALICE),
        signed(BOB),
        BOTH,
        signed(ALICE, about=SECOND),
        signed(ALICE, BOB, about=statement(predicate_type=OTHER_TYPE)),
        signed(ALICE, about=statement(OTHER)),
        signed(ALICE, BOB, about=statement(OTHER, ResourceDescriptor("app.whl", {"sha256": DIGEST}))),
        signed_payload(b"no statement"),
        signed_payload(b"{}", "application/x-other"),
    )
]
# By nobody, by an unknown key, or over something else; and what is no attestation at all.
UNTRUSTED: Final = [
    signed(MALLORY).to_json(),
    replace(BOTH, signatures=()).to_json(),
    Envelope(BOTH.unverified_payload + b" ", BOTH.payload_type, BOTH.signatures).to_json(),
    Envelope(signed(about=SECOND).unverified_payload, BOTH.payload_type, BOTH.signatures).to_json(),
    replace(signed(MALLORY), signatures=signed(MALLORY).signatures * 8).to_json(),
    replace(signed(MALLORY), signatures=signed(MALLORY).signatures * 9).to_json(),
    dumps({"payload": "A" * 8000, "payloadType": "x", "signatures": []}),
    dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}}),
    dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "dsseEnvelope": json.loads(signed(MALLORY).to_json()),
        }
    ),
    b"hello",
    b"x" * 9000,
    b"{",
    b"}",
    b'{"x":',
    b"[]",
    b"{}",
    b"null",
    b"\xff\xfe",
    b"\0",
    b'{"a": 1, "a": 2}',
    b'{"a":' * 99 + b"1" + b"}" * 99,
]

TRUSTS: Final = [
    bundle({"release": anchor(ALICE)}),
    bundle({"release": anchor(ALICE, BOB, threshold=2)}),
    bundle({"release": anchor(ALICE), "review": anchor(BOB, subjects=["app.*"])}),
]
POLICIES: Final = [
    None,
    Policy.from_bytes(dumps({"require": [{"type": PREDICATE_TYPE}]})),
    Policy.from_bytes(dumps({"require": [{"type": PREDICATE_TYPE, "threshold": 2}]})),
    Policy.from_bytes(dumps({"require": [{"type": PREDICATE_TYPE}, {"type": OTHER_TYPE}]})),
]
questions: Final = st.fixed_dictionaries(
    {
        "trust": st.sampled_from(TRUSTS),
        "policy": st.sampled_from(POLICIES),
        "artifacts": st.sampled_from(
            [[ARTIFACT], [ARTIFACT], [ARTIFACT, "sha256:" + "1" * 64], ["sha256:" + "2" * 64], None]
        ),
        "predicate_type": st.sampled_from([None, None, None, PREDICATE_TYPE, OTHER_TYPE]),
        "anchors": st.sampled_from([None, None, None, ["release"]]),
        "subject_names": st.sampled_from([None, None, None, ["app.*"]]),
    }
)
any_line: Final = st.sampled_from(TRUSTED) | st.sampled_from(UNTRUSTED)
lines: Final = st.lists(st.sampled_from([BOTH.to_json(), *TRUSTED]), max_size=3) | st.lists(any_line, max_size=6)


@st.composite
def copies(draw: st.DrawFn, given: Sequence[bytes]) -> bytes:
    """A line that anyone can make from `given`: the same, with fewer signatures, or with more that do not count."""
    line = draw(st.sampled_from(given))
    try:
        envelope = Envelope.from_json(line)
    except InputError:
        return line
    kept = draw(st.lists(st.sampled_from(envelope.signatures), unique_by=id)) if envelope.signatures else []
    junk = draw(st.lists(st.sampled_from([Signature("x", b"x"), *signed(ALICE, about=THIRD).signatures]), max_size=2))
    return replace(envelope, signatures=tuple(draw(st.permutations([*kept, *junk]))), raw=None, fields=None).to_json()


def ask(given: Sequence[bytes], question: dict[str, Any], **options: Any) -> CollectionReport:
    """The decision about lines of standard input."""
    entries = read_all(["-"], limits=LIMITS, stdin=io.BytesIO(b"\n".join([b"{}", *given, b"{}"])))
    return decide(entries, now=NOW, limits=LIMITS, **{**question, **options})


def says_yes(report: CollectionReport) -> bool:
    return report.refusal is None


@given(lines, any_line, st.integers(0, 6), questions)
@examples(1000)
def test_a_line_that_is_added_never_turns_a_yes_into_a_no(
    given: list[bytes], line: bytes, place: int, question: dict[str, Any]
) -> None:
    before = ask(given, question)
    after = ask([*given[:place], line, *given[place:]], question)
    assert says_yes(after) or not says_yes(before)
    assert after.number >= before.number - 1  # a copy with more signatures can come first


@given(lines, st.data(), st.integers(0, 6), questions)
@examples(1000)
def test_a_line_that_no_trusted_key_signed_never_turns_a_no_into_a_yes(
    given: list[bytes], data: st.DataObject, place: int, question: dict[str, Any]
) -> None:
    line = data.draw(st.sampled_from(UNTRUSTED) | (copies(given) | copies(given) if given else st.nothing()))
    before = ask(given, question)
    after = ask([*given[:place], line, *given[place:]], question)
    assert says_yes(after) == says_yes(before)
    if says_yes(before) and before.policy is not None and after.policy is not None:
        met = [len(one.by) for one in before.policy.requirements]
        assert [len(one.by) for one in after.policy.requirements] == met, "it is counted twice"


@given(lines, st.randoms(use_true_random=False), questions)
@examples(400)
def test_the_order_of_lines_decides_nothing(given: list[bytes], random: Any, question: dict[str, Any]) -> None:
    before = ask(given, question)
    shuffled = random.sample(given, len(given))
    after = ask(shuffled, question)
    assert says_yes(after) == says_yes(before)
    if before.policy is not None and after.policy is not None:
        met = [len(one.by) for one in before.policy.requirements]
        assert [len(one.by) for one in after.policy.requirements] == met


@given(lines, questions)
@examples(400)
def test_strict_refuses_what_would_be_ignored_and_accepts_nothing_more(
    given: list[bytes], question: dict[str, Any]
) -> None:
    lenient, strict = ask(given, question), ask(given, question, strict=True)
    assert not strict.ignored
    assert says_yes(lenient) or not says_yes(strict)
    codes = {one.code for one in lenient.ignored} - {"attestation-repeated"}
    assert {one.code for one in strict.refused} == codes
    assert (strict.refusal is not None) or not codes


@given(lines, questions)
@examples(100)
def test_the_public_call_decides_the_same_about_documents(given: list[bytes], question: dict[str, Any]) -> None:
    refusal = ask(given, question).refusal
    if refusal is None:
        assert verify_collection(given, now=NOW, limits=LIMITS, **question).refusal is None
    else:
        with pytest.raises(type(refusal)):
            verify_collection(given, now=NOW, limits=LIMITS, **question)
