"""`attest policy explain` names what would have to change; and where that is changed, the answer is a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from attest import ResourceDescriptor, Statement, sign
from attest._base.json import dumps
from tests.support.cli.calls import call
from tests.support.making.bundles import NOW
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.policies import BUILDER, CLAIM, OTHER, REPOSITORY, TRUST, ago, clears, finding
from tests.support.making.statements import ARTIFACT, DIGEST
from tests.support.scenarios import EXITS, command_line
from tests.vectors.scenarios import load, paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest import Signer

NOES: Final = [name for name in paths() if load(name).document["expect"]["code"] == "policy-failed"]
VULNS, VEX = "https://in-toto.io/attestation/vulns/v0.2", "https://openvex.dev/ns/v0.2.0"
LINK, TESTED = "https://in-toto.io/attestation/link/v0.3", "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE, SUMMARY = "https://slsa.dev/provenance/v1", "https://slsa.dev/verification_summary/v1"
CYCLONEDX = "https://cyclonedx.org/bom"


def explained(result: bytes, folder: Path) -> tuple[list[dict[str, Any]], str]:
    """What would have to change, and the same as text."""
    (folder / "result.json").write_bytes(result)
    path = str(folder / "result.json")
    return call("policy", "explain", path, "--format", "json").done().json["needed"], call(
        "policy", "explain", path
    ).done().stdout.decode()


@pytest.mark.parametrize("name", NOES)
def test_of_every_no_each_requirement_that_is_not_met_is_told_what_to_change(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(name).lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    ran = call(*command_line(load(name)))
    assert ran.code == EXITS["rejected"]
    policy = ran.json["policy"]
    needed, text = explained(ran.stdout, tmp_path)
    unmet = {met["id"] for met in policy["requirements"] if not met["met"]}
    assert {one["requirement"] for one in needed} - {"vsa"} == unmet
    for one in needed:
        assert one["hint"], one
        assert one["hint"].endswith("."), one
        # Where it stands, or what is missing by its type, its step or who has to sign it.
        assert one["pointer"] or any(word in one["message"] for word in ("type", "step", "key", "anchor", "VSA")), one
        assert f"{one['message']} ({one['code']})\n" in text
        assert f"to change {one['hint']}\n" in text
    if policy["vsa"] is not None:
        assert "instead of all these, a verification summary" in text


class Made(NamedTuple):
    """An attestation that a scenario has: what it says, who signs it, and what it is about."""

    kind: str
    predicate: dict[str, Any]
    by: tuple[Signer, ...] = (ALICE,)
    subjects: Mapping[str, str] = {"app.whl": DIGEST}

    def write(self, path: Path) -> None:
        about = [ResourceDescriptor(name, {"sha256": value}) for name, value in self.subjects.items()]
        made = Statement.build(about, predicate_type=self.kind, predicate=self.predicate, check_predicate=False)
        path.write_bytes(sign(made, self.by).to_json())


def built(builder: str = BUILDER, source: str = f"git+{REPOSITORY}@refs/tags/v1.0", **fields: Any) -> Made:
    definition = {"buildType": "https://example.com/build/v1", "externalParameters": {"source": source}}
    run = {"builder": {"id": builder}, "metadata": {"finishedOn": fields.pop("finished", ago(days=1))}}
    return Made(PROVENANCE, {"buildDefinition": definition, "runDetails": run}, **fields)


def scanned(*findings: dict[str, Any], finished: str = ago(days=1), database: str = ago(days=1), **fields: Any) -> Made:
    scanner = {"uri": "pkg:x/scanner", "db": {"lastUpdate": database}, "result": list(findings)}
    when = {"scanStartedOn": finished, "scanFinishedOn": finished}
    return Made(VULNS, {"scanner": scanner, "metadata": when, **fields})


def result_of(**predicate: Any) -> Made:
    return Made(TESTED, {"configuration": [], "result": "PASSED", **predicate})


def linked(name: str, materials: dict[str, str], products: dict[str, str], by: Signer = ALICE) -> Made:
    listed = [{"name": path, "digest": {"sha256": value}} for path, value in materials.items()]
    return Made(LINK, {"name": name, "materials": listed}, (by,), products)


def component(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "library", "name": name, **fields}


def listing(*components: dict[str, Any], digest: str = DIGEST) -> Made:
    app = component("app", hashes=[{"alg": "SHA-256", "content": digest}])
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": app}}
    return Made(CYCLONEDX, {**document, "components": list(components)})


def summed(**changed: Any) -> Made:
    predicate = {
        "verifier": {"id": "https://example.com/verifier"},
        "timeVerified": ago(hours=1),
        "resourceUri": "pkg:pypi/app@1",
        "policy": {"uri": "https://example.com/policy", "digest": {"sha256": OTHER}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    }
    return Made(SUMMARY, predicate | changed, (MALLORY,))


def claims(*by: Signer, **predicate: Any) -> Made:
    return Made(CLAIM, predicate, by or (ALICE,))


REVIEW = {"type": CLAIM, "anchors": ["ci"]}
BUILDS = {"anchors": ["ci"], "rules": {"slsa-build": {"level": 3, "builders": [BUILDER]}}}
COMES = {"anchors": ["ci"], "rules": {"slsa-source": {"repository": [REPOSITORY], "tag": ["v*"]}}}
CLEAN = {
    "anchors": ["ci"],
    "max_age": "7d",
    "rules": {"vulnerabilities": {"severity": "high", "vex_anchors": ["security"], "max_database_age": "3d"}},
}
PASSES = {"anchors": ["ci"], "rules": {"tests-passed": {"tests": ["unit"]}}}
LISTS = {"anchors": ["ci"], "rules": {"sbom": {}}}
STEPS = {
    "anchors": ["ci"],
    "rules": {"step-chain": {"steps": [{"name": "build", "anchors": ["security"]}, {"name": "package"}]}},
}
MADE = {"a.o": "aa" * 32}
BUILD, PACKAGE = linked("build", {}, MADE, BOB), linked("package", MADE, {"app.whl": DIGEST})
VEXED = Made(
    VEX,
    {
        "@context": VEX,
        "@id": "https://example.com/vex/1",
        "author": "security",
        "timestamp": ago(days=1),
        "version": 1,
        "statements": [clears("CVE-1")],
    },
    (BOB,),
)
# What is asked, what there is, what explain says has to change, and what there is when that was done.
SCENARIOS: dict[str, tuple[dict[str, Any], list[Made], str, list[Made]]] = {
    "too old": (
        {**REVIEW, "max_age": "1d", "time": "/when"},
        [claims(when=ago(days=2))],
        f"Create it again: it must be from {ago(days=1)} or later",
        [claims(when=ago(days=1))],
    ),
    "no time": (
        {**REVIEW, "max_age": "1d", "time": "/when"},
        [claims()],
        "Create it again with a time in /predicate/when",
        [claims(when=ago(hours=1))],
    ),
    "not come yet": (
        {**REVIEW, "max_age": "1d", "time": "/when"},
        [claims(when=ago(days=-1))],
        "Check both clocks",
        [claims(when=ago(days=0))],
    ),
    "signed by somebody else": (REVIEW, [claims(BOB)], "Have it signed for anchor 'ci'.", [claims(BOB, ALICE)]),
    "too few keys": (
        {"type": CLAIM, "anchors": ["ci", "security"], "threshold": 2},
        [claims()],
        "Add signatures by 1 other key of anchor 'ci' or 'security'",
        [claims(ALICE, BOB)],
    ),
    "too few signers": (
        {"type": CLAIM, "anchors": ["ci", "security"], "signers": 2},
        [claims()],
        "Give attestations of the same type signed for anchor 'ci' or 'security' by 1 other signer.",
        [claims(), claims(BOB, verdict="also")],
    ),
    "newest without a time": (
        {**REVIEW, "latest": True, "time": "/when"},
        [claims(when=ago(days=1)), claims()],
        "Create it again with a time in /predicate/when",
        [claims(when=ago(days=1)), claims(when=ago(hours=1))],
    ),
    "not there": (PASSES, [], "Give such an attestation signed for anchor 'ci'.", [result_of(passedTests=["unit"])]),
    "about something else": (
        REVIEW,
        [Made(CLAIM, {}, subjects={"other.whl": OTHER})],
        "About something else: 0.json.",
        [claims()],
    ),
    "schema": (
        {**REVIEW, "schema": {"properties": {"verdict": {"const": "approved"}}}},
        [claims(verdict="rejected")],
        "whose /predicate/verdict matches `schema/properties/verdict/const` of the policy",
        [claims(verdict="approved")],
    ),
    "cel": (
        {**REVIEW, "cel": ["predicate.by == params.who"]},
        [claims(by="mallory")],
        "for which the expression is true; params.who is 'alice'",
        [claims(by="alice")],
    ),
    "cel on what is not there": (
        {**REVIEW, "cel": ["predicate.by != ''"]},
        [claims()],
        "the fields that the expression uses",
        [claims(by="alice")],
    ),
    "builder": (BUILDS, [built("https://example.com/x")], f"Build with one of: {BUILDER}.", [built()]),
    "repository": (
        COMES,
        [built(source="git+https://example.com/x@refs/tags/v1.0")],
        f"Build from one of: {REPOSITORY}.",
        [built()],
    ),
    "ref": (
        COMES,
        [built(source=f"git+{REPOSITORY}@refs/heads/main")],
        "Build at one of: refs/tags/v*.",
        [built()],
    ),
    "scan too old": (CLEAN, [scanned(finished=ago(days=8))], "Create it again", [scanned()]),
    "old database": (CLEAN, [scanned(database=ago(days=8))], f"it must be from {ago(days=3)} or later", [scanned()]),
    "found, and mended": (CLEAN, [scanned(finding("CVE-1"))], "Fix CVE-1 and scan again", [scanned()]),
    "found, and said not to matter": (
        CLEAN,
        [scanned(finding("CVE-1"))],
        "give an OpenVEX document by security that clears it",
        [scanned(finding("CVE-1")), VEXED],
    ),
    "unrated": (
        CLEAN,
        [scanned({"id": "CVE-1"})],
        "Scan again with a rating for CVE-1",
        [scanned(finding("CVE-1", "low"))],
    ),
    "tests failed": (
        PASSES,
        [result_of(result="FAILED", passedTests=["unit"])],
        "Fix the tests, run them again",
        [result_of(passedTests=["unit"])],
    ),
    "another test": (
        PASSES,
        [result_of(passedTests=["lint"])],
        "Run test 'unit', and attest its result.",
        [result_of(passedTests=["lint", "unit"])],
    ),
    "empty list": (LISTS, [listing()], "a tool that finds the components", [listing(component("left-pad"))]),
    "another's list": (
        LISTS,
        [listing(component("left-pad"), digest=OTHER)],
        "Create the SBOM with the digest",
        [listing(component("left-pad"))],
    ),
    "step missing": (STEPS, [PACKAGE], "Give the link of step 'build' too.", [PACKAGE, BUILD]),
    "step on something else": (
        STEPS,
        [BUILD, linked("package", {"a.o": "bb" * 32}, {"app.whl": DIGEST})],
        "Run step 'package' only on products of step 'build'",
        [BUILD, PACKAGE],
    ),
    "wrong step": (
        STEPS,
        [BUILD, linked("sign", MADE, {"app.whl": DIGEST})],
        "Give the link of step 'package'.",
        [
            BUILD,
            PACKAGE,
        ],
    ),
}


def ask(requirement: dict[str, Any], made: list[Made], *options: str) -> Any:
    """What `attest verify` says of a policy of one requirement; attestations are `0.json` and so on."""
    takes = {
        "verifiers": ["https://example.com/verifier"],
        "anchors": ["verifier"],
        "resources": ["pkg:pypi/app@*"],
        "max_age": "1d",
        "levels": ["SLSA_BUILD_LEVEL_2"],
        "policies": [OTHER],
    }
    asked = {"parameters": {"who": {"default": "alice"}}, "require": [{"id": "it", **requirement}], "vsa": takes}
    Path("policy.json").write_bytes(dumps(asked))
    Path("trust.json").write_bytes(TRUST.to_json())
    # One that no requirement asks for, so that something verifies.
    names = ["other.json", *(f"{number}.json" for number in range(len(made)))]
    for name, one in zip(names, [Made("https://example.com/other/v1", {}), *made], strict=True):
        one.write(Path(name))
    now = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    words = ("--trust", "trust.json", "--artifact", ARTIFACT, "--policy", "policy.json", "--now", now, "--no-schema")
    return call("verify", *names, *words, "--format", "json", *options)


@pytest.mark.parametrize("name", SCENARIOS)
def test_where_what_explain_says_is_done_the_answer_is_yes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    requirement, before, said, after = SCENARIOS[name]
    ran = ask(requirement, before)
    assert (ran.code, ran.json["policy"]["decision"]) == (1, "no")
    needed, text = explained(ran.stdout, tmp_path)
    assert [one["hint"] for one in needed if said in one["hint"]], needed
    assert len(needed) == 1, "one thing is wrong, and one thing is told"
    assert said in text
    again = ask(requirement, after)
    assert (again.code, again.json["policy"]["decision"]) == (0, "yes")
    assert explained(again.stdout, tmp_path)[0] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"timeVerified": ago(days=2)}, f"it must be from {ago(days=1)} or later"),
        ({"verifier": {"id": "https://example.com/x"}}, "Give a VSA by https://example.com/verifier."),
        ({"resourceUri": "pkg:pypi/other@1"}, "Give a VSA about one of: pkg:pypi/app@*."),
        ({"verifiedLevels": ["SLSA_BUILD_LEVEL_1"]}, "Give a VSA with level SLSA_BUILD_LEVEL_2."),
        ({"policy": {"digest": {"sha256": DIGEST}}}, f"Give a VSA of policy {OTHER}."),
        ({"verificationResult": "FAILED"}, "let it verify again"),
        (None, "Give a VSA by https://example.com/verifier."),
    ],
)
def test_what_a_summary_lacks_is_told_beside_what_the_evidence_lacks(
    changed: dict[str, Any] | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = ask(REVIEW, [] if changed is None else [summed(**changed)], "--accept-vsa")
    assert ran.code == 1
    needed, text = explained(ran.stdout, tmp_path)
    assert [(one["requirement"], said in one["hint"]) for one in needed] == [("it", False), ("vsa", True)]
    assert text.index("or, instead of all these, a verification summary:") < text.index(said)
    assert ask(REVIEW, [summed()], "--accept-vsa").code == 0
    assert ask(REVIEW, [claims(), *([] if changed is None else [summed(**changed)])], "--accept-vsa").code == 0


def test_where_the_newest_decides_an_older_one_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    latest = {**REVIEW, "latest": True, "time": "/when", "cel": ["predicate.ok"]}
    made = [claims(when=ago(days=2), ok=True), claims(when=ago(days=1), ok=False)]
    ran = ask(latest, made)
    needed, text = explained(ran.stdout, tmp_path)
    assert [(one["code"], one["attestation"]) for one in needed] == [("cel-false", "1.json"), ("newest-decides", None)]
    assert "one of these is enough" not in text
    assert "only the newest attestation of the type decides: 1.json" in text
    assert ask(latest, [*made, claims(when=ago(hours=1), ok=True)]).code == 0


def test_a_result_is_explained_from_its_words_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = ask(REVIEW, [claims(BOB)])
    for file in tmp_path.glob("*.json"):
        file.unlink()
    needed, _ = explained(ran.stdout, tmp_path)
    assert [one["attestation"] for one in needed] == ["0.json"]
    assert json.loads(ran.stdout)["policy"]["requirements"][0]["failures"][0]["hint"] == needed[0]["hint"]
