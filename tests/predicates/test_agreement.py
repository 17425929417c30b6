"""Two validators that share no code agree on every predicate: jsonschema-rs decides, and jsonschema explains."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import schema
from attest.schema import MAX_FAULTS, Schema
from attest.schema.compiled import _format_checker
from tests.support.examples import examples
from tests.verifying.test_properties import JSON, places

DOCUMENTS = schema.predicate_documents()
# Values that are nearly what a specification asks for, as no generator of arbitrary JSON would find them.
NEARLY: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "",
        [],
        {},
        0,
        1,
        -1,
        1.0,
        1e300,
        True,
        "PASSED",
        "passed",
        "FAILED",
        "SLSA_BUILD_LEVEL_3",
        "SLSA_SOURCE_LEVEL_2",
        "https://example.com/a",
        "HTTPS://example.com/a",
        "https://Example.com/a",
        "https://example.com/a b",
        "urn:a",
        "file:///a",
        "pkg:npm/a@1",
        "pkg:npm/a",
        "no scheme",
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31t12:00:00.5Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31",
        {"uri": "https://example.com/a"},
        {"digest": {"sha256": "00"}},
        {"digest": {}},
        {"name": "a"},
        {"content": "aGk="},
        {"name": "a", "digest": {"gitCommit": "0" * 40}, "annotations": {"a": None}},
        [{"uri": "https://example.com/a"}, {"name": "a"}],
        ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"],
        ["a", "a"],
        [1],
    ]
).map(copy.deepcopy)


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A document with up to four values replaced, taken away, added, or moved from elsewhere in it."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 4))):
        found = list(places(changed))
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        target = changed
        for step in way:
            target = target[step]
        match draw(st.sampled_from(["replace", "remove", "add", "swap"])):
            case "replace":
                target[last] = draw(NEARLY | JSON)
            case "remove":
                del target[last]
            case "swap":
                *other, tail = draw(st.sampled_from(found))
                source = changed
                for step in other:
                    source = source[step]
                target[last] = copy.deepcopy(source[tail])
            case _ if isinstance(target, dict):
                target[draw(st.sampled_from(["uri", "digest", "name", "content", "id", "x-more"]))] = draw(NEARLY)
            case _:
                target.append(draw(NEARLY))
    return changed


def ends_a_line(document: Any) -> bool:
    """Whether some text in it ends with a line feed, which Python's `$` stands before as well."""
    return '\\n"' in json.dumps(document)


@cache
def validators(name: str) -> tuple[Schema, jsonschema.Draft202012Validator]:
    """What decides by a schema, and what explains the decision."""
    explaining = jsonschema.Draft202012Validator(DOCUMENTS[name], format_checker=_format_checker())
    return Schema(DOCUMENTS[name]), explaining


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
@examples(200)
def test_both_validators_agree(name: str, data: st.DataObject) -> None:
    document = data.draw(mutated(data.draw(st.sampled_from(DOCUMENTS[name]["examples"]))))
    deciding, explaining = validators(name)
    accepted = deciding.accepts(document)
    if not ends_a_line(document):
        assert explaining.is_valid(document) is accepted
    faults = deciding.faults(document)
    assert bool(faults) is not accepted
    assert len(faults) <= MAX_FAULTS
    if faults:
        assert deciding.explain(document) in faults or len(faults) > 1
        assert all(fault.pointer and fault.rule and "\n" not in fault.message for fault in faults)


def test_a_line_feed_behind_a_value_is_the_one_difference_and_refused() -> None:
    document = {**DOCUMENTS["vsa"]["examples"][0], "slsaVersion": "1.0\n"}
    assert jsonschema.Draft202012Validator(DOCUMENTS["vsa"]).is_valid(document)
    deciding = Schema(DOCUMENTS["vsa"])
    assert not deciding.accepts(document)
    assert [fault.pointer for fault in deciding.faults(document)] == ["/slsaVersion"]


@pytest.mark.parametrize(
    ("name", "place", "value", "says"),
    [
        ("slsa-provenance", "runDetails", {"builder": {}}, "/runDetails/builder: 'id' is a required property"),
        (
            "slsa-provenance",
            "buildDefinition",
            {"buildType": "Example", "externalParameters": {"a": 1}},
            "/buildDefinition/buildType: 'Example' breaks the rule format: TypeURI: a URI as in RFC 3986, "
            "case sensitive, whose scheme and authority MUST be in lowercase",
        ),
        ("test-result", "result", "SKIPPED", "/result: 'SKIPPED' is not one of ['PASSED', 'WARNED', 'FAILED']"),
        ("link", "command", "make", "/command: 'make' is not of type 'array'"),
        ("release", "purl", "pkg:npm/a", "/purl: 'pkg:npm/a' breaks the rule pattern: A purl with a version"),
        ("scai", "attributes", [], "/attributes: [] should be non-empty"),
        (
            "svr",
            "timeCreated",
            "today",
            """/timeCreated: 'today' breaks the rule format: Timestamp: RFC 3339 in the UTC timezone ("Z")""",
        ),
        (
            "vsa",
            "verifiedLevels",
            ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"],
            "/verifiedLevels: ['SLSA_BUILD_LEVEL_3', 'SLSA_BUILD_LEVEL_2'] breaks the rule maxContains: "
            "At most one level of the build track",
        ),
    ],
)
def test_a_fault_names_the_pointer_the_rule_and_the_value(name: str, place: str, value: Any, says: str) -> None:
    [fault] = Schema(DOCUMENTS[name]).faults({**DOCUMENTS[name]["examples"][0], place: value})
    assert str(fault) == says


def test_all_faults_are_named_and_at_most_a_hundred() -> None:
    deciding = Schema(DOCUMENTS["link"])
    faults = deciding.faults({"command": 1, "materials": [{"name": "a"}], "environment": []})
    assert {fault.pointer for fault in faults} == {"/", "/command", "/materials/0", "/environment"}
    assert len(deciding.faults({"name": "a", "command": [1] * 1000})) == MAX_FAULTS
