"""Decisions: what meets a requirement, all that doesn't, verification summaries, and what less of anything does."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest import Artifact, InputError, Limits, Rejected, ResourceDescriptor, Statement, verify
from attest.policy import summarise
from attest.results.report import Report
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.policies import (
    BUILDER,
    CLAIM,
    OTHER,
    REPOSITORY,
    TRUST,
    ago,
    claim,
    clears,
    codes,
    decide,
    finding,
    link,
    no,
    policy,
    provenance,
    scan,
    summary,
    vex,
)
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest import Policy, Verified

OTHER_ARTIFACT = f"sha256:{OTHER}"


def asks(**fields: Any) -> Policy:
    return policy({"type": CLAIM, **fields})


def test_an_attestation_of_the_type_about_the_artifact_is_a_yes() -> None:
    decision = decide(asks(id="review"), claim())
    assert decision.yes
    assert [(met.id, met.met, met.by) for met in decision.requirements] == [("review", True, ("a",))]


@pytest.mark.parametrize("verified", [(), (claim(kind="https://example.com/other/v1"),), (claim(digest=OTHER),)])
def test_rules_that_match_no_attestation_are_a_no(verified: tuple[Verified, ...]) -> None:
    [failure] = no(decide(asks(), *verified))
    assert (failure.code, failure.attestation) == ("evidence-missing", None)


def test_no_artifact_at_all_is_a_no_and_not_asking_is_not() -> None:
    assert codes(decide(asks(), claim(), artifacts=[])) == ["evidence-missing"]
    assert decide(asks(), claim(digest=OTHER), no_artifact=True).yes


def test_each_artifact_needs_its_attestation_unless_any_will_do() -> None:
    both = [ARTIFACT, OTHER_ARTIFACT]
    assert codes(decide(asks(), claim(), artifacts=both)) == ["evidence-missing"]
    assert decide(asks(), claim(), claim(digest=OTHER), artifacts=both).yes
    assert decide(asks(subjects="any"), claim(), artifacts=both).yes
    assert not decide(asks(subjects="any"), artifacts=both).yes


def test_what_holds_of_one_of_several_is_no_level_of_all() -> None:
    rules = {"slsa-build": {"level": 3, "builders": [BUILDER]}}
    asked = policy({"anchors": ["ci"], "subjects": "any", "rules": rules})
    decision = decide(asked, provenance(), artifacts=[ARTIFACT, OTHER_ARTIFACT])
    assert (decision.yes, decision.levels) == (True, ())


def test_several_levels_of_a_track_are_the_highest() -> None:
    both = [
        {"id": name, "anchors": ["ci"], "rules": {"slsa-build": {"level": level, "builders": [BUILDER]}}}
        for name, level in (("one", 1), ("three", 3))
    ]
    assert decide(policy(*both), provenance()).levels == ("SLSA_BUILD_LEVEL_3",)


def test_only_the_word_of_the_named_anchors_counts() -> None:
    assert decide(asks(anchors=["security"]), claim(None, BOB)).yes
    assert decide(asks(anchors=["security", "ci"]), claim()).yes
    [failure] = no(decide(asks(anchors=["security"]), claim()))
    assert failure.code == "anchor-not-accepted"
    assert failure.hint == "Have it signed for anchor 'security'."
    assert codes(decide(asks(anchors=["nobody"]), claim())) == ["anchor-not-accepted"]


def test_a_threshold_counts_keys_of_the_named_anchors() -> None:
    two = asks(anchors=["security", "ci"], threshold=2)
    assert codes(decide(two, claim())) == ["keys-too-few"]
    assert decide(two, claim(None, ALICE, BOB)).yes
    assert codes(decide(asks(anchors=["ci"], threshold=2), claim(None, ALICE, BOB))) == ["keys-too-few"]
    assert decide(asks(threshold=3), claim(None, ALICE, BOB, MALLORY)).yes


def test_one_key_in_two_anchors_is_one_key() -> None:
    trust = bundle({"ci": anchor(ALICE), "security": anchor(ALICE, BOB)})
    verified = verify(signed(), trust, artifacts=None, now=NOW)
    assert verified.anchors == ("ci", "security")
    assert codes(decide(asks(anchors=["ci", "security"], threshold=2), verified)) == ["keys-too-few"]


def test_an_anchor_that_may_not_vouch_for_it_does_not_count() -> None:
    trust = bundle({"ci": anchor(ALICE, predicate_types=["https://example.com/x"]), "security": anchor(BOB)})
    verified = verify(signed(ALICE, BOB), trust, artifacts=None, now=NOW)
    assert codes(decide(asks(anchors=["ci"]), verified)) == ["anchor-not-accepted"]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (ago(days=2), "too-old"),
        (ago(hours=24, seconds=1), "too-old"),
        (ago(minutes=-6), "time-in-future"),
        ("2026-06-01", "time-missing"),
        ("", "time-missing"),
        (None, "time-missing"),
        (7, "time-missing"),
    ],
)
def test_what_is_too_old_or_has_no_time_is_a_no(when: Any, code: str) -> None:
    [failure] = no(decide(asks(max_age="1d", time="/when"), claim({"when": when})))
    assert (failure.code, failure.pointer) == (code, "/predicate/when")


def test_what_is_young_enough_is_a_yes() -> None:
    for when in (ago(hours=24), ago(hours=1), ago(minutes=-4)):
        assert decide(asks(max_age="1d", time="/when"), claim({"when": when})).yes
    assert codes(decide(asks(max_age="1d", time="/when"), claim())) == ["time-missing"]


def test_the_types_of_the_field_say_where_their_time_is() -> None:
    asked = policy({"type": "slsa-provenance", "max_age": "2d"})
    assert decide(asked, provenance()).yes
    [failure] = no(decide(asked, provenance(finished=ago(days=3))))
    assert (failure.code, failure.pointer) == ("too-old", "/predicate/runDetails/metadata/finishedOn")


def test_everything_that_fails_is_told_of_every_attestation() -> None:
    asked = policy(
        {
            "id": "provenance",
            "anchors": ["security"],
            "max_age": "1h",
            "schema": {"required": ["nothing"]},
            "rules": {
                "slsa-build": {"level": 1, "builders": ["https://example.com/other"]},
                "slsa-source": {"repository": ["https://example.com/other"], "tag": ["v2"]},
            },
        },
        {"id": "review", "type": CLAIM},
    )
    decision = decide(asked, provenance(), provenance(finished=ago(minutes=1)))
    assert codes(decision) == [
        *(
            "anchor-not-accepted",
            "too-old",
            "schema-mismatch",
            "builder-mismatch",
            "repository-mismatch",
            "ref-mismatch",
        ),
        *("anchor-not-accepted", "schema-mismatch", "builder-mismatch", "repository-mismatch", "ref-mismatch"),
        "evidence-missing",
    ]
    assert {failure.attestation for failure in no(decision)} == {"a", "b", None}
    assert decision.summary == "2 of 2 requirements of the policy are not met: provenance, review"


def test_all_that_is_asked_must_hold_of_one_attestation() -> None:
    rules = {
        "slsa-build": {"level": 1, "builders": [BUILDER]},
        "slsa-source": {"repository": [REPOSITORY]},
    }
    asked = policy({"anchors": ["ci"], "rules": rules})
    halves = provenance(builder="https://example.com/x"), provenance(source="https://example.com/x")
    assert codes(decide(asked, *halves)) == ["builder-mismatch", "repository-mismatch"]
    assert decide(asked, *halves, provenance()).requirements[0].by == ("c",)


def test_what_others_lack_is_told_and_decides_nothing() -> None:
    decision = decide(asks(anchors=["ci"]), claim(None, BOB), claim())
    assert decision.yes
    assert [(failure.attestation, failure.code) for failure in decision.requirements[0].failures] == [
        ("a", "anchor-not-accepted")
    ]


def test_a_policy_decides_over_so_many_attestations_at_once() -> None:
    three = [claim()] * 3
    artifacts = [Artifact.of(ARTIFACT)]
    with refused(InputError, "too-many-attestations") as caught:
        asks().decide(three, artifacts=artifacts, now=NOW, limits=Limits(attestations=2))
    assert caught.value.hint
    assert asks().decide(three, artifacts=artifacts, now=NOW, limits=Limits(attestations=3)).yes
    with refused(InputError, "too-many-attestations"):
        asks().decide(three * 3334, artifacts=artifacts, now=NOW)


# attest.verify(policy=...).


def test_verify_asks_the_policy_of_the_one_attestation() -> None:
    asked = asks(anchors=["security"], schema={"required": ["x"]})
    with pytest.raises(Rejected) as caught:
        verify(signed(), TRUST, artifacts=[ARTIFACT], now=NOW, policy=asked)
    report = caught.value.report
    assert caught.value.code == "policy-failed"
    assert isinstance(report, Report)
    assert report.policy is not None
    assert [failure.code for failure in report.policy.requirements[0].failures] == [
        "anchor-not-accepted",
        "schema-mismatch",
    ]
    verified = verify(
        signed(BOB, about=statement(predicate={"x": 1})), TRUST, artifacts=[ARTIFACT], now=NOW, policy=asked
    )
    assert verified.report.policy is not None
    assert verified.report.policy.yes


def test_a_policy_comes_after_everything_else() -> None:
    with refused(Rejected, "artifact-mismatch"):
        verify(signed(), TRUST, artifacts=[OTHER_ARTIFACT], now=NOW, policy=asks())


def test_artifacts_that_are_only_compared_reject_nothing() -> None:
    verified = verify(signed(), TRUST, artifacts=[OTHER_ARTIFACT], now=NOW, cover="none")
    assert verified.report.artifacts is not None
    assert not verified.covers(Artifact.of(OTHER_ARTIFACT))


# Verification summaries.

VSA = {
    "verifiers": ["https://example.com/verifier"],
    "anchors": ["verifier"],
    "resources": ["pkg:pypi/app@*"],
    "max_age": "1d",
    "levels": ["SLSA_BUILD_LEVEL_2"],
    "policies": [OTHER],
}


def takes(**changed: Any) -> Policy:
    entry = {key: value for key, value in {**VSA, **changed}.items() if value is not None}
    return policy({"id": "review", "type": CLAIM}, vsa=entry)


def test_a_fresh_summary_of_a_trusted_verifier_takes_the_place_of_the_evidence() -> None:
    decision = decide(takes(), summary(), accept_vsa=True)
    assert decision.yes
    assert decision.vsa is not None
    assert decision.vsa.by == ("a",)
    assert decision.levels == ("SLSA_BUILD_LEVEL_2",)
    assert decision.summary == "the policy is met by a verification summary"


def test_a_summary_is_nothing_unless_it_is_asked_for() -> None:
    assert codes(decide(takes(), summary())) == ["evidence-missing"]
    with refused(InputError, "vsa-not-configured"):
        decide(asks(), summary(), accept_vsa=True)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (summary("FAILED"), "vsa-failed"),
        (summary(verifier="https://example.com/another"), "verifier-mismatch"),
        (summary(by=ALICE), "anchor-not-accepted"),
        (summary(time=ago(days=2)), "too-old"),
        (summary(time=ago(days=-1)), "time-in-future"),
        (summary(resource="pkg:pypi/other@1"), "vsa-resource-mismatch"),
        (summary(levels=("SLSA_BUILD_LEVEL_1",)), "vsa-level-missing"),
        (summary(levels=("SLSA_SOURCE_LEVEL_3",)), "vsa-level-missing"),
        (summary(levels=()), "vsa-level-missing"),
        (summary(policy="cd" * 32), "vsa-policy-mismatch"),
        (summary(digest=OTHER), "evidence-missing"),
        (claim({}, MALLORY, kind="https://slsa.dev/verification_summary/v0.2"), "evidence-missing"),
    ],
)
def test_another_summary_takes_no_place(made: Verified, code: str) -> None:
    decision = decide(takes(), made, accept_vsa=True)
    assert not decision.yes
    assert decision.vsa is not None
    assert [failure.code for failure in decision.vsa.failures] == [code]


@pytest.mark.parametrize(
    ("had", "wanted", "yes"),
    [
        ("A_LEVEL_1", "A_LEVEL_0", True),
        ("A_LEVEL_0", "A_LEVEL_0", True),
        ("A_LEVEL_0", "A_LEVEL_1", False),
        ("A_LEVEL_10", "A_LEVEL_9", True),
        ("A_LEVEL_3", "B_LEVEL_3", False),
        ("A_LEVEL_3", "A_LEVEL_", False),
        ("A_LEVEL_", "A_LEVEL_", True),
        ("A_LEVEL_3", "A", False),
        ("A_LEVEL_1000", "A_LEVEL_1", False),
    ],
)
def test_a_level_is_reached_by_itself_and_by_those_above_it_in_its_track(had: str, wanted: str, yes: bool) -> None:
    asked = takes(levels=[wanted])
    for levels in ((had,), ("OTHER_LEVEL_4", had)):
        assert decide(asked, summary(levels=levels), accept_vsa=True).yes is yes


def test_a_summary_without_anything_in_it_is_told_all_of_it() -> None:
    decision = decide(takes(), claim({}, MALLORY, kind="https://slsa.dev/verification_summary/v1"), accept_vsa=True)
    assert decision.vsa is not None
    assert [failure.code for failure in decision.vsa.failures] == [
        *("verifier-mismatch", "time-missing", "vsa-failed", "vsa-resource-mismatch", "vsa-level-missing"),
        "vsa-policy-mismatch",
    ]
    assert [failure.pointer for failure in decision.vsa.failures] == [
        f"/predicate/{place}"
        for place in (
            *("verifier/id", "timeVerified", "verificationResult", "resourceUri", "verifiedLevels"),
            "policy/digest/sha256",
        )
    ]


SECOND = "https://example.com/second"


@pytest.mark.parametrize(
    "failed",
    [
        summary("FAILED"),
        summary("FAILED", time=ago(days=9)),
        summary("FAILED", time=ago(minutes=1)),
        summary("FAILED", resource="pkg:other"),
        summary("FAILED", policy="cd" * 32),
        summary("FAILED", levels=()),
        summary("FAILED", verifier=SECOND),
        summary("FAILED", verifier=SECOND, time=ago(days=9), policy="cd" * 32),
    ],
)
def test_where_a_trusted_verifier_says_failed_no_summary_counts(failed: Verified) -> None:
    asked = takes(verifiers=[*VSA["verifiers"], SECOND])
    for order in itertools.permutations([summary(), summary(verifier=SECOND), failed]):
        decision = decide(asked, *order, accept_vsa=True)
        assert not decision.yes
        assert decision.vsa is not None
        assert decision.vsa.by == ()
        told = [failure for failure in decision.vsa.failures if failure.code == "vsa-contradictory"]
        assert len(told) == 2
        assert {failure.message[-3:] for failure in told} == {f": {'abc'[order.index(failed)]}"}


def test_what_failed_of_one_artifact_counts_for_the_other() -> None:
    both = [ARTIFACT, OTHER_ARTIFACT]
    passed = summary(), summary(digest=OTHER)
    assert decide(takes(), *passed, artifacts=both, accept_vsa=True).yes
    decision = decide(takes(), *passed, summary("FAILED", digest=OTHER), artifacts=both, accept_vsa=True)
    assert (decision.yes, decision.vsa.by if decision.vsa else None) == (False, ("a",))


summaries = st.builds(
    summary,
    st.sampled_from(["PASSED", "PASSED", "FAILED", "WARNED"]),
    verifier=st.sampled_from([*VSA["verifiers"], SECOND, "https://example.com/untrusted"]),
    by=st.sampled_from([MALLORY, MALLORY, ALICE]),
    time=st.sampled_from([ago(hours=1), ago(minutes=1), ago(days=9), ago(days=-1)]),
    policy=st.sampled_from([OTHER, "cd" * 32]),
    digest=st.sampled_from([DIGEST, DIGEST, OTHER]),
)


@given(st.lists(summaries, max_size=5), summaries, st.booleans(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_of_summaries_neither_order_nor_a_failed_one_makes_a_yes(
    made: list[Verified], another: Verified, with_evidence: bool, chance: Any
) -> None:
    asked = takes(verifiers=[*VSA["verifiers"], SECOND])
    evidence = [claim()] if with_evidence else []

    def answer(*given: Verified) -> tuple[bool, tuple[str, ...], bool]:
        decision = decide(asked, *given, accept_vsa=True)
        assert decision.vsa is not None
        return decision.yes, decision.levels, decision.vsa.met

    def refuses(one: Verified) -> bool:
        said = one.statement.predicate
        trusted = said["verifier"]["id"] != "https://example.com/untrusted" and one.anchors == ("verifier",)
        return (
            trusted and said["verificationResult"] == "FAILED" and one.statement.subjects[0].digest["sha256"] == DIGEST
        )

    before = answer(*evidence, *made)
    assert before[0] or not with_evidence, "the evidence decides, whatever summaries say"
    mixed = [*evidence, *made]
    chance.shuffle(mixed)
    assert answer(*mixed) == before
    after = answer(*mixed, another)
    if another.statement.predicate["verificationResult"] != "PASSED":
        assert before[0] or not after[0], "what is no PASSED makes no yes"
    if not refuses(another):
        assert after[0] or not before[0], "and only a FAILED of a trusted verifier makes a no"
    if any(refuses(one) for one in made):
        assert not before[2]


@pytest.mark.parametrize(
    "other",
    [summary("FAILED", by=ALICE), summary("FAILED", verifier="https://example.com/x"), summary("FAILED", digest=OTHER)],
)
def test_what_someone_else_says_contradicts_nobody(other: Verified) -> None:
    assert decide(takes(), summary(), other, accept_vsa=True).yes


def test_the_evidence_decides_where_summaries_disagree() -> None:
    assert decide(takes(), summary(), summary("FAILED"), claim(), accept_vsa=True).yes


def test_this_policy_is_named_by_its_digest() -> None:
    asked = takes(policies=["this"])
    assert not decide(asked, summary(), accept_vsa=True).yes
    assert decide(asked, summary(policy=asked.sha256), accept_vsa=True).yes


def test_this_policy_with_other_parameters_is_another_one() -> None:
    asked = policy(
        {"type": CLAIM}, vsa={**VSA, "levels": [], "policies": ["this"]}, parameters={"tag": {"default": "v1"}}
    )
    made = _summarised(asked, decide(asked, claim()))
    verified = verify(signed(MALLORY, about=made), TRUST, artifacts=None, now=NOW)
    assert decide(asked, verified, accept_vsa=True).yes
    decision = decide(asked.bind({"tag": "v2"}), verified, accept_vsa=True)
    assert decision.vsa is not None
    assert [failure.code for failure in decision.vsa.failures] == ["vsa-policy-mismatch"]


def test_without_an_artifact_a_summary_is_about_nothing() -> None:
    assert not decide(takes(), summary(), accept_vsa=True, no_artifact=True).yes


def test_a_summary_of_nothing_that_is_required_is_a_no() -> None:
    assert not decide(policy(vsa=VSA), summary(), accept_vsa=True).yes


def test_a_yes_becomes_a_summary_that_is_accepted() -> None:
    rules = {"slsa-build": {"level": 2, "builders": [BUILDER]}}
    asked = policy({"anchors": ["ci"], "rules": rules}, vsa={**VSA, "policies": ["this"]}, uri="https://example.com/p")
    decision = decide(asked, provenance())
    made = _summarised(asked, decision)
    assert made.predicate["policy"] == {"uri": "https://example.com/p", "digest": {"sha256": asked.sha256}}
    assert made.predicate["inputAttestations"] == [{"name": "a", "digest": {"sha256": OTHER}}]
    assert made.predicate["verifiedLevels"] == ["SLSA_BUILD_LEVEL_2"]
    verified = verify(signed(MALLORY, about=made), TRUST, artifacts=None, now=NOW)
    assert decide(asked, verified, accept_vsa=True).yes


def test_a_no_becomes_no_summary() -> None:
    asked = asks()
    with refused(InputError, "vsa-of-a-no"):
        _summarised(asked, decide(asked))
    with refused(InputError, "vsa-of-a-no"):
        _summarised(asked, decide(asked, claim()), artifacts=[])


def test_a_summary_is_made_of_evidence_and_about_what_it_was_about() -> None:
    asked = policy({"type": CLAIM}, vsa={**VSA, "levels": [], "policies": ["this"]})
    verified = verify(signed(MALLORY, about=_summarised(asked, decide(asked, claim()))), TRUST, artifacts=None, now=NOW)
    taken = decide(asked, verified, accept_vsa=True)
    assert taken.yes
    with refused(InputError, "vsa-of-a-no"):
        _summarised(asked, taken)
    loose = policy({"type": CLAIM, "subjects": "any"})
    with refused(InputError, "vsa-of-a-no"):
        _summarised(loose, decide(loose, claim()), artifacts=[ARTIFACT, "sha256:" + "0" * 64])


def _summarised(asked: Policy, decision: Any, artifacts: list[str] | None = None) -> Statement:
    wanted = [Artifact.of(one) for one in ([ARTIFACT] if artifacts is None else artifacts)]
    return summarise(
        decision,
        asked,
        verifier="https://example.com/verifier",
        resource="pkg:pypi/app@1",
        artifacts=wanted,
        inputs={"a": OTHER},
        now=NOW,
    )


# Less is never more.

EVIDENCE = [
    provenance(),
    provenance(builder="https://example.com/x"),
    provenance(source=None),
    scan(finding("CVE-1")),
    scan(finding("CVE-1"), finding("CVE-2")),
    scan(finished=ago(days=9)),
    vex(clears("CVE-1")),
    vex(clears("CVE-1", "affected"), clears("CVE-2")),
    link("build", {}, {"a.o": "bb" * 32}),
    link("build", {}, {"b.o": "cc" * 32}, by=BOB),
    link("package", {"a.o": "bb" * 32}, {"app.whl": DIGEST}),
    link("package", {"b.o": "cc" * 32}, {"app.whl": DIGEST}),
    summary(),
    summary(levels=()),
    claim({"x": 1}),
    claim(None, BOB),
]
REQUIREMENTS: list[dict[str, Any]] = [
    {"anchors": ["ci"], "rules": {"slsa-build": {"level": 3, "builders": [BUILDER]}}},
    {
        "anchors": ["ci"],
        "max_age": "7d",
        "rules": {"vulnerabilities": {"severity": "high", "vex_anchors": ["security"]}},
    },
    {"anchors": ["ci"], "rules": {"step-chain": {"steps": [{"name": "build"}, {"name": "package"}]}}},
    {"type": CLAIM, "anchors": ["ci", "security"], "subjects": "any"},
    {"type": CLAIM, "schema": {"not": {"required": ["x"]}}},
]
chosen = st.sets(st.integers(0, len(EVIDENCE) - 1))


@given(chosen, chosen, st.sets(st.integers(0, len(REQUIREMENTS) - 1), min_size=1), st.booleans())
@settings(deadline=None, max_examples=300)
def test_no_attestation_that_is_left_out_makes_a_yes_of_a_no(
    some: set[int], dropped: set[int], asked: set[int], accept_vsa: bool
) -> None:
    required = [{"id": f"r{number}", **copy.deepcopy(REQUIREMENTS[number])} for number in sorted(asked)]
    made = policy(*required, vsa=VSA)
    fewer = decide(made, *(EVIDENCE[number] for number in sorted(some - dropped)), accept_vsa=accept_vsa)
    more = decide(made, *(EVIDENCE[number] for number in sorted(some)), accept_vsa=accept_vsa)
    assert more.yes or not fewer.yes
    assert set(fewer.levels) <= set(more.levels) or not more.yes or more.vsa is not None
    met = {one.id for one in more.requirements if one.met}
    assert {one.id for one in fewer.requirements if one.met} <= met


def test_every_subset_of_a_small_set_is_monotone() -> None:
    asked = policy(
        {
            "anchors": ["ci"],
            "max_age": "7d",
            "rules": {"vulnerabilities": {"severity": "high", "vex_anchors": ["security"]}},
        }
    )
    few = [EVIDENCE[number] for number in (3, 4, 5, 6, 7)]
    answers = {
        keep: decide(asked, *(few[number] for number in keep)).yes
        for size in range(len(few) + 1)
        for keep in itertools.combinations(range(len(few)), size)
    }
    assert any(answers.values())
    for keep, yes in answers.items():
        assert all(answers[more] for more in answers if yes and set(keep) <= set(more))


def test_the_order_of_attestations_decides_nothing() -> None:
    asked = policy(*({"id": f"r{n}", **one} for n, one in enumerate(REQUIREMENTS)), vsa=VSA)
    for order in itertools.islice(itertools.permutations(EVIDENCE, len(EVIDENCE)), 0, 5000, 997):
        assert decide(asked, *order).yes


def test_subjects_beside_the_artifact_change_nothing() -> None:
    both = (ResourceDescriptor("x", {"sha256": OTHER}), ResourceDescriptor("app.whl", {"sha256": DIGEST}))
    assert decide(asks(), claim(subjects=both)).yes
    conflicting = (ResourceDescriptor("app.whl", {"sha256": DIGEST, "sha512": "00" * 64}),)
    artifact = f"sha256:{DIGEST},sha512:{'11' * 64}"
    assert codes(decide(asks(), claim(subjects=conflicting), artifacts=[artifact])) == ["evidence-missing"]
