"""Several policies: each decides as it does alone, all must be met, and all are named in what is told and kept."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest import Artifact, InputError, Policy, Rejected, verify, verify_many
from attest.policy import decide, policies_of, summarise
from tests.support.cli.calls import call
from tests.support.making.bundles import NOW
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.policies import (
    CLAIM,
    OTHER,
    REPOSITORY,
    TRUST,
    claim,
    finding,
    policy,
    provenance,
    scan,
    summary,
)
from tests.support.making.statements import ARTIFACT, signed
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest import Verified

VSA = {
    "verifiers": ["https://example.com/verifier"],
    "anchors": ["verifier"],
    "resources": ["pkg:pypi/app@*"],
    "max_age": "1d",
}
WANTED = [Artifact.of(ARTIFACT)]
EVIDENCE = [claim(), claim(None, BOB), provenance(), scan(finding("CVE-1", "medium")), summary(), summary("FAILED")]
POLICIES = [
    policy({"id": "one", "type": CLAIM}, vsa=VSA),
    policy({"id": "one", "type": CLAIM, "anchors": ["security"]}),
    policy({"id": "two", "type": CLAIM, "cel": ["predicate == {}"]}, vsa={**VSA, "policies": ["this"]}),
    policy({"id": "built", "anchors": ["ci"], "rules": {"slsa-source": {"repository": [REPOSITORY]}}}),
    policy(
        {"id": "scan", "anchors": ["ci"], "max_age": "7d", "rules": {"vulnerabilities": {"severity": "high"}}}, vsa=VSA
    ),
    policy(),
]


def ask(asked: list[Policy], verified: list[Verified], *, accept_vsa: bool = False) -> Any:
    return decide(asked, verified, artifacts=WANTED, now=NOW, accept_vsa=accept_vsa)


some_evidence = st.sets(st.integers(0, len(EVIDENCE) - 1)).map(lambda chosen: [EVIDENCE[at] for at in sorted(chosen)])
some_policies = st.lists(st.integers(0, len(POLICIES) - 1), min_size=1, max_size=4)


@given(some_evidence, some_policies, st.integers(0, len(POLICIES) - 1), st.integers(0, 4), st.booleans())
@settings(deadline=None, max_examples=100)
def test_one_more_policy_never_makes_a_yes_of_a_no(
    evidence: list[Verified], chosen: list[int], more: int, at: int, accept_vsa: bool
) -> None:
    asked = [POLICIES[number] for number in chosen]
    accept_vsa = accept_vsa and any(one.summaries is not None for one in asked)
    before = ask(asked, evidence, accept_vsa=accept_vsa)
    after = ask([*asked[:at], POLICIES[more], *asked[at:]], evidence, accept_vsa=accept_vsa)
    assert before.yes or not after.yes
    # Each decides as it does alone, wherever it stands.
    for one, decision in zip(asked, before.each, strict=True):
        takes = accept_vsa and one.summaries is not None
        alone = one.decide(evidence, artifacts=WANTED, now=NOW, accept_vsa=takes)
        assert decision._replace(policy="policy") == alone
    assert before.yes is all(one.yes for one in before.each)
    assert ask(asked[::-1], evidence, accept_vsa=accept_vsa).sha256 == before.sha256


def test_no_policy_is_said_by_none_and_never_by_an_empty_list() -> None:
    envelope = signed()
    assert verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=None).report.policy is None
    empties: list[list[Policy] | tuple[Policy, ...]] = [[], ()]
    for empty in empties:
        with refused(InputError, "option-invalid"):
            verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=empty)
        with refused(InputError, "option-invalid"):
            verify_many([], TRUST, artifacts=[ARTIFACT], now=NOW, policy=empty)
    for wrong in ("policy.toml", ["policy.toml"], iter(POLICIES), {1: 2}):
        with pytest.raises(TypeError, match="Policy or a list"):
            verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=wrong)  # type: ignore[arg-type]


def test_verify_asks_all_of_several() -> None:
    envelope = signed()
    anyone = policy({"id": "one", "type": "https://example.com/release/v1"})
    kind = verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW).statement.predicate_type
    met = policy({"id": "one", "type": kind})
    verified = verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=[met, met])
    assert verified.report.policy is not None
    assert [one.policy for one in verified.report.policy.each] == ["policy", "policy (2)"]
    assert verified.report.policy.summary == "all 2 policies are met"
    for several in ([met, anyone], [anyone, met]):
        with refused(Rejected, "policy-failed") as caught:
            verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=several)
        assert caught.value.message.startswith("1 of 2 policies is not met: policy")
        [outcome] = verify_many([envelope], TRUST, artifacts=[ARTIFACT], now=NOW, policy=several)
        assert outcome.error is not None
        assert outcome.error.code == "policy-failed"


def test_names_of_policies_are_their_own() -> None:
    called = [one.name for one in policies_of([POLICIES[0], POLICIES[1], POLICIES[2]])]
    assert called == ["policy", "policy (2)", "policy (3)"]


def _kept(asked: list[Policy], evidence: list[Verified]) -> Verified:
    """The VSA of a yes, signed by the verifier and verified."""
    made = summarise(
        ask(asked, evidence),
        asked,
        verifier=VSA["verifiers"][0],
        resource="pkg:pypi/app@1",
        artifacts=WANTED,
        inputs={"a": OTHER},
        now=NOW,
    )
    return verify(signed(MALLORY, about=made), TRUST, artifacts=None, now=NOW)


def test_a_summary_of_several_names_each_and_stands_for_each() -> None:
    takes = {**VSA, "policies": ["this"]}
    first = policy({"id": "one", "type": CLAIM}, vsa=takes, uri="https://example.com/org")
    second = policy({"id": "two", "type": CLAIM}, vsa=takes, parameters={"tag": {"default": "v1"}})
    other = policy({"id": "three", "type": CLAIM}, vsa=takes)
    kept = _kept([first, second], [claim()])
    said = kept.statement.predicate["policy"]
    # docs/decide/policy.md says how to compute it: sha256sum org.toml team.toml | cut -c1-64 | sort -u | sha256sum.
    listing = "".join(f"{one}\n" for one in sorted([first.sha256, second.sha256]))
    digest = hashlib.sha256(listing.encode()).hexdigest()
    assert said["digest"] == {"sha256": digest}
    assert said["uri"] == f"urn:sha256:{digest}"
    members = {one["digest"]["sha256"]: one for one in said["annotations"]["policies"]}
    assert members == {
        first.sha256: {"uri": "https://example.com/org", "digest": {"sha256": first.sha256}},
        second.sha256: {
            "uri": second.uri,
            "digest": {"sha256": second.sha256},
            "annotations": {"parameters": {"tag": "v1"}},
        },
    }
    assert ask([first, second], [kept], accept_vsa=True).yes
    assert ask([first], [kept], accept_vsa=True).yes
    assert ask([policy({"type": CLAIM}, vsa={**VSA, "policies": [digest]})], [kept], accept_vsa=True).yes
    for not_by in ([other], [first, other], [first, second.bind({"tag": "v2"})]):
        decisions = ask(not_by, [kept], accept_vsa=True)
        assert not decisions.yes
        assert [failure.code for failure in decisions.vsa.failures] == ["vsa-policy-mismatch"]
    # One that stands for the first alone is no word about the second.
    alone = _kept([first], [claim()])
    assert alone.statement.predicate["policy"]["digest"] == {"sha256": first.sha256}
    assert [one.yes for one in ask([first, second], [alone], accept_vsa=True).each] == [True, False]


def test_a_list_of_policies_that_the_digest_is_not_of_names_none() -> None:
    mine = policy({"id": "one", "type": CLAIM}, vsa={**VSA, "policies": ["this"]})
    for digest, listed in (
        (OTHER, [mine.sha256]),
        (OTHER, [mine.sha256, OTHER]),
        (hashlib.sha256(f"{mine.sha256}\n".encode()).hexdigest(), [mine.sha256]),
        (OTHER, "x"),
    ):
        made = copy.deepcopy(summary(policy=digest).statement.predicate)
        members = [{"digest": {"sha256": one}} for one in listed] if isinstance(listed, list) else listed
        made["policy"]["annotations"] = {"policies": members}
        forged = claim(made, MALLORY, kind="https://slsa.dev/verification_summary/v1")
        assert not ask([mine], [forged], accept_vsa=True).yes


def test_a_policy_that_takes_no_summaries_goes_by_the_evidence() -> None:
    strict, takes = POLICIES[1], POLICIES[0]
    assert not ask([strict, takes], [summary()], accept_vsa=True).yes
    decisions = ask([strict, takes], [summary(), claim(None, BOB)], accept_vsa=True)
    assert decisions.yes
    assert decisions.each[0].vsa is None
    with refused(InputError, "vsa-not-configured"):
        ask([strict, strict], [summary()], accept_vsa=True)


def test_an_anchor_that_the_trust_bundle_does_not_have_is_a_mistake_wherever_it_stands() -> None:
    steps = [{"name": "build", "anchors": ["ci", "relx"]}, {"name": "pack"}]
    vulnerabilities = {"severity": "high", "vex_anchors": ["securty"]}
    for requirement, where, hint in (
        ({"type": CLAIM, "anchors": ["ci", "verifierr"]}, "/require/0/anchors/1", "verifier"),
        (
            {"anchors": ["ci"], "rules": {"step-chain": {"steps": steps}}},
            "/require/0/rules/step-chain/steps/0/anchors/1",
            None,
        ),
        (
            {"anchors": ["ci"], "max_age": "7d", "rules": {"vulnerabilities": vulnerabilities}},
            "/require/0/rules/vulnerabilities/vex_anchors/0",
            "security",
        ),
    ):
        asked = policy({"type": CLAIM, "subjects": "any"}, {"id": "x", **requirement})
        for given_policy in (asked, [POLICIES[0], asked]):
            # Before anything is verified: it is no fault of what was signed, and never a yes.
            for envelope in (signed(ALICE, BOB), b"{}"):
                with refused(InputError, "anchor-unknown") as caught:
                    verify(envelope, TRUST, artifacts=[ARTIFACT], now=NOW, policy=given_policy)
                assert caught.value.where == where.replace("/0/", "/1/", 1)
                assert caught.value.hint == (
                    f"Did you mean {hint!r}?" if hint else "Use one of its anchors: ci, security, verifier."
                )
            with refused(InputError, "anchor-unknown"):
                verify_many([], TRUST, artifacts=[ARTIFACT], now=NOW, policy=given_policy)
    with refused(InputError, "anchor-unknown", "/vsa/anchors/0"):
        policy({"type": CLAIM}, vsa={**VSA, "anchors": ["verifer"]}).demand_anchors(TRUST.anchors)


# On the command line.

ORG = '[[require]]\nid = "same"\ntype = "https://example.com/review/v1"\nanchors = ["rel"]\n'
TEAM = f"{ORG}rules.tests-passed = {{}}\n".replace("https://example.com/review/v1", "test-result")
LOOSE = '[[require]]\nid = "same"\ntype = "https://example.com/review/v1"\n[parameters.tag]\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("key", "generate", "file:k.pem").done()
    call("trust", "init", "--anchor", "rel", "--key", "file:k.pem", "-o", "t.json").done()
    Path("one").write_text("one\n")
    built = call("build", "one", "--type", "https://example.com/review/v1").done()
    Path("s.json").write_bytes(built.stdout)
    call("sign", "s.json", "--signer", "file:k.pem", "-o", "e.json").done()
    for name, text in (("org.toml", ORG), ("team.toml", TEAM), ("loose.toml", LOOSE)):
        Path(name).write_text(text)


VERIFY = ("verify", "e.json", "--trust", "t.json", "--artifact", "one")
TWO = (*VERIFY, "--policy", "org.toml", "--policy", "team.toml")


@pytest.mark.usefixtures("files")
def test_each_of_several_must_be_met_in_either_order() -> None:
    assert call(*VERIFY, "--policy", "org.toml").code == 0
    for order in (("org.toml", "team.toml"), ("team.toml", "org.toml")):
        ran = call(*VERIFY, *(word for name in order for word in ("--policy", name)), "--format", "json")
        said = ran.json
        assert (ran.code, said["code"], said["message"]) == (
            1,
            "policy-failed",
            "1 of 2 policies is not met: team.toml",
        )
        assert [(one["file"], one["decision"]) for one in said["policy"]["policies"]] == [
            (name, "yes" if name == "org.toml" else "no") for name in order
        ]
        assert [(one["policy"], one["id"], one["met"]) for one in said["policy"]["requirements"]] == [
            (name, "same", name == "org.toml") for name in order
        ]
        Path("result.json").write_bytes(ran.stdout)
        assert [line for line in ran.prose if line.startswith("attest: error: team.toml: same: ")]
        explained = call("policy", "explain", "result.json").done().stdout.decode()
        assert "not met: 1 of 2 policies is not met: team.toml\n" in explained
        assert "org.toml: met: the policy is met\nsame: met by e.json\n" in explained
        needed = call("policy", "explain", "result.json", "--format", "json").done().json["needed"]
        assert [(one["policy"], one["requirement"], one["code"]) for one in needed] == [
            ("team.toml", "same", "evidence-missing")
        ]


@pytest.mark.usefixtures("files")
def test_what_a_variable_asks_holds_beside_what_is_asked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_POLICY", "team.toml")
    ran = call(*VERIFY, "--policy", "org.toml", "--format", "json")
    assert (ran.code, [one["file"] for one in ran.json["policy"]["policies"]]) == (1, ["team.toml", "org.toml"])
    monkeypatch.setenv("ATTEST_POLICY", "org.toml:team.toml")
    assert len(call(*VERIFY, "--format", "json").json["policy"]["policies"]) == 2
    monkeypatch.setenv("ATTEST_POLICY", "org.toml")
    assert [one["file"] for one in call(*TWO[:-2], "--format", "json").json["policy"]["policies"]] == ["org.toml"]
    monkeypatch.setenv("ATTEST_POLICY", "")
    call(*VERIFY, "--policy", "org.toml").refused(2, "the variable ATTEST_POLICY is set but empty")
    for value in (":org.toml", "org.toml:", "org.toml::loose.toml", ":"):
        monkeypatch.setenv("ATTEST_POLICY", value)
        call(*VERIFY).refused(2, "the name of a policy is empty")
        call(*VERIFY, "--policy", "org.toml").refused(2, "the name of a policy is empty")
    monkeypatch.delenv("ATTEST_POLICY")
    call(*VERIFY, "--policy", "").refused(2, "--policy has an empty value")
    call(*VERIFY, "--policy", "org.toml", "--policy", "nothing.toml").refused(3, "(file-unreadable)")


@pytest.mark.usefixtures("files")
def test_a_value_reaches_every_policy_that_has_the_parameter() -> None:
    both = (*VERIFY, "--policy", "org.toml", "--policy", "loose.toml")
    assert call(*both, "--set", "tag=v1").code == 0
    mistyped = call(*both, "--set", "tga=v1")
    mistyped.refused(2, "no policy has a parameter 'tga'")
    assert "attest: hint: Did you mean 'tag'?" in mistyped.prose
    call(*both).refused(3, "(parameter-missing)")


@pytest.mark.usefixtures("files")
def test_every_format_shows_each_policy() -> None:
    digests = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("org.toml", "team.toml")}
    shown = {form: call(*TWO, "--format", form) for form in ("junit", "sarif", "html", "github", "markdown", "json")}
    assert {form: ran.code for form, ran in shown.items()} == dict.fromkeys(shown, 1)
    suite = ET.fromstring(shown["junit"].stdout)  # noqa: S314
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["attest.policy.1.file"] == "org.toml"
    assert (properties["attest.policy.2.sha256"], properties["attest.policy.2.decision"]) == (
        digests["team.toml"],
        "no",
    )
    cases = {one.get("name"): one.find("failure") for one in suite.iter("testcase")}
    assert cases["org.toml: same"] is None
    assert cases["team.toml: same"] is not None
    run = json.loads(shown["sarif"].stdout)["runs"][0]
    assert run["properties"]["attest"]["policy"]["policies"] == [
        {"file": name, "sha256": digest, "decision": "yes" if name == "org.toml" else "no"}
        for name, digest in digests.items()
    ]
    assert [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]] == [
        "team.toml"
    ]
    text = shown["markdown"].stdout.decode()
    assert f"| ✅ | `org.toml` | `the policy is met` | `{digests['org.toml']}` |" in text
    assert "| ❌ | `team.toml: same` |" in text
    page = shown["html"].stdout.decode()
    assert all(name in page and digest in page for name, digest in digests.items())
    lines = shown["github"].stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("::error ") and "team.toml: same" in line]
    for name, said in (
        ("org.toml", "the policy is met"),
        ("team.toml", "1 of 1 requirement of the policy is not met"),
    ):
        [line] = [line for line in lines if line.startswith(f"::notice title=attest%3A policy::{name}: {said}")]
        assert line.endswith(f" (sha256:{digests[name]})")
    good = (*VERIFY, "--policy", "org.toml", "--policy", "loose.toml", "--set", "tag=v1")
    told = call(*good).done().stdout.decode()
    assert "policy org.toml: the policy is met (sha256:" in told
    assert "policy loose.toml: the policy is met (sha256:" in told
    assert "All 2 policies are met" in call(*good, "--format", "markdown").done().stdout.decode()


@pytest.mark.usefixtures("files")
def test_a_kept_yes_of_several_has_the_digest_that_docs_policy_md_computes() -> None:
    signer = ("--signer", "file:k.pem", "--verifier-id", "https://example.com/v", "--resource-uri", "pkg:pypi/app@1")
    both = (*VERIFY, "--policy", "org.toml", "--policy", "loose.toml", "--set", "tag=v1", "--vsa-out")
    call(*both, "vsa.json", *signer).done()
    for name in ("org.toml", "loose.toml"):
        call(*both, name, *signer).refused(2, "is also an input")
    said = call("verify", "vsa.json", "--trust", "t.json", "--artifact", "one", "--format", "json").done()
    assert said.json["envelopes"][0]["predicateType"] == "https://slsa.dev/verification_summary/v1"
    recipe = "sha256sum org.toml loose.toml | cut -c1-64 | sort -u | sha256sum | cut -c1-64"
    digest = subprocess.run(["sh", "-c", recipe], check=True, capture_output=True, text=True).stdout.strip()
    claims = call("inspect", "vsa.json", "--format", "json").done().json["unverified"]
    assert digest in json.dumps(claims)


@pytest.mark.usefixtures("files")
def test_a_misspelt_anchor_is_told_with_the_one_that_was_meant() -> None:
    Path("relx.toml").write_text(ORG.replace('"rel"', '"relx"'))
    ran = call(*VERIFY, "--policy", "org.toml", "--policy", "relx.toml")
    ran.refused(3, "relx.toml: /require/0/anchors/0: the trust bundle has no anchor 'relx' (anchor-unknown)")
    assert "attest: hint: Did you mean 'rel'?" in ran.prose
    call("policy", "check", "relx.toml").done()
    ran = call("policy", "check", "org.toml", "relx.toml", "--trust", "t.json")
    ran.refused(3, "relx.toml: /require/0/anchors/0: the trust bundle has no anchor 'relx' (anchor-unknown)")
    told = call("policy", "check", "org.toml", "team.toml", "--trust", "t.json", "--format", "json").done().json
    assert [one["file"] for one in told["policies"]] == ["org.toml", "team.toml"]
    assert call("policy", "check", "org.toml", "--format", "json").done().json["policy"]["file"] == "org.toml"
    Path("empty.toml").write_text("")
    call("policy", "check", "org.toml", "empty.toml").refused(1, "empty.toml: the policy has no requirements")
