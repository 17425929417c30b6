"""What holds of every ready-made rule: it is documented, says where it looked, and answers whatever it reads."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Policy
from attest.policy import rules
from attest.schema.predicate_types import OURS
from tests.support.examples import examples
from tests.support.making.keys import ALICE, BOB
from tests.support.making.policies import (
    JUNK,
    OBJECT,
    REPOSITORY,
    SOURCE,
    V02,
    ago,
    asks,
    chain,
    claim,
    decide,
    finding,
    link,
    no,
    provenance,
    result_of,
    scan,
    vulnerabilities,
)
from tests.support.making.statements import DIGEST


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


BUILD = link("build", {"a.c": SOURCE}, {"a.o": OBJECT})
PACKAGE = link("package", {"a.o": OBJECT}, {"app.whl": DIGEST})

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
@examples(400)
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
