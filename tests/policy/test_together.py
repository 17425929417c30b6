"""Several attestations together: signers that are counted, the newest that decides, and all of them in CEL."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Artifact, InputError, Policy, Rejected, ResourceDescriptor, Verified, verify
from attest._base.json import dumps
from attest.policy import _cel_process
from tests.support.examples import examples
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB, MemorySigner
from tests.support.making.policies import CLAIM, OTHER, TRUST, ago, claim, codes, decide, no, policy
from tests.support.making.statements import ARTIFACT, DIGEST, signed
from tests.support.making.statements import statement as build
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

OTHER_ARTIFACT: Final = f"sha256:{OTHER}"
TEST: Final = "https://in-toto.io/attestation/test-result/v0.1"


def asks(**fields: Any) -> Policy:
    return policy({"type": CLAIM, **fields})


# Signers.


def test_signers_are_counted_over_attestations_that_are_signed_separately() -> None:
    two = asks(signers=2)
    decision = decide(two, claim({"by": "a"}), claim({"by": "b"}, BOB))
    assert (decision.yes, decision.requirements[0].by) == (True, ("a", "b"))
    assert decide(two, claim(None, ALICE, BOB)).yes, "also on one attestation"
    [failure] = no(decide(two, claim()))
    assert (failure.code, failure.attestation) == ("signers-too-few", None)
    assert failure.message == f"signed by 1 of 2 required signers: key {ALICE.public_key.keyid[:12]} (a)"
    assert failure.hint == "Give attestations of the same type by 1 other signer."


def test_one_key_is_one_signer_whatever_it_signs() -> None:
    [failure] = no(decide(asks(signers=2), claim(), claim(), claim({"x": 1}), claim({"x": 2})))
    assert failure.code == "signers-too-few"
    assert "(a, b, c, d)" in failure.message


def test_a_key_in_two_anchors_or_under_two_algorithms_is_one_signer() -> None:
    rsa = MemorySigner("rsassa-pss-sha256", 5)
    same = MemorySigner("rsa-pkcs1v15-sha256", 5)
    assert rsa.public_key.spki == same.public_key.spki
    trust = bundle({"ci": anchor(ALICE, rsa), "security": anchor(ALICE, same)})
    both = {"anchors": ["ci", "security"], "signers": 2}
    for one, other in ((ALICE, ALICE), (rsa, same)):
        verified = [
            verify(signed(by, about=build(predicate={"by": index})), trust, artifacts=None, now=NOW)
            for index, by in enumerate((one, other))
        ]
        assert {name for each in verified for name in each.anchors} == {"ci", "security"}
        assert codes(decide(asks(**both), *verified)) == ["signers-too-few"]


def test_only_attestations_that_satisfy_everything_else_have_signers() -> None:
    def lacking(**fields: Any) -> list[str]:
        return codes(decide(asks(signers=2, **fields), claim({"ok": True}), claim({"ok": False}, BOB)))

    assert lacking(cel=["predicate.ok"]) == ["cel-false", "signers-too-few"]
    assert lacking(schema={"properties": {"ok": {"const": True}}}) == ["schema-mismatch", "signers-too-few"]
    assert lacking(anchors=["ci"]) == ["anchor-not-accepted", "signers-too-few"]
    assert lacking(threshold=2) == ["keys-too-few", "keys-too-few"]
    mixed = claim(None, ALICE, BOB)
    assert codes(decide(asks(signers=2, anchors=["ci"]), mixed)) == ["signers-too-few"], "BOB is of another anchor"


def test_signers_are_counted_for_each_artifact() -> None:
    both = [ARTIFACT, OTHER_ARTIFACT]
    given = claim(), claim(None, BOB), claim(digest=OTHER), claim(None, BOB, digest=OTHER)
    assert decide(asks(signers=2), *given, artifacts=both).yes
    assert codes(decide(asks(signers=2), given[0], given[3], artifacts=both)) == ["signers-too-few"] * 2
    assert decide(asks(signers=2, subjects="any"), *given[:3], artifacts=both).yes
    assert not decide(asks(signers=2, subjects="any"), given[0], given[3], artifacts=both).yes


# The newest.

NEWEST: Final = {"latest": True, "time": "/when", "cel": ["predicate.ok"]}


def said(ok: bool, *by: MemorySigner, **since: float) -> Verified:
    return claim({"ok": ok, "when": ago(**since)}, *by)


def test_the_newest_decides() -> None:
    asked = asks(**NEWEST)
    old, new = said(True, days=2), said(True, days=1)
    assert decide(asked, old, new).requirements[0].by == ("b",)
    assert codes(decide(asked, new, said(False, hours=1))) == ["cel-false", "newest-decides"]
    assert codes(decide(asked, said(False, hours=1))) == ["cel-false"]
    assert decide(asked, said(False, days=1), said(True, hours=1)).yes


def test_all_of_the_newest_must_satisfy_everything() -> None:
    asked = asks(**NEWEST)
    assert decide(asked, said(True, days=1), said(True, BOB, days=1)).requirements[0].by == ("a", "b")
    assert codes(decide(asked, said(True, days=1), said(False, BOB, days=1))) == ["cel-false", "newest-decides"]
    in_two_zones = (
        claim({"ok": False, "when": "2026-06-30T14:00:00+02:00"}),
        claim({"ok": True, "when": "2026-06-30T12:00:00Z"}),
    )
    assert not decide(asked, *in_two_zones).yes


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (None, "time-missing"),
        ("", "time-missing"),
        ("yesterday", "time-missing"),
        (7, "time-missing"),
        (ago(minutes=-6), "time-in-future"),
        ("9999-12-31T23:59:59Z", "time-in-future"),
    ],
)
def test_if_one_has_no_time_it_is_unknown_which_one_is_the_newest(when: Any, code: str) -> None:
    for ok in (True, False):
        [failure] = no(decide(asks(**NEWEST), said(True, hours=1), claim({"ok": ok, "when": when})))
        assert (failure.code, failure.attestation, failure.pointer) == (code, "b", "/predicate/when")
    assert codes(decide(asks(**NEWEST), claim({"ok": True, "when": when}))) == [code]


def test_who_is_not_asked_does_not_have_the_last_word() -> None:
    good = said(True, days=1)
    for other in (said(False, BOB, hours=1), claim({"ok": False}, BOB), said(False, BOB, days=-9)):
        assert decide(asks(anchors=["ci"], **NEWEST), good, other).requirements[0].by == ("a",)
    two = asks(anchors=["ci", "security"], threshold=2, **NEWEST)
    both = said(True, ALICE, BOB, days=1)
    assert decide(two, both, said(False, hours=1)).yes, "one key is not enough for a yes, nor for a no"
    assert not decide(two, both, said(False, ALICE, BOB, hours=1)).yes
    about_other = claim({"ok": False, "when": ago(hours=1)}, digest=OTHER)
    assert decide(asks(**NEWEST), good, about_other).yes


def test_the_newest_may_be_too_old() -> None:
    assert codes(decide(asks(max_age="1d", **NEWEST), said(True, days=3), said(True, days=2))) == [
        "too-old",
        "newest-decides",
    ]
    assert decide(asks(max_age="3d", **NEWEST), said(True, days=9), said(True, days=2)).yes


@pytest.mark.parametrize(
    ("fields", "where", "said"),
    [
        ({"latest": True, "signers": 2, "time": "/when"}, "/require/0/signers", "use `threshold`"),
        ({"latest": True}, "/require/0/latest", "Set the place"),
        ({"latest": False, "time": "/when"}, "/require/0/time", ""),
        ({"signers": 0}, "/require/0/signers", ""),
        ({"signers": 65}, "/require/0/signers", ""),
        ({"signers": "2"}, "/require/0/signers", ""),
        ({"latest": "yes"}, "/require/0/latest", ""),
    ],
)
def test_settings_that_contradict_each_other_are_no_policy(fields: dict[str, Any], where: str, said: str) -> None:
    with refused(InputError, "policy-invalid") as caught:
        asks(**fields)
    assert caught.value.where == where
    assert said in (caught.value.hint or "")


# CEL over all of them.

SAME_RUN: Final = (
    f"attestations.exists(a, a.predicateType == '{TEST}' && 'ci' in a.anchors && a.predicate.run == predicate.run)"
)


def run_of(run: int, *by: MemorySigner, digest: str = DIGEST) -> Verified:
    return claim({"run": run}, *by, kind=TEST, digest=digest)


def test_an_expression_sees_all_attestations_about_the_artifact() -> None:
    asked = asks(cel=[SAME_RUN])
    assert decide(asked, claim({"run": 1}), run_of(1), run_of(2)).yes
    decision = decide(asked, claim({"run": 1}), run_of(2), claim({"run": 2}), claim({"run": 3}))
    assert (decision.yes, decision.requirements[0].by) == (True, ("c",)), "each is asked with its own predicate"
    for other in (run_of(2), run_of(1, BOB), run_of(1, digest=OTHER)):
        assert codes(decide(asked, claim({"run": 1}), other)) == ["cel-false"]


def test_what_is_true_of_all_is_asked_for_each_artifact() -> None:
    asked = asks(cel=["size(attestations) == 2", "artifacts[0].digest.sha256 == predicate.about", "subjects != []"])
    given = [claim({"about": digest, "by": by}, digest=digest) for digest in (DIGEST, OTHER) for by in ("one", "other")]
    assert decide(asked, *given, artifacts=[ARTIFACT, OTHER_ARTIFACT]).yes
    assert codes(decide(asked, *given[:3], artifacts=[ARTIFACT, OTHER_ARTIFACT])) == ["cel-false"]


def test_the_variables_of_one_are_those_of_its_entry() -> None:
    same = "a.predicate == predicate && a.predicateType == predicateType && a.subjects == subjects"
    mine = f"attestations.exists(a, {same})"
    counts = "attestations.all(a, size(a.anchors) == 1 && size(a.keyids) == 1)"
    named = f"attestations.exists(a, a.anchors == ['ci'] && a.keyids == ['{ALICE.public_key.keyid}'])"
    params = "params.run == '1' && now > timestamp('2020-01-01T00:00:00Z') // all of them"
    asked = Policy.from_document(
        {"parameters": {"run": {"default": "1"}}, "require": [{"type": CLAIM, "cel": [mine, counts, named, params]}]}
    )
    assert decide(asked, claim({"run": 1}), claim({"run": 2}, BOB), run_of(3)).requirements[0].by == ("a", "b")


def test_a_statement_is_one_entry_however_often_it_is_given() -> None:
    asked = asks(cel=["size(attestations) == 1", "attestations[0].anchors == ['ci', 'security']"])
    assert decide(asked, claim(), claim(None, BOB), claim()).yes


def test_the_place_of_a_file_in_the_command_line_does_not_matter() -> None:
    asked = asks(cel=["attestations[0].predicate.run == 1 && attestations[1].predicate.run == 2"])
    given = claim({"run": 2}), claim({"run": 1}), claim({"run": 3}, BOB)
    assert {decide(asked, *order).yes for order in itertools.permutations(given)} == {True}


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("attestations[7].predicate.x == 1", "cel-failed"),
        ("attestations.all(a, attestations.all(b, attestations.all(c, true)))", "cel-failed"),
        ("attestations[0].predicate.n", "cel-failed"),
        ("attestations.exists(a, a.predicate.missing)", "cel-failed"),
        ("size(attestations) == 0", "cel-false"),
    ],
)
def test_what_cannot_be_evaluated_over_all_is_not_true(expression: str, code: str) -> None:
    many = [claim({"n": number}) for number in range(30)]
    assert set(codes(decide(asks(cel=[expression]), *many))) == {code}


@pytest.mark.parametrize(
    "text",
    ["attestations", "attestation.size() == 1", "attestations.exists(a, a) || ", "true) || (attestations == []"],
)
def test_what_is_no_condition_over_all_is_no_policy(text: str) -> None:
    with refused(InputError, "policy-invalid"):
        asks(cel=[text])


def test_one_that_cel_cannot_read_is_not_left_out() -> None:
    asked = asks(cel=["size(attestations) >= 1"])
    [failure] = no(decide(asked, claim(), run_of(1), claim({"x": "a\0b"}, BOB, kind="https://example.com/other/v1")))
    assert (failure.code, "c: the statement has a NUL" in failure.message) == ("cel-failed", True)
    large = [claim({"n": number, "x": "x" * (3 << 20)}) for number in range(6)]
    assert {failure.message for failure in no(decide(asked, *large))} == {
        "the attestations together are larger than 16 MiB, the limit of CEL"
    }
    assert decide(asked, *large[:2]).yes


def test_many_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def counted(value: object) -> bytes:
        data = dumps(value)
        sent.append(len(data))
        return data

    monkeypatch.setattr(_cel_process, "dumps", counted)
    many = [claim({"run": number, "text": "x" * 1000}) for number in range(300)]
    expression = "attestations.exists(a, a.predicate.run == predicate.run)"
    decision = decide(asks(cel=[expression], signers=1), *many)
    assert len(decision.requirements[0].by) == 300
    assert sum(sent) < 2 * sum(len(one.payload) for one in many), "each is not sent for each"


# What more attestations change.

POLICIES: Final = {
    "one": asks(anchors=["ci"]),
    "signers": asks(anchors=["ci", "security"], signers=2, cel=["predicate.ok"]),
    "latest": asks(anchors=["ci"], **NEWEST),
    "together": asks(anchors=["ci"], cel=["attestations.all(a, a.predicate.ok)"]),
}
STRANGER: Final = MemorySigner("ed25519", 77)
SIGNERS: Final = {"ci": ALICE, "security": BOB, "stranger": STRANGER}
things = st.tuples(
    st.sampled_from(sorted(SIGNERS)),
    st.booleans(),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([DIGEST, DIGEST, OTHER]),
)


def judged(asked: Policy, made: Sequence[tuple[str, bool, int, str]]) -> bool:
    """The decision about everything that verifies, as the command line makes it."""
    verified = []
    for who, ok, days, digest in made:
        about = build(ResourceDescriptor("app.whl", {"sha256": digest}), predicate={"ok": ok, "when": ago(days=days)})
        try:
            verified.append(verify(signed(SIGNERS[who], about=about), TRUST, artifacts=None, now=NOW))
        except Rejected:
            assert who == "stranger"
    return asked.decide(verified, artifacts=[Artifact.of(ARTIFACT)], now=NOW).yes


@examples(60)
@given(st.sampled_from(sorted(POLICIES)), st.lists(things, max_size=5), things, st.randoms(use_true_random=False))
def test_what_no_trusted_key_signed_changes_nothing_nor_does_order_or_repetition(
    name: str, made: list[tuple[str, bool, int, str]], another: tuple[str, bool, int, str], chance: Any
) -> None:
    asked = POLICIES[name]
    before = judged(asked, made)
    mixed = [*made, *made[:2], ("stranger", *another[1:])]
    chance.shuffle(mixed)
    assert judged(asked, mixed) == before


@examples(60)
@given(st.lists(things, max_size=5), things)
def test_another_trusted_one_makes_no_of_a_yes_only_where_the_policy_says_so(
    made: list[tuple[str, bool, int, str]], another: tuple[str, bool, int, str]
) -> None:
    for name in ("one", "signers"):
        assert judged(POLICIES[name], [*made, another]) or not judged(POLICIES[name], made)
    if another[0] != "ci" or another[3] == OTHER:
        assert judged(POLICIES["latest"], [*made, another]) == judged(POLICIES["latest"], made)


def test_where_the_policy_says_so_a_trusted_one_makes_no_of_a_yes() -> None:
    good = ("ci", True, 1, DIGEST)
    assert not judged(POLICIES["latest"], [good, ("ci", False, 0, DIGEST)])
    assert not judged(POLICIES["together"], [good, ("security", False, 2, DIGEST)])
    assert judged(POLICIES["latest"], [("ci", False, 1, DIGEST), ("ci", True, 0, DIGEST)])
