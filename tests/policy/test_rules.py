"""The ready-made rules: what each lets through, and everything that it doesn't."""

from __future__ import annotations

import time
import tomllib
from hashlib import sha512
from itertools import permutations, product
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest import Artifact, Policy, ResourceDescriptor
from attest.policy import rules
from attest.policy._ratings import Ratings
from attest.schema.predicate_types import OURS
from tests.support.builders import ALICE, BOB, CONTENT, DIGEST, MALLORY
from tests.support.helpers import NOW
from tests.support.policies import (
    BUILDER,
    OTHER,
    REPOSITORY,
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
    vex,
)

V02 = "https://slsa.dev/provenance/v0.2"


def asks(rule: str, settings: dict[str, Any], **also: Any) -> Policy:
    return policy({"id": "it", "anchors": ["ci"], **also, "rules": {rule: settings}})


@pytest.mark.parametrize("name", rules.names())
def test_a_rule_is_documented_and_its_example_is_a_policy(name: str) -> None:
    rule = rules.named(name)
    assert rule is not None
    assert rule.summary.endswith(".")
    assert all(shape["description"] for shape in rule.settings["properties"].values())
    needs = {"anchors": ["ci"], "max_age": "7d"}
    entry = {key: needs[key] for key in rule.needs} | {"rules": {name: tomllib.loads(rule.example)}}
    made = Policy.from_document({"parameters": {"tag": {}}, "require": [entry]})
    assert [one for one, _, _ in made.requirements[0].rules] == [name]


@pytest.mark.parametrize("name", ["slsa_build", "Slsa-build", "_shapes", "../_policy", "", "nothing"])
def test_a_rule_is_found_by_its_own_name_alone(name: str) -> None:
    assert rules.named(name) is None


def test_a_builder_that_is_accepted_has_the_level_it_is_granted() -> None:
    asked = asks("slsa-build", {"level": 3, "builders": ["https://example.com/builders/*"]})
    decision = decide(asked, provenance())
    assert decision.yes
    assert decision.levels == ("SLSA_BUILD_LEVEL_3",)


@pytest.mark.parametrize(
    "builder",
    ["https://example.com/builders/1/x", "https://evil.example/builders/1", "", "HTTPS://example.com/builders/1"],
)
def test_another_builder_is_a_no(builder: str) -> None:
    [failure] = no(
        decide(asks("slsa-build", {"level": 1, "builders": ["https://example.com/builders/*"]}), provenance(builder))
    )
    assert (failure.code, failure.pointer) == ("builder-mismatch", "/predicate/runDetails/builder/id")
    assert failure.rule == "slsa-build"
    assert failure.attestation == "a"


@pytest.mark.parametrize(
    "builder",
    [
        "https://example.com/builders/../evil/1",
        "https://example.com/builders/%2e%2E/evil",
        "https://example.com/builders/..",
        "https://example.com/builders/..%2fevil",
        "https://example.com/builders/..\\evil",
    ],
)
def test_a_builder_that_leads_out_of_what_a_wildcard_stands_in_is_a_no(builder: str) -> None:
    for glob in ("https://example.com/builders/**", "https://example.com/builders/*", "**"):
        asked = asks("slsa-build", {"level": 1, "builders": [glob]})
        assert codes(decide(asked, provenance(builder))) == ["builder-mismatch"]
    assert decide(asks("slsa-build", {"level": 1, "builders": [builder]}), provenance(builder)).yes


def test_a_build_type_is_asked_for_where_it_is_set() -> None:
    settings = {"level": 1, "builders": [BUILDER], "build_types": ["https://example.com/build/v1"]}
    assert decide(asks("slsa-build", settings), provenance()).yes
    settings["build_types"] = ["https://example.com/build/v2"]
    assert codes(decide(asks("slsa-build", settings), provenance())) == ["build-type-mismatch"]


def test_the_older_provenances_have_their_builder_elsewhere() -> None:
    asked = asks("slsa-build", {"level": 1, "builders": [BUILDER]})
    assert decide(asked, claim({"builder": {"id": BUILDER}, "buildType": "x"}, kind=V02)).yes
    settings = {"level": 1, "builders": [BUILDER], "build_types": ["x"]}
    assert decide(asks("slsa-build", settings), claim({"builder": {"id": BUILDER}, "buildType": "x"}, kind=V02)).yes
    other = claim({"builder": {"id": BUILDER}, "buildType": "y"}, kind=V02)
    assert codes(decide(asks("slsa-build", settings), other)) == ["build-type-mismatch"]
    new_in_old = claim({"runDetails": {"builder": {"id": BUILDER}}, "builder": {}}, kind=V02)
    assert codes(decide(asked, new_in_old)) == ["builder-mismatch"]


@pytest.mark.parametrize(
    "source",
    [
        f"git+{REPOSITORY}@refs/tags/v1.0",
        f"{REPOSITORY}@refs/tags/v1.0#subdirectory",
        {"uri": f"git+{REPOSITORY}@refs/tags/v1.0"},
        {"repository": REPOSITORY, "ref": "refs/tags/v1.0"},
    ],
)
def test_a_source_is_read_however_it_is_written(source: Any) -> None:
    assert decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]}), provenance(source=source)).yes
    assert decide(
        asks("slsa-source", {"repository": [REPOSITORY], "ref": ["refs/tags/*"]}), provenance(source=source)
    ).yes


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("git+https://example.com/evil/app@refs/tags/v1.0", "repository-mismatch"),
        (f"git+{REPOSITORY}2@refs/tags/v1.0", "repository-mismatch"),
        ("git+https://example.com@evil.example/acme/app@refs/tags/v1.0", "repository-mismatch"),
        (f"git+{REPOSITORY}@refs/heads/main", "ref-mismatch"),
        (f"git+{REPOSITORY}@refs/tags/v1.0/x", "ref-mismatch"),
        (f"git+{REPOSITORY}", "ref-mismatch"),
        ({"repository": REPOSITORY}, "ref-mismatch"),
        ({"repository": [REPOSITORY], "ref": "refs/tags/v1.0"}, "repository-mismatch"),
        ({"digest": {"gitCommit": "0" * 40}}, "source-unknown"),
        (None, "source-unknown"),
        (7, "source-unknown"),
    ],
)
def test_another_source_is_a_no(source: Any, code: str) -> None:
    asked = asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]})
    assert codes(decide(asked, provenance(source=source))) == [code]


WORKFLOW = {"repository": REPOSITORY, "ref": "refs/tags/v1.0"}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"workflow": WORKFLOW, "source": f"git+{REPOSITORY}@refs/tags/v1.0"}, []),
        ({"workflow": WORKFLOW, "source": {"uri": f"git+{REPOSITORY}"}, "configSource": None}, []),
        ({"workflow": {"repository": REPOSITORY}, "source": f"git+{REPOSITORY}@refs/tags/v1.0"}, []),
        (
            {"workflow": WORKFLOW, "source": {"uri": "git+https://example.com/evil/app@refs/tags/v1.0"}},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        (
            {"source": {"uri": "git+https://example.com/evil/app@refs/tags/v1.0"}, "workflow": WORKFLOW},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        # Each of two would do, and which of them was built nobody can tell.
        ({"workflow": WORKFLOW, "source": f"git+{REPOSITORY}@refs/tags/v1.1"}, [("source-conflict", "source")]),
        (
            {"workflow": WORKFLOW, "configSource": {"uri": f"git+{REPOSITORY}2@refs/tags/v1.0"}},
            [("source-conflict", "configSource/uri"), ("repository-mismatch", "configSource/uri")],
        ),
        (
            {"source": {**WORKFLOW, "uri": "https://example.com/evil/app"}},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        (
            {"source": {"repository": f"{REPOSITORY}@refs/heads/main", "ref": "refs/tags/v1.0"}},
            [("source-conflict", "source/ref"), ("ref-mismatch", "source/repository")],
        ),
        (
            {"source": {"repository": f"{REPOSITORY}@refs/tags/v1.0", "ref": "refs/heads/main"}},
            [("source-conflict", "source/ref"), ("ref-mismatch", "source/ref")],
        ),
        (
            {
                "workflow": {**WORKFLOW, "digest": {"gitCommit": "0" * 40}},
                "source": {"uri": REPOSITORY, "digest": {"gitCommit": "1" * 40}},
            },
            [("source-conflict", "source/uri")],
        ),
        # What can't be read may be another source.
        ({"workflow": WORKFLOW, "source": [f"git+{REPOSITORY}2"]}, [("source-unknown", "source")]),
        ({"workflow": WORKFLOW, "source": {"downloadLocation": "https://x"}}, [("source-unknown", "source")]),
    ],
)
def test_sources_that_conflict_are_a_no_wherever_they_stand(
    parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    made = claim({"buildDefinition": {"externalParameters": parameters}}, kind="https://slsa.dev/provenance/v1")
    decision = decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]}), made)
    assert decision.yes is not bool(expected)
    found = [(failure.code, failure.pointer) for failure in decision.requirements[0].failures]
    start = "/predicate/buildDefinition/externalParameters/"
    assert found == [(code, start + at) for code, at in expected]


@pytest.mark.parametrize(
    "source",
    [
        "https://example.com/acme/../evil/app",
        "https://example.com/acme/%2e%2e/evil/app",
        "https://evil.example?.example.com/acme/app",
        "https://evil.example#.example.com/acme/app",
        "https://evil.example\\.example.com/acme/app",
        "https://example.com/acme/app#x@refs/tags/v1.0",
    ],
)
def test_a_wildcard_does_not_lead_out_of_what_it_stands_in(source: str) -> None:
    globs = ["https://example.com/acme/**", "https://*.example.com/acme/*"]
    made = provenance(source=source)
    assert codes(decide(asks("slsa-source", {"repository": globs}), made)) == ["repository-mismatch"]


def test_a_repository_that_is_named_as_it_is_may_have_a_query() -> None:
    source = "https://example.com/?p=app.git"
    assert decide(asks("slsa-source", {"repository": [source]}), provenance(source=source)).yes


def test_a_dependency_is_no_source() -> None:
    predicate = {"buildDefinition": {"resolvedDependencies": [{"uri": f"git+{REPOSITORY}@refs/tags/v1.0"}]}}
    made = claim(predicate, kind="https://slsa.dev/provenance/v1")
    assert codes(decide(asks("slsa-source", {"repository": [REPOSITORY]}), made)) == ["source-unknown"]


def test_a_policy_can_say_where_a_build_type_has_its_source() -> None:
    at = "/buildDefinition/externalParameters/inputs/0"
    asked = asks("slsa-source", {"repository": [REPOSITORY], "at": at})
    parameters = {"source": "https://evil.example/x", "inputs": [REPOSITORY]}
    made = claim({"buildDefinition": {"externalParameters": parameters}}, kind="https://slsa.dev/provenance/v1")
    assert decide(asked, made).yes
    [failure] = no(decide(asked, provenance()))
    assert (failure.code, failure.pointer) == ("source-unknown", f"/predicate{at}")


def test_a_workflow_names_its_repository() -> None:
    workflow = {"repository": REPOSITORY, "ref": "refs/heads/main", "path": "x.yml"}
    made = claim(
        {"buildDefinition": {"externalParameters": {"workflow": workflow}}}, kind="https://slsa.dev/provenance/v1"
    )
    assert decide(asks("slsa-source", {"repository": [REPOSITORY], "ref": ["refs/heads/main"]}), made).yes
    [failure] = no(decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v1"]}), made))
    assert failure.pointer == "/predicate/buildDefinition/externalParameters/workflow/ref"


def result_of(**predicate: Any) -> Any:
    return claim({"configuration": [], **predicate}, kind="https://in-toto.io/attestation/test-result/v0.1")


def test_passed_tests_are_a_yes() -> None:
    assert decide(asks("tests-passed", {}), result_of(result="PASSED")).yes
    assert decide(asks("tests-passed", {"tests": ["unit"]}), result_of(result="PASSED", passedTests=["unit", "x"])).yes
    for result in ("PASSED", "WARNED"):
        assert decide(asks("tests-passed", {"allow_warnings": True}), result_of(result=result)).yes


@pytest.mark.parametrize(
    ("settings", "predicate", "expected"),
    [
        ({}, {"result": "FAILED"}, ["tests-not-passed"]),
        ({}, {"result": "WARNED"}, ["tests-not-passed"]),
        ({"allow_warnings": True}, {"result": "FAILED"}, ["tests-not-passed"]),
        ({}, {"result": "passed"}, ["tests-not-passed"]),
        ({}, {}, ["tests-not-passed"]),
        ({}, {"result": "PASSED", "failedTests": ["unit"]}, ["tests-not-passed"]),
        ({}, {"result": "PASSED", "failedTests": {"unit": 1}}, ["tests-not-passed"]),
        ({"tests": ["unit", "e2e"]}, {"result": "PASSED", "passedTests": ["unit"]}, ["test-missing"]),
        (
            {"tests": ["unit"]},
            {"result": "PASSED", "passedTests": ["unit", "e2e"], "warnedTests": ["e2e"]},
            ["test-contradictory"],
        ),
        (
            {"allow_warnings": True},
            {"result": "WARNED", "passedTests": ["unit"], "warnedTests": ["unit"]},
            ["test-contradictory"],
        ),
        (
            {},
            {"result": "PASSED", "passedTests": ["unit"], "failedTests": ["unit"]},
            ["tests-not-passed", "test-contradictory"],
        ),
        ({"tests": ["unit"]}, {"result": "PASSED", "passedTests": "unit"}, ["test-missing"]),
        ({"tests": ["unit"]}, {"result": "PASSED", "passedTests": [["unit"]]}, ["test-missing"]),
        ({"tests": ["unit", "e2e"]}, {"result": "FAILED"}, ["tests-not-passed", "test-missing", "test-missing"]),
    ],
)
def test_other_tests_are_a_no(settings: dict[str, Any], predicate: dict[str, Any], expected: list[str]) -> None:
    assert codes(decide(asks("tests-passed", settings), result_of(**predicate))) == expected


def vulnerabilities(**settings: Any) -> Policy:
    return asks("vulnerabilities", {"severity": "high", **settings}, max_age="7d")


def test_a_scan_without_severe_findings_is_a_yes() -> None:
    assert decide(vulnerabilities(), scan()).yes
    assert decide(vulnerabilities(), scan(finding("CVE-1", "medium"), finding("CVE-2", "6.9", "cvss_score"))).yes
    assert decide(vulnerabilities(ignore=["CVE-1"]), scan(finding("CVE-1"))).yes


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (finding("CVE-1"), "vulnerability-found"),
        (finding("CVE-1", "HIGH"), "vulnerability-found"),
        (finding("CVE-1", "7.0", "CVSS_v3"), "vulnerability-found"),
        (finding("CVE-1", "9.8", "epss"), "vulnerability-unrated"),
        (finding("CVE-1", "nan", "cvss"), "vulnerability-unrated"),
        (finding("CVE-1", "11", "cvss"), "vulnerability-unrated"),
        (finding("CVE-1", "unknown"), "vulnerability-unrated"),
        ({"id": "CVE-1", "severity": []}, "vulnerability-unrated"),
        ({"id": "CVE-1"}, "vulnerability-unrated"),
        ({"id": "CVE-1", "severity": {"method": "nvd", "score": "critical"}}, "vulnerability-found"),
        ({"vulnerability": {"id": "CVE-1", "severity": [{"method": "nvd", "score": "high"}]}}, "vulnerability-found"),
        ("CVE-1", "vulnerability-unrated"),
        (
            {"id": "CVE-1", "severity": [{"method": "a", "score": "low"}, {"method": "b", "score": "critical"}]},
            "vulnerability-found",
        ),
    ],
)
def test_a_severe_finding_is_a_no(entry: Any, code: str) -> None:
    [failure] = no(decide(vulnerabilities(), scan(finding("CVE-0", "low"), entry)))
    assert (failure.code, failure.pointer) == (code, "/predicate/scanner/result/1")


def rated(*ratings: Any, **fields: Any) -> dict[str, Any]:
    """A finding with these ratings, each a score and a method, or anything else that stands there."""
    listed = [{"score": one[0], "method": one[1]} if isinstance(one, tuple) else one for one in ratings]
    return {"id": "CVE-1", "severity": listed, **fields}


V3_LOW = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
V3_WORST = "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
V4_WORST = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"


@pytest.mark.parametrize(
    ("entry", "severity"),
    [
        (rated((V3_LOW, "cvss_v3"), ("1.8", "osv-scanner:max_severity"), ("LOW", "database_specific")), "low"),
        (rated((V3_LOW, "anything"), (V3_WORST, "anything")), "critical"),
        (rated((V4_WORST, "cvss_v4"), ("low", "vendor")), "critical"),
        (rated((f"{V4_WORST}/E:U", "cvss_v4")), "critical"),
        (rated(("AV:N/AC:L/Au:N/C:C/I:C/A:C", "cvss_v2")), "critical"),  # 2.0 itself has no `critical`
        (rated(("AV:L/AC:H/Au:M/C:P/I:N/A:N", "cvss_v2")), "low"),
        # Its environmental score is higher than its base score, and the worst counts.
        (rated((f"{V3_LOW}/MAV:N/MAC:L/MPR:N/MUI:N/MS:C/MC:H/MI:H/MA:H", "cvss_v3")), "critical"),
        (rated(("6.9", "cvss"), ("7.0", "cvss")), "high"),
        (rated((8.9, "cvss"), (7, "cvss")), "high"),
        (rated(("9.00", "CVSS_v3"), ("negligible", "x")), "critical"),
        (rated(("10.0", "osv-scanner:max_severity")), "critical"),
        ({"id": "CVE-1", "severity": {"method": "x", "score": "Low"}}, "low"),
        ({"vulnerability": {"id": "CVE-1", "severity": [{"method": "x", "score": "high"}]}}, "high"),
        (rated(("high", "x"), vulnerability=rated(("important", "y"))), "high"),
        (rated(("high", "x"), vulnerability=rated()), "high"),
    ],
)
def test_the_worst_rating_counts(entry: Any, severity: str) -> None:
    ranks = ["low", "medium", "high", "critical"]
    for lowest in ranks:
        decision = decide(vulnerabilities(severity=lowest), scan(entry))
        assert decision.yes is (ranks.index(severity) < ranks.index(lowest))
        assert [failure.code for failure in decision.requirements[0].failures] == (
            [] if decision.yes else ["vulnerability-found"]
        )


@pytest.mark.parametrize(
    "entry",
    [
        *(
            rated((score, "cvss"), ("low", "vendor"))
            for score in [
                "CRITICAL+",
                "unknown",
                "",
                "nan",
                "inf",
                "-1",
                "10.1",
                "11",
                "1_0",
                "1e0",
                " 1.8\n",
                "1.85",  # CVSS has one decimal
                "\u0661.\u0668",  # 1.8 in Arabic-Indic digits
                "\uff11",
                "\uff2c\uff2f\uff37",
                None,
                True,
                10**400,
                -1.0,
                ["low"],
                V3_LOW.replace("3.1", "3.2"),
                V3_LOW.replace("CVSS:", "cvss:"),
                V3_LOW + "/",
                V3_LOW + "/AV:N",
                V3_LOW + "/XX:Y",
                V3_LOW[:-4],
                "CVSS:4.1" + V4_WORST[8:],
                V3_LOW.removeprefix("CVSS:3.1/"),
                "(AV:L/AC:H/Au:M/C:P/I:N/A:N)",
                "CVSS:3.1/" + "AV:L/" * 40_000 + "AC:H",
            ]
        ),
        rated(("1.8", "epss"), ("low", "vendor")),
        rated(("10.0", "nvd"), ("low", "ubuntu")),
        rated("critical", ("low", "vendor")),
        rated({"method": "nvd"}, ("low", "vendor")),
        rated({}, ("low", "vendor")),
        {"id": "CVE-1", "severity": "critical"},
        rated(("low", "x"), vulnerability=rated(("critical", "y"))),
        rated(("critical", "x"), vulnerability=rated(("low", "y"))),
        rated(("low", "x"), vulnerability=rated(("CRITICAL+", "y"))),
        rated(),
        rated(vulnerability="CVE-1"),
    ],
)
def test_a_finding_that_may_be_worse_than_what_can_be_read_is_not_rated(entry: Any) -> None:
    decision = decide(vulnerabilities(severity="critical"), scan(entry))
    assert codes(decision) == ["vulnerability-unrated"]
    assert decide(vulnerabilities(severity="critical", ignore=["CVE-1"]), scan(entry)).yes


def test_a_finding_with_two_ids_is_neither_ignored_nor_cleared() -> None:
    entry = rated(("critical", "x"), vulnerability={"id": "CVE-2"})
    assert not decide(vulnerabilities(severity="critical", ignore=["CVE-1", "CVE-2"]), scan(entry)).yes


@given(st.lists(st.sampled_from(["low", "medium", "high", "critical", V3_LOW, V3_WORST, "??", "9.8"])), st.data())
@settings(deadline=None)
def test_another_rating_never_makes_a_finding_better(scores: list[str], data: st.DataObject) -> None:
    def worst(listed: list[str]) -> int:
        rank = Ratings().read(rated(*((score, "cvss") for score in listed))).rank
        return 5 if rank is None else rank

    if scores:  # no rating at all is as bad as one that can't be read
        more = data.draw(st.sampled_from(["none", "low", "critical", V3_LOW, "??"]))
        at = data.draw(st.integers(0, len(scores)))
        assert worst([*scores[:at], more, *scores[at:]]) >= worst(scores)
    assert worst(scores) == worst(scores[::-1])


def test_the_same_vector_is_read_once_and_of_those_that_differ_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def count(text: str, version: str | None) -> int:
        read.append(text)
        return 1

    monkeypatch.setattr("attest.policy._ratings._read_vector", count)
    ratings = Ratings()
    assert all(ratings.read(rated((V3_LOW, "x"))).rank == 1 for _ in range(10))
    assert read == [V3_LOW]
    many = [f"AV:L/AC:H/{''.join(letters)}:N" for letters in product(ascii_uppercase[:18], repeat=3)]
    ranks = [ratings.read(rated((text, "x"))).rank for text in many]
    assert len(set(many)) == len(many) > 5000
    assert len(read) == ranks.count(1) + 1 == 4096
    assert ratings.read(rated((V3_LOW, "x"))).rank == 1


def test_every_finding_is_told_up_to_a_limit() -> None:
    assert (
        codes(decide(vulnerabilities(), scan(*(finding(f"CVE-{n}") for n in range(3))))) == ["vulnerability-found"] * 3
    )
    assert len(no(decide(vulnerabilities(), scan(*(finding(f"CVE-{n}") for n in range(99)))))) == 33


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (scan(finished=ago(days=8)), "too-old"),
        (scan(finished="yesterday"), "time-missing"),
        (scan(by=BOB), "anchor-not-accepted"),
        (scan(digest=OTHER), "evidence-missing"),
        (scan(finished=ago(days=-1)), "time-in-future"),
    ],
)
def test_a_scan_that_is_not_fresh_about_the_artifact_and_from_the_anchor_is_none(made: Any, code: str) -> None:
    assert codes(decide(vulnerabilities(), made)) == [code]


def test_no_scan_is_no_evidence_of_no_vulnerability() -> None:
    assert codes(decide(vulnerabilities())) == ["evidence-missing"]


def test_an_old_database_finds_nothing_new() -> None:
    asked = vulnerabilities(max_database_age="7d")
    assert decide(asked, scan()).yes
    [failure] = no(decide(asked, scan(database=ago(days=8))))
    assert (failure.code, failure.pointer) == ("too-old", "/predicate/scanner/db/lastUpdate")


def test_vex_clears_a_finding() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    found = scan(finding("CVE-1"))
    assert not decide(asked, found).yes
    assert decide(asked, found, vex(clears("CVE-1"))).yes
    assert decide(asked, found, vex(clears("CVE-1", "fixed"))).yes
    assert decide(asked, found, vex(clears("CVE-1", products=[{"@id": "app.whl"}]))).yes
    hashed = clears("CVE-1", products=[{"@id": "x", "hashes": {"sha-256": DIGEST}}])
    assert decide(asked, found, vex(hashed)).yes
    aliased = clears("GHSA-1", vulnerability={"name": "GHSA-1", "aliases": ["CVE-1"]})
    assert decide(asked, found, vex(aliased)).yes


@pytest.mark.parametrize(
    "document",
    [
        vex(clears("CVE-2")),
        vex(clears("CVE-1", "affected")),
        vex(clears("CVE-1", "under_investigation")),
        vex(clears("CVE-1"), by=ALICE),
        vex(clears("CVE-1"), by=MALLORY),
        vex(clears("CVE-1"), digest=OTHER),
        vex(clears("CVE-1", products=[{"@id": "other.whl"}])),
        vex(clears("CVE-1", products=[{"@id": "app.whl", "hashes": {"sha-256": OTHER}}])),
        vex(clears("CVE-1", products="app.whl")),
        vex(clears("CVE-1", timestamp=ago(days=3)), clears("CVE-1", "affected", timestamp=ago(days=2))),
        vex(clears("CVE-1"), clears("CVE-1", "affected")),
        vex(clears("CVE-1", timestamp="then")),
        vex(clears("CVE-1"), time=ago(days=-1)),
        vex(clears("CVE-1", vulnerability="CVE-1")),
        vex(clears("CVE-1"), time=ago(days=31)),
    ],
)
def test_vex_that_says_something_else_clears_nothing(document: Any) -> None:
    asked = vulnerabilities(vex_anchors=["security"], vex_max_age="30d")
    assert codes(decide(asked, scan(finding("CVE-1")), document)) == ["vulnerability-found"]


@pytest.mark.parametrize(("minutes", "yes"), [(-4, True), (-6, False), (-60 * 24 * 365, False)])
def test_vex_clears_nothing_before_its_time_has_come(minutes: int, yes: bool) -> None:
    """However the time is said, and whether or not the policy limits its age."""
    asked = vulnerabilities(vex_anchors=["security"])
    found = scan(finding("CVE-1"))
    time = ago(minutes=minutes)
    assert decide(asked, found, vex(clears("CVE-1"), time=time)).yes == yes
    assert decide(asked, found, vex(clears("CVE-1", timestamp=time))).yes == yes
    assert (
        decide(asked, found, vex(clears("CVE-1", "affected", timestamp=ago(days=2)), clears("CVE-1"), time=time)).yes
        == yes
    )
    # What speaks against it needs no time that has come.
    assert not decide(asked, found, vex(clears("CVE-1"), clears("CVE-1", "affected", timestamp=time))).yes


def test_vex_clears_no_finding_without_an_id_and_none_that_only_begins_like_another() -> None:
    asked = vulnerabilities(vex_anchors=["security"], ignore=["a finding", "C" * 100])
    for name in ("", "C" * 101):
        said = vex(clears("" if not name else "CVE-2"), clears("a finding"))
        assert codes(decide(asked, scan(finding(name)), said)) == ["vulnerability-found"]


@pytest.mark.parametrize(
    ("hashes", "cleared"),
    [
        ({"sha-256": DIGEST.upper()}, True),
        ({"SHA256": DIGEST, "sha-512": OTHER * 2}, True),  # nothing is known here about the other one
        ({"sha-256": OTHER, "sha256": DIGEST}, False),
        ({"sha256": DIGEST, "sha-256": OTHER}, False),
        ({"sha-256": [DIGEST]}, False),
        ({"sha-256": None, "sha256": DIGEST}, False),
    ],
)
def test_vex_about_a_product_by_its_digests(hashes: dict[str, Any], cleared: bool) -> None:
    document = vex(clears("CVE-1", products=[{"hashes": hashes}]))
    decision = decide(vulnerabilities(vex_anchors=["security"]), scan(finding("CVE-1")), document)
    assert decision.yes is cleared


def test_vex_about_a_product_with_a_weak_digest_of_the_artifact_clears_nothing() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    artifact = Artifact("app.whl", {"sha256": DIGEST, "md5": "0" * 32})
    for name, expected in (("md5", False), ("sha-256", True)):
        said = vex(clears("CVE-1", products=[{"@id": "x", "hashes": {name: artifact.digests[name.replace("-", "")]}}]))
        assert asked.decide([scan(finding("CVE-1")), said], artifacts=[artifact], now=NOW).yes is expected


@pytest.mark.parametrize(
    ("product", "cleared"),
    [
        ({"@id": "app.whl"}, True),
        ({"@id": "x", "identifiers": {"purl": "app.whl"}}, True),
        ({"@id": "pkg:pypi/app@1"}, True),
        ({"identifiers": {"cpe23": "x", "purl": "pkg:pypi/app@1"}}, True),
        ({"@id": "app.whl", "identifiers": "x", "hashes": {}}, True),
        ({"@id": "app.whl", "hashes": "x"}, True),
        ({"identifiers": {"app.whl": "x"}}, False),
        ({"identifiers": {"purl": ["app.whl"]}}, False),
        ({"identifiers": ["app.whl"]}, False),
        ({"@id": "beside.whl"}, False),
        ({"@id": ""}, False),
        ({}, False),
        ("app.whl", False),
    ],
)
def test_vex_about_a_product_by_what_the_subject_is_called(product: Any, cleared: bool) -> None:
    subjects = (
        ResourceDescriptor("app.whl", {"sha256": DIGEST}, uri="pkg:pypi/app@1"),
        ResourceDescriptor("beside.whl", {"sha256": OTHER}),
    )
    document = {"timestamp": ago(days=1), "statements": [clears("CVE-1", products=[product])]}
    said = claim(document, BOB, kind="https://openvex.dev/ns/v0.2.0", subjects=subjects)
    decision = decide(vulnerabilities(vex_anchors=["security"]), scan(finding("CVE-1")), said)
    assert decision.yes is cleared


@pytest.mark.parametrize(
    ("part", "cleared"),
    [
        ({"identifiers": {"purl": "pkg:npm/foo@1.2"}}, True),
        ({"@id": "x", "identifiers": {"purl": "pkg:npm/foo"}}, True),
        ({"identifiers": {"purl": "pkg:npm/bar"}}, False),
        ({"identifiers": "pkg:npm/foo"}, False),
        ("pkg:npm/foo", False),
        ({}, False),
    ],
)
def test_vex_about_a_part_by_its_identifiers(part: Any, cleared: bool) -> None:
    found = scan({**finding("CVE-1"), "annotations": {"purl": "pkg:npm/foo@1.2"}})
    said = vex(clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [part]}]))
    assert decide(vulnerabilities(vex_anchors=["security"]), found, said).yes is cleared


def test_vex_about_a_part_clears_what_was_found_in_that_part_and_nothing_else() -> None:
    def of(*parts: str, status: str = "not_affected", **fields: Any) -> dict[str, Any]:
        listed = [{"@id": part} for part in parts]
        return clears("CVE-1", status, products=[{"@id": "app.whl", "subcomponents": listed}], **fields)

    asked = vulnerabilities(vex_anchors=["security"])
    nowhere = scan(finding("CVE-1"))
    here = scan({**finding("CVE-1"), "annotations": [{"name": "foo", "purl": "pkg:npm/foo@1.2?arch=any"}]})
    there = scan({**finding("CVE-1"), "annotations": [{"name": "foo-bar", "purl": "pkg:npm/foo-bar@1.2"}]})
    for part in ("pkg:npm/foo", "pkg:npm/foo@1.2", "pkg:npm/foo@1.2?arch=any", "foo"):
        assert decide(asked, here, vex(of(part, "x"))).yes
        for found in (nowhere, there):
            assert codes(decide(asked, found, vex(of(part)))) == ["vulnerability-found"]
    for part in ("pkg:npm/fo", "pkg:npm/foo@1", "", "pkg:npm/foo@1.3"):
        assert not decide(asked, here, vex(of(part))).yes
    whole = clears("CVE-1", "affected", timestamp=ago(days=3))
    assert decide(asked, here, vex(whole, of("foo"))).yes
    assert not decide(asked, there, vex(whole, of("foo"))).yes
    affected = of("pkg:npm/bar", status="affected", timestamp=ago(days=1))
    assert not decide(asked, here, vex(clears("CVE-1", timestamp=ago(days=3)), affected)).yes
    assert not decide(asked, nowhere, vex(clears("CVE-1", timestamp=ago(days=3)), affected)).yes


@pytest.mark.parametrize(("length", "cleared"), [(1024, True), (1025, False)])
def test_a_part_of_so_many_characters_may_be_named_by_its_beginning(length: int, cleared: bool) -> None:
    part = "pkg:npm/foo@".ljust(length, "1")
    found = scan({**finding("CVE-1"), "annotations": {"purl": part}})
    for said, yes in ((part, True), ("pkg:npm/foo", cleared), ("pkg:npm/foo@", False)):
        document = vex(clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [{"@id": said}]}]))
        assert decide(vulnerabilities(vex_anchors=["security"]), found, document).yes is yes


def test_many_statements_about_many_findings_are_quickly_heard() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    parts = [f"pkg:npm/p{number}@1" for number in range(3000)]
    said = [clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [{"@id": part}]}]) for part in parts]
    found = scan(*({**finding("CVE-1"), "annotations": [{"purl": part}]} for part in parts))
    document = vex(*said)
    began = time.monotonic()
    assert decide(asked, found, document).yes
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_a_severe_finding_is_found_wherever_it_stands_among_others(order: tuple[int, ...]) -> None:
    harmless = [finding("CVE-1", "low"), finding("CVE-2"), finding("CVE-3")]
    listed = [[*harmless, finding("CVE-4")][number] for number in order]
    asked = vulnerabilities(ignore=["CVE-2"], vex_anchors=["security"])
    [failure] = no(decide(asked, scan(*listed), vex(clears("CVE-3"))))
    assert (failure.code, failure.pointer) == (
        "vulnerability-found",
        f"/predicate/scanner/result/{order.index(3)}",
    )
    assert decide(asked, scan(*harmless), vex(clears("CVE-3"))).yes


def test_vex_counts_only_where_a_policy_says_whose() -> None:
    assert codes(decide(vulnerabilities(), scan(finding("CVE-1")), vex(clears("CVE-1")))) == ["vulnerability-found"]


def test_a_later_statement_of_the_same_document_replaces_an_earlier_one() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    document = vex(clears("CVE-1", "affected", timestamp=ago(days=3)), clears("CVE-1", timestamp=ago(days=2)))
    assert decide(asked, scan(finding("CVE-1")), document).yes


@pytest.mark.parametrize("products", [[{"@id": "app.whl"}], [{"@id": "app.whl", "subcomponents": [{"@id": "foo"}]}]])
@pytest.mark.parametrize("last", ["not_affected", "affected"])
def test_the_latest_statement_counts_wherever_it_stands_in_its_document(products: Any, last: str) -> None:
    found = scan({**finding("CVE-1"), "annotations": [{"name": "foo"}]})
    others = ("affected", "not_affected") if last == "not_affected" else ("not_affected", "affected")
    said = [(last, 1), (others[0], 2), (others[1], 3)]
    for order in permutations(said):
        document = vex(
            *(clears("CVE-1", status, timestamp=ago(days=days), products=products) for status, days in order)
        )
        assert decide(vulnerabilities(vex_anchors=["security"]), found, document).yes == (last == "not_affected")


CYCLONE = "https://cyclonedx.org/bom"
SPDX, SPDX3 = "https://spdx.dev/Document", "https://spdx.dev/Document/v3"


def cyclonedx(**component: Any) -> Any:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"name": "app", "purl": "pkg:pypi/app@1", **component}},
        "components": [{"name": "left-pad"}],
    }
    return claim(document, kind=CYCLONE)


def spdx(described: str = "SPDXRef-app", **package: Any) -> Any:
    document = {
        "spdxVersion": "SPDX-2.3",
        "packages": [{"SPDXID": "SPDXRef-app", "name": "app", **package}, {"SPDXID": "SPDXRef-b", "name": "left-pad"}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": described}
        ],
    }
    return claim(document, kind=SPDX)


def spdx3(root: str = "urn:app", **package: Any) -> Any:
    graph = [
        {"type": "software_Sbom", "spdxId": "urn:sbom", "rootElement": [root]},
        {"type": "software_Package", "spdxId": "urn:app", "name": "app", **package},
        {"type": "software_Package", "spdxId": "urn:b", "name": "left-pad"},
    ]
    return claim({"@context": "x", "@graph": graph}, kind=SPDX3)


SBOMS = {
    "cyclonedx": (
        cyclonedx,
        {"hashes": [{"alg": "SHA-256", "content": DIGEST.upper()}]},
        {"hashes": [{"alg": "SHA-256", "content": OTHER}]},
    ),
    "spdx": (
        spdx,
        {"checksums": [{"algorithm": "SHA256", "checksumValue": DIGEST}]},
        {"checksums": [{"algorithm": "SHA256", "checksumValue": OTHER}]},
    ),
    "spdx3": (
        spdx3,
        {"verifiedUsing": [{"algorithm": "sha256", "hashValue": DIGEST}]},
        {"verifiedUsing": [{"algorithm": "sha256", "hashValue": OTHER}]},
    ),
}


@pytest.mark.parametrize("kind", SBOMS)
def test_an_sbom_names_the_artifact_by_its_digest_or_by_a_name(kind: str) -> None:
    make, good, bad = SBOMS[kind]
    assert decide(asks("sbom", {}), make(**good)).yes
    assert codes(decide(asks("sbom", {}), make(**bad))) == ["artifact-not-named"]
    assert codes(decide(asks("sbom", {}), make())) == ["artifact-not-named"]
    assert decide(asks("sbom", {"names": ["app"]}), make()).yes
    assert codes(decide(asks("sbom", {"names": ["left-pad"]}), make())) == ["artifact-not-named"]
    assert codes(decide(asks("sbom", {"names": ["app"], "components": 2}), make())) == ["sbom-empty"]


@pytest.mark.parametrize("wrong", ["SHA-256", "SHA-512"])
@pytest.mark.parametrize("order", [1, -1])
def test_an_sbom_with_a_digest_of_the_artifact_and_one_of_another_is_a_no(wrong: str, order: int) -> None:
    """Not one of its digests that is the artifact's, but all that both have."""
    own = {"SHA-256": DIGEST, "SHA-512": sha512(CONTENT).hexdigest()}
    artifact = ",".join(f"{name.lower().replace('-', '')}:{value}" for name, value in own.items())
    made = {name: "0" * len(value) if name == wrong else value for name, value in own.items()}
    for digests, yes in ((own, True), (made, False)):
        hashes = [{"alg": name, "content": value} for name, value in digests.items()][::order]
        assert decide(asks("sbom", {}), cyclonedx(hashes=hashes), artifacts=[artifact]).yes == yes


@pytest.mark.parametrize("order", [(OTHER, DIGEST), (DIGEST, OTHER), (DIGEST, OTHER, DIGEST)])
def test_an_sbom_that_contradicts_itself_about_a_digest_is_a_no(order: tuple[str, ...]) -> None:
    hashes = [{"alg": ("SHA-256", "SHA256")[number % 2], "content": value} for number, value in enumerate(order)]
    assert codes(decide(asks("sbom", {}), cyclonedx(hashes=hashes))) == ["artifact-not-named"]
    assert decide(asks("sbom", {}), cyclonedx(hashes=[{"alg": "SHA-256", "content": DIGEST}] * 2)).yes


@pytest.mark.parametrize("kind", SBOMS)
def test_an_sbom_whose_digest_is_of_something_else_is_a_no_whatever_it_is_called(kind: str) -> None:
    make, good, bad = SBOMS[kind]
    asked = asks("sbom", {"names": ["app"]})
    assert decide(asked, make(**good)).yes
    [failure] = no(decide(asked, make(**bad)))
    assert (failure.code, "decisive" in (failure.hint or "")) == ("artifact-not-named", True)
    # Where no artifact is asked for there is nothing that the digest could be of something else than.
    assert decide(asked, make(**bad), no_artifact=True).yes


@pytest.mark.parametrize(
    ("kind", "listed", "described"),
    [
        ("cyclonedx", "/predicate/components", "/predicate/metadata/component"),
        ("spdx", "/predicate/packages", "/predicate/packages/0"),
        ("spdx3", "/predicate/@graph", "/predicate/@graph/1"),
    ],
)
def test_what_an_sbom_lacks_is_told_where_it_stands(kind: str, listed: str, described: str) -> None:
    make, _, bad = SBOMS[kind]
    for made in (make(), make(**bad)):
        failures = no(decide(asks("sbom", {"names": ["left-pad"], "components": 2}), made))
        assert [(one.code, one.pointer) for one in failures] == [
            ("sbom-empty", listed),
            ("artifact-not-named", described),
        ]
    [failure] = no(decide(asks("sbom", {"names": ["app"]}), make(**bad)))
    assert failure.pointer == described


APP_IN_SPDX = {"SPDXID": "SPDXRef-app", "name": "app"}
APP_IN_SPDX3 = {"type": "software_Package", "spdxId": "urn:app", "name": "app"}


@pytest.mark.parametrize(
    ("made", "others"),
    [
        (claim({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "app"}}}, kind=CYCLONE), 0),
        (
            claim(
                {
                    "bomFormat": "CycloneDX",
                    "metadata": {"component": {"name": "app"}},
                    "components": [1, {"name": "a"}, [], {"name": "b"}],
                },
                kind=CYCLONE,
            ),
            2,
        ),
        *(
            (claim({"documentDescribes": ["SPDXRef-app"], "packages": packages, "files": files}, kind=SPDX), others)
            for packages, files, others in (
                ([{"SPDXID": "a"}, 1, {"SPDXID": "b"}, APP_IN_SPDX], [], 2),
                ([APP_IN_SPDX, [], {"SPDXID": "a"}, {}], None, 2),
                ([{"SPDXID": "a"}], [{"SPDXID": "b"}, APP_IN_SPDX, {"SPDXID": "c"}], 3),
                (None, [APP_IN_SPDX], 0),
            )
        ),
        *(
            (
                claim(
                    {
                        "relationships": [
                            "x",
                            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DEPENDS_ON"},
                            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other},
                        ],
                        "packages": [{"SPDXID": "a"}, APP_IN_SPDX],
                    },
                    kind=SPDX,
                ),
                1,
            )
            for one, kind, other in (
                ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-app"),
                ("SPDXRef-app", "DESCRIBED_BY", "SPDXRef-DOCUMENT"),
            )
        ),
        *(
            (
                claim(
                    {
                        "@graph": [
                            1,
                            {"type": "software_File", "spdxId": "urn:a"},
                            {"type": "Person", "spdxId": "urn:p", "rootElement": ["urn:a"]},
                            {"type": "software_Package"},
                            {**APP_IN_SPDX3, "type": kind},
                            {"type": whole, "rootElement": ["urn:x", "urn:app"]},
                        ]
                    },
                    kind=SPDX3,
                ),
                2,
            )
            for whole in ("software_Sbom", "SpdxDocument", "Bom")
            for kind in ("software_Package", "software_File")
        ),
    ],
)
def test_what_an_sbom_describes_and_lists_is_found_wherever_it_stands(made: Any, others: int) -> None:
    assert decide(asks("sbom", {"names": ["app"], "components": others}), made).yes
    assert codes(decide(asks("sbom", {"names": ["app"], "components": others + 1}), made)) == ["sbom-empty"]


@pytest.mark.parametrize(
    "made",
    [
        *(cyclonedx(**{field: "pkg:it"}) for field in ("name", "purl", "bom-ref")),
        *(spdx(**{field: "pkg:it"}) for field in ("name", "fileName")),
        spdx(externalRefs=[1, {"referenceType": "cpe23Type"}, {"referenceType": "purl", "referenceLocator": "pkg:it"}]),
        *(spdx3(**{field: "pkg:it"}) for field in ("name", "software_packageUrl")),
    ],
)
def test_an_sbom_has_several_names_for_what_it_describes(made: Any) -> None:
    assert decide(asks("sbom", {"names": ["nothing", "pkg:*"]}), made).yes
    assert codes(decide(asks("sbom", {"names": ["nothing"]}), made)) == ["artifact-not-named"]


@pytest.mark.parametrize(
    ("one", "kind", "other"),
    [
        ("SPDXRef-DOCUMENT", "CONTAINS", "SPDXRef-app"),
        ("SPDXRef-DOCUMENT", "DESCRIBED_BY", "SPDXRef-app"),
        ("SPDXRef-app", "DESCRIBES", "SPDXRef-DOCUMENT"),
        ("SPDXRef-a", "DESCRIBES", "SPDXRef-app"),
        ("SPDXRef-app", "DESCRIBED_BY", "SPDXRef-a"),
    ],
)
def test_another_relationship_does_not_say_what_an_sbom_describes(one: str, kind: str, other: str) -> None:
    relationship = {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
    made = claim({"relationships": [relationship], "packages": [{"SPDXID": "a"}, APP_IN_SPDX]}, kind=SPDX)
    assert codes(decide(asks("sbom", {"names": ["app"]}), made)) == ["artifact-not-named"]


@pytest.mark.parametrize("made", [spdx("SPDXRef-b"), spdx3("urn:b"), claim({"bomFormat": "CycloneDX"}, kind=CYCLONE)])
def test_an_sbom_of_something_else_is_a_no(made: Any) -> None:
    assert "artifact-not-named" in codes(decide(asks("sbom", {"names": ["app"]}), made))


@pytest.mark.parametrize(
    "predicate",
    [{}, {"bomFormat": 1, "metadata": 2, "components": 3}, {"@graph": {}}, {"packages": [1], "relationships": "x"}],
)
def test_nonsense_that_is_no_sbom_is_a_no(predicate: dict[str, Any]) -> None:
    assert codes(decide(asks("sbom", {}), claim(predicate, kind=SPDX))) == ["sbom-empty", "artifact-not-named"]


# The fields that rules look at.
KNOWN = (
    *("scanner", "result", "db", "lastUpdate", "metadata", "scanFinishedOn", "severity", "score", "method", "id"),
    *("statements", "timestamp", "vulnerability", "aliases", "name", "status", "products", "hashes", "identifiers"),
    *("materials", "digest", "sha256", "uri", "bomFormat", "component", "components", "@graph", "type", "rootElement"),
    *(
        "spdxId",
        "packages",
        "SPDXID",
        "relationships",
        "documentDescribes",
        "externalRefs",
        "checksums",
        "verifiedUsing",
    ),
    *("runDetails", "builder", "buildDefinition", "buildType", "externalParameters", "source", "repository", "ref"),
    *("passedTests", "failedTests", "invocation", "configSource", "finishedOn"),
)
SOURCE, OBJECT, JUNK = ("aa" * 32, "bb" * 32, "cc" * 32)


def chain(*steps: Any, anchors: tuple[str, ...] = ("ci",)) -> Policy:
    names = [{"name": step} if isinstance(step, str) else step for step in steps]
    return policy({"anchors": list(anchors), "rules": {"step-chain": {"steps": names}}})


BUILD = link("build", {"a.c": SOURCE}, {"a.o": OBJECT})
PACKAGE = link("package", {"a.o": OBJECT}, {"app.whl": DIGEST})


def test_the_products_of_one_step_are_the_materials_of_the_next() -> None:
    assert decide(chain("build", "package"), BUILD, PACKAGE).yes
    fetch = link("fetch", {}, {"a.c": SOURCE})
    assert decide(chain("fetch", "build", "package"), PACKAGE, BUILD, fetch).yes


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ((PACKAGE,), ["step-missing"]),
        ((BUILD,), ["evidence-missing"]),
        ((BUILD, link("package", {"a.o": JUNK}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("package", {"a.o": OBJECT, "b": JUNK}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("package", {}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("pack", {"a.o": OBJECT}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((link("build", {}, {"a.o": OBJECT}, by=MALLORY), PACKAGE), ["step-missing"]),
        ((link("build", {}, {"a.o": JUNK}), link("build", {}, {"b.o": JUNK}), PACKAGE), ["step-mismatch"]),
    ],
)
def test_steps_that_do_not_follow_each_other_are_a_no(links: tuple[Any, ...], expected: list[str]) -> None:
    assert codes(decide(chain("build", "package"), *links)) == expected


def test_the_last_step_by_somebody_else_is_a_no_that_names_who_may_do_it() -> None:
    stranger = link("package", {"a.o": OBJECT}, {"app.whl": DIGEST}, by=MALLORY)
    for steps in (("build", "package"), ("build", {"name": "package", "anchors": ["ci"]})):
        failures = no(decide(chain(*steps), BUILD, stranger))
        assert [failure.code for failure in failures] == ["anchor-not-accepted", "step-mismatch"]
        assert failures[1].hint == "Have the link signed for anchor 'ci'."


def test_what_two_builds_made_is_not_what_one_made() -> None:
    one, two = link("build", {}, {"a.o": OBJECT}), link("build", {}, {"b.o": JUNK})
    both = link("package", {"a.o": OBJECT, "b.o": JUNK}, {"app.whl": DIGEST})
    assert codes(decide(chain("build", "package"), one, two, both)) == ["step-mismatch"]


def test_a_chain_is_followed_through_its_middle() -> None:
    stray = link("fetch", {}, {"x.c": JUNK})
    failures = no(decide(chain("fetch", "build", "package"), stray, BUILD, PACKAGE))
    assert [failure.code for failure in failures] == ["step-mismatch"]
    assert "'fetch'" in failures[0].message


def test_who_does_a_step_is_said_for_each() -> None:
    by_bob = link("build", {}, {"a.o": OBJECT}, by=BOB)
    asked = chain({"name": "build", "anchors": ["security"]}, "package")
    assert decide(asked, by_bob, PACKAGE).yes
    assert codes(decide(asked, BUILD, PACKAGE)) == ["step-missing"]
    last = chain("build", {"name": "package", "anchors": ["security"]})
    assert codes(decide(last, BUILD, PACKAGE)) == ["step-mismatch"]


def test_only_the_materials_that_are_named_must_be_products() -> None:
    extra = link("package", {"dist/a.o": OBJECT, "tools/x": JUNK}, {"app.whl": DIGEST})
    assert decide(chain("build", {"name": "package", "materials": ["dist/**"]}), BUILD, extra).yes
    assert not decide(chain("build", {"name": "package", "materials": ["tools/**"]}), BUILD, extra).yes
    assert not decide(chain("build", {"name": "package", "materials": ["none/**"]}), BUILD, extra).yes


def test_a_material_may_have_a_uri_in_place_of_a_name() -> None:
    step = {"name": "package", "materials": ["dist/**"]}
    for digest, yes in ((OBJECT, True), (JUNK, False)):
        for names in ({"uri": "dist/b.o"}, {"name": "dist/b.o", "uri": "tools/b.o"}):
            materials = [{"name": "dist/a.o", "digest": {"sha256": OBJECT}}, {**names, "digest": {"sha256": digest}}]
            made = claim({"name": "package", "materials": materials}, kind="https://in-toto.io/attestation/link/v0.3")
            assert decide(chain("build", step), BUILD, made).yes == yes


def test_a_material_whose_name_climbs_is_asked_about_all_the_same() -> None:
    both = link("package", {"a.o": OBJECT, "dist/../b.o": JUNK}, {"app.whl": DIGEST})
    assert codes(decide(chain("build", "package"), BUILD, both)) == ["step-mismatch"]
    named = {"name": "package", "materials": ["*.o", "dist/**"]}
    assert codes(decide(chain("build", named), BUILD, both)) == ["step-mismatch"]


def test_a_product_that_differs_in_another_digest_is_another_one() -> None:
    product = ResourceDescriptor("a.o", {"sha256": OBJECT, "sha512": "dd" * 64})
    build = claim({"name": "build"}, kind="https://in-toto.io/attestation/link/v0.3", subjects=(product,))
    material = {"name": "a.o", "digest": {"sha256": OBJECT, "sha512": "ee" * 64}}
    made = claim({"name": "package", "materials": [material]}, kind="https://in-toto.io/attestation/link/v0.3")
    assert codes(decide(chain("build", "package"), build, made)) == ["step-mismatch"]


@pytest.mark.parametrize(
    ("asked", "made", "places"),
    [
        (asks("tests-passed", {}), [result_of(result="FAILED")], ["/predicate/result"]),
        (asks("tests-passed", {}), [result_of(result="PASSED", failedTests=["a"])], ["/predicate/failedTests"]),
        (asks("tests-passed", {"tests": ["a"]}), [result_of(result="PASSED")], ["/predicate/passedTests"]),
        (
            asks("tests-passed", {}),
            [result_of(result="PASSED", passedTests=["a"], warnedTests=["a"])],
            ["/predicate/warnedTests"],
        ),
        (
            asks("slsa-build", {"level": 1, "builders": ["x"], "build_types": ["x"]}),
            [provenance()],
            ["/predicate/runDetails/builder/id", "/predicate/buildDefinition/buildType"],
        ),
        (
            asks("slsa-build", {"level": 1, "builders": ["x"], "build_types": ["x"]}),
            [claim({}, kind=V02)],
            ["/predicate/builder/id", "/predicate/buildType"],
        ),
        (
            asks("slsa-source", {"repository": ["x"], "tag": ["x"]}),
            [provenance()],
            ["/predicate/buildDefinition/externalParameters/source"] * 2,
        ),
        (
            asks("slsa-source", {"repository": ["x"], "tag": ["x"]}),
            [provenance(source={"uri": f"{REPOSITORY}@refs/tags/v1"})],
            ["/predicate/buildDefinition/externalParameters/source/uri"] * 2,
        ),
        (
            asks("slsa-source", {"repository": ["x"], "ref": ["x"]}),
            [provenance(source={"repository": REPOSITORY, "ref": "y"})],
            [f"/predicate/buildDefinition/externalParameters/source/{name}" for name in ("repository", "ref")],
        ),
        (
            asks("slsa-source", {"repository": ["x"]}),
            [provenance(source=1)],
            ["/predicate/buildDefinition/externalParameters/source"],
        ),
        (
            asks("slsa-source", {"repository": ["x"]}),
            [provenance(source=None)],
            ["/predicate/buildDefinition/externalParameters"],
        ),
        (
            asks("slsa-source", {"repository": ["x"], "at": "/a~1b"}),
            [claim({}, kind=V02)],
            ["/predicate/a~1b"],
        ),
        (
            asks("slsa-source", {"repository": ["**"]}),
            [claim({"invocation": {"configSource": {"uri": "x", "repository": "y"}}}, kind=V02)],
            ["/predicate/invocation/configSource/uri"],
        ),
        (
            vulnerabilities(max_database_age="1d"),
            [scan(finding("A", "low"), finding("B"), {"id": "C"}, database=ago(days=2))],
            ["/predicate/scanner/db/lastUpdate", "/predicate/scanner/result/1", "/predicate/scanner/result/2"],
        ),
        (
            vulnerabilities(),
            [scan(*(finding(f"CVE-{number}") for number in range(40)))],
            [*(f"/predicate/scanner/result/{number}" for number in range(32)), "/predicate/scanner/result"],
        ),
        (vulnerabilities(), [scan(finished=ago(days=30))], ["/predicate/metadata/scanFinishedOn"]),
        (chain("build", "package"), [BUILD, link("other", {}, {"app.whl": DIGEST})], ["/predicate/name"]),
        (chain("build", "package"), [PACKAGE], [None]),
        (chain("build", "package"), [BUILD, link("package", {}, {"app.whl": DIGEST})], ["/predicate/materials"]),
        (
            chain("build", "package"),
            [BUILD, link("package", {"a.o": OBJECT, "b": JUNK, "c": JUNK}, {"app.whl": DIGEST})],
            ["/predicate/materials/1", "/predicate/materials/2"],
        ),
    ],
)
def test_what_a_rule_does_not_find_is_told_where_it_looked(asked: Policy, made: list[Any], places: list[Any]) -> None:
    assert [failure.pointer for failure in no(decide(asked, *made))] == places


# Whatever a predicate holds.

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "build", DIGEST, ago(days=1), "9.8"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KNOWN), inner, max_size=4)),
    max_leaves=12,
)


@given(st.sampled_from(rules.names()), st.dictionaries(st.sampled_from(KNOWN), values, max_size=8), st.data())
@settings(deadline=None, max_examples=400)
def test_no_predicate_of_anyone_makes_a_rule_fail_instead_of_answering(
    name: str, predicate: dict[str, Any], data: st.DataObject
) -> None:
    rule = rules.named(name)
    assert rule is not None
    entry = {"anchors": ["ci"], "rules": {name: tomllib.loads(rule.example)}}
    entry |= {"max_age": "7d"} if "max_age" in rule.needs else {}
    asked = Policy.from_document({"parameters": {"tag": {"default": "v1"}}, "require": [entry]})
    kinds = [uri for short in (*rule.types, "openvex") for uri in OURS.uris(short)]
    made = [
        claim(predicate, data.draw(st.sampled_from([ALICE, BOB])), kind=data.draw(st.sampled_from(kinds)))
        for _ in range(2)
    ]
    decide(asked, *made)
