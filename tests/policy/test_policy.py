"""Policies as files: what one may hold, what is refused, and what a schema or an expression of a user may cost."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, Policy
from attest._base.json import dumps, loads
from tests.support.making.policies import CLAIM, claim, codes, decide, no, policy
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest.policy import Decision

TOML = """
[parameters.tag]

[[require]]
anchors = ["ci"]
[require.rules.slsa-source]
repository = ["https://example.com/app"]
tag = ["${tag}"]
"""


def requires(**fields: Any) -> dict[str, Any]:
    return {"require": [{"type": CLAIM, **fields}]}


def refuse(document: dict[str, Any], where: str | None = None, code: str = "policy-invalid") -> InputError:
    with refused(InputError, code, where) as caught:
        Policy.from_document(document)
    assert isinstance(caught.value, InputError)
    return caught.value


def test_toml_and_json_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(TOML)
    made = Policy.load(tmp_path / "policy.toml")
    (tmp_path / "policy.json").write_bytes(dumps(made.document))
    again = Policy.load(tmp_path / "policy.json")
    assert made.document == again.document
    assert made.raw == TOML.encode()
    assert len({made.sha256, again.sha256}) == 2


def test_what_the_schema_shows_is_a_policy() -> None:
    schema = loads((Path(__file__).parents[2] / "schemas" / "policy.json").read_bytes(), what="the schema")
    for example in schema["examples"]:
        assert Policy.from_document(example).requirements


@pytest.mark.parametrize(
    ("document", "where", "hint"),
    [
        ({"requires": []}, "/requires", "require"),
        (requires(max_agee="1d"), "/require/0/max_agee", "max_age"),
        (requires(anchor=["ci"]), "/require/0/anchor", "anchors"),
        (requires(rules={"sbomm": {}}), "/require/0/rules/sbomm", "sbom"),
        ({"parameters": {"a": {"defualt": "x"}}}, "/parameters/a/defualt", "default"),
        ({"vsa": {"verifier": ["x"]}}, "/vsa/verifier", "verifiers"),
        (
            {"require": [{"type": "test-result", "rules": {"tests-passed": {"test": ["x"]}}}]},
            "/require/0/rules/tests-passed/test",
            "tests",
        ),
        (
            {
                "require": [
                    {"anchors": ["ci"], "rules": {"step-chain": {"steps": [{"nam": "a"}, {"name": "b"}]}}},
                ]
            },
            "/require/0/rules/step-chain/steps/0/nam",
            "name",
        ),
    ],
)
def test_a_typo_in_a_key_is_told_with_what_was_meant(document: dict[str, Any], where: str, hint: str) -> None:
    assert refuse(document, where).hint == f"Did you mean {hint!r}?"


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"require": [{}]}, "/require/0"),
        ({"require": [{"anchors": ["ci"]}]}, "/require/0"),
        ({"require": {}}, "/require"),
        (requires(anchors=[]), "/require/0/anchors"),
        (requires(threshold=0), "/require/0/threshold"),
        (requires(subjects="some"), "/require/0/subjects"),
        (requires(max_age="1 day", time="/t"), "/require/0/max_age"),
        (requires(max_age="0d", time="/t"), "/require/0/max_age"),
        (requires(max_age="1d"), "/require/0/max_age"),
        (requires(time="/t"), "/require/0/time"),
        (requires(cel=[]), "/require/0/cel"),
        (requires(rules={}), "/require/0/rules"),
        ({"require": [{"type": []}]}, "/require/0/type"),
        ({"require": [{"id": "a", "type": CLAIM}, {"id": "a", "type": CLAIM}]}, "/require/1/id"),
        ({"require": [{"type": CLAIM, "rules": {"tests-passed": {}}}]}, "/require/0/type"),
        (
            {"require": [{"type": "vulns", "anchors": ["ci"], "rules": {"vulnerabilities": {"severity": "low"}}}]},
            "/require/0",
        ),
        ({"require": [{"rules": {"slsa-build": {"level": 1, "builders": ["x"]}}}]}, "/require/0"),
        (
            {"require": [{"anchors": ["ci"], "rules": {"slsa-build": {"level": 4, "builders": ["x"]}}}]},
            "/require/0/rules/slsa-build/level",
        ),
        ({"require": [{"anchors": ["ci"], "rules": {"slsa-build": {"level": 1}}}]}, "/require/0/rules/slsa-build"),
        ({"vsa": {"verifiers": ["x"], "anchors": ["v"], "resources": ["r"]}}, "/vsa"),
        ({"mediaType": "application/json"}, "/mediaType"),
        ({"require": [{"type": CLAIM}] * 65}, "/require"),
    ],
)
def test_what_breaks_the_schema_or_makes_no_sense_is_refused(document: dict[str, Any], where: str) -> None:
    refuse(document, where)


def test_a_requirement_without_a_type_is_told_what_it_needs() -> None:
    said = refuse({"require": [{"anchors": ["ci"]}]}).message
    assert said.endswith("A requirement needs a `type`, or `rules` that have a type")


def test_a_short_name_that_nobody_knows_is_refused() -> None:
    assert "slsa-provenance" in (
        refuse({"require": [{"type": "slsa-provenanse"}]}, code="predicate-type-unknown").hint or ""
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),
        (b"[[require]\n", "policy-invalid"),
        (b"\xff", "policy-invalid"),
        (b"a = " + b"[" * 9999, "policy-invalid"),
        (b"a = " + b"[" * 100 + b"]" * 100, "json-too-deep"),
        (b"description = 2026-01-01", "policy-invalid"),
        (b"description = nan", "policy-invalid"),
        (b"n = " + b"9" * 5000, "policy-invalid"),
        (b"n = 0x" + b"f" * 5000, "policy-invalid"),
        (b"a" + b".a" * 64 + b" = 1", "policy-invalid"),
        (b'{"require": [], "require": []}', "json-invalid"),
        (b"{", "json-invalid"),
        (b"\x00", "policy-invalid"),
    ],
)
def test_bytes_that_are_no_policy_are_refused(data: bytes, code: str | None, tmp_path: Path) -> None:
    if code is None:
        assert not Policy.from_bytes(data).requirements
        return
    with refused(InputError, code):
        Policy.from_bytes(data)
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(InputError, match="p: "):
        Policy.load(tmp_path / "p")


def test_the_file_of_a_policy_has_4_mib_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(b"{}".ljust(4 << 20))
    assert not Policy.load(path).requirements
    path.write_bytes(b"{}".ljust((4 << 20) + 1))
    with refused(InputError, "file-too-large", str(path)):
        Policy.load(path)


def test_a_policy_that_requires_nothing_is_a_no() -> None:
    documents: list[dict[str, Any]] = [{}, {"require": []}]
    for document in documents:
        decision = decide(Policy.from_document(document), claim())
        assert not decision.yes
        assert "can never be met" in decision.summary


def test_a_value_takes_the_place_of_a_parameter_and_only_once() -> None:
    made = Policy.from_bytes(TOML.encode())
    assert made.missing == ("tag",)
    with refused(InputError, "parameter-missing"):
        decide(made, claim())
    bound = made.bind({"tag": "${tag}"})
    assert bound.requirements[0].rules[0][2]["tag"] == ["${tag}"]
    assert (bound.sha256, bound.missing) == (made.sha256, ())


@pytest.mark.parametrize("value", ["", "*", "v?", "a\nb", "x" * 1025])
def test_a_value_that_would_widen_or_hide_something_is_refused(value: str) -> None:
    with refused(InputError, "parameter-invalid"):
        Policy.from_bytes(TOML.encode(), {"tag": value})


def test_a_value_for_a_parameter_that_is_not_there_is_refused() -> None:
    with refused(InputError, "parameter-unknown") as caught:
        Policy.from_bytes(TOML.encode(), {"tga": "x"})
    assert caught.value.hint == "Did you mean 'tag'?"
    text = TOML.replace("${tag}", "${tgg}")
    with refused(InputError, "policy-invalid", "/require/0/rules/slsa-source/tag/0") as caught:
        Policy.from_bytes(text.encode())
    assert caught.value.hint == "Did you mean 'tag'?"
    with refused(InputError, "policy-invalid"):
        Policy.from_bytes(TOML.replace("${tag}", "${tag").encode())


# A schema of the user's own.


def by_schema(schema: dict[str, Any], predicate: dict[str, Any]) -> Decision:
    return decide(policy({"type": CLAIM, "schema": schema}), claim(predicate))


def test_a_schema_says_what_the_predicate_must_look_like() -> None:
    schema = {
        "$defs": {"Level": {"enum": ["low", "high"]}},
        "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/Level"}},
        "required": ["a", "b"],
    }
    assert by_schema(schema, {"a": 1, "b": "low"}).yes
    failures = no(by_schema(schema, {"a": "1", "b": "middle"}))
    assert {(failure.code, failure.pointer) for failure in failures} == {
        ("schema-mismatch", "/predicate/a"),
        ("schema-mismatch", "/predicate/b"),
    }


def test_of_many_faults_the_first_few_are_told() -> None:
    schema = {"additionalProperties": {"type": "integer"}}
    assert len(no(by_schema(schema, {str(number): "x" for number in range(100)}))) == 8


LOOPS: list[dict[str, Any]] = [
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}]},
    {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
    {"properties": {"child": {"$ref": "#"}}},
    {"not": {"anyOf": [{"items": {"$ref": "#"}}]}},
]


@pytest.mark.parametrize("schema", LOOPS)
def test_a_schema_that_loops_is_refused(schema: dict[str, Any]) -> None:
    assert "leads to itself" in refuse(requires(schema=schema)).message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json"},
        {"$ref": "#/$defs/none"},
        {"$ref": 7},
        {"$ref": "#/%24defs/a", "$defs": {"a": {}}},
        {"$id": "https://example.com/x", "$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"$dynamicRef": "#a"},
        {"$defs": {"a": {"$anchor": "x"}}, "$ref": "#/$defs/a"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"type": "strng"},
        {"pattern": "(?=a)"},
        {"pattern": "("},
        {"properties": {"a": {"enum": 1}}},
    ],
)
def test_a_schema_that_reaches_out_or_is_none_is_refused(schema: dict[str, Any]) -> None:
    refused_at = refuse(requires(schema=schema)).where
    assert (refused_at or "").startswith("/require/0/schema")


def test_a_schema_that_grows_when_it_is_written_out_is_refused() -> None:
    definitions = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(20)} | {"d20": {}}
    began = time.process_time()
    assert "with every $ref replaced" in refuse(requires(schema={"$defs": definitions, "$ref": "#/$defs/d0"})).message
    assert time.process_time() - began < 1


def test_a_pattern_takes_linear_time() -> None:
    began = time.process_time()
    failures = no(by_schema({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 5000 + "!"}))
    assert [failure.code for failure in failures] == ["schema-mismatch"]
    assert time.process_time() - began < 2


def test_a_schema_is_nested_only_so_deep() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"not": schema}
    refuse(requires(schema=schema))


# CEL.


def by_cel(*expressions: str, predicate: dict[str, Any] | None = None, **fields: Any) -> Decision:
    return decide(policy({"type": CLAIM, "cel": list(expressions)}, **fields), claim(predicate or {"a": 1, "b": "x"}))


@pytest.mark.parametrize(
    "expression",
    [
        "predicate.a == 1",
        "predicate.b in ['x', 'y'] && !has(predicate.c)",
        "predicateType == 'https://example.com/review/v1'",
        "subjects.exists(s, s.digest.sha256 == artifacts[0].digest.sha256)",
        "now > timestamp('2026-01-01T00:00:00Z') && now - timestamp('2026-05-31T12:00:00Z') <= duration('24h')",
        "params.x == 'y'",
        "predicate.c == 1 || true",
    ],
)
def test_an_expression_that_is_true_is_a_yes(expression: str) -> None:
    assert by_cel(expression, parameters={"x": {"default": "y"}}).yes


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("predicate.a == 2", "cel-false"),
        ("false", "cel-false"),
        ("predicate.c", "cel-failed"),
        ("predicate.a", "cel-failed"),
        ("predicate.b", "cel-failed"),
        ("1 / (predicate.a - 1) == 1", "cel-failed"),
        ("predicate.c == 1", "cel-failed"),
        ("params.x == 'y'", "cel-failed"),
    ],
)
def test_an_expression_that_is_not_true_is_a_no(expression: str, code: str) -> None:
    assert codes(by_cel("true", expression)) == [code]


def test_every_expression_that_is_not_true_is_told() -> None:
    assert codes(by_cel("false", "predicate.a == 1", "predicate.a == 2")) == ["cel-false", "cel-false"]


@pytest.mark.parametrize(
    "text", ["1 +", "predicat.a == 1", "nothing(1)", "'true'", "1", "[true]", "(" * 100 + "true" + ")" * 100]
)
def test_what_is_no_condition_is_no_policy(text: str) -> None:
    refuse(requires(cel=["true", text]), "/require/0/cel/1")


@pytest.mark.parametrize(
    "expression",
    [
        "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, predicate.l.all(d, a + b + c + d >= 0))))",
        # A few iterations that each make a string of megabytes.
        f"predicate.l.map(a, {' + '.join(['predicate.s'] * 25)}).size() > 0",
    ],
)
def test_an_expression_that_would_run_forever_ends(expression: str) -> None:
    predicate = {"l": list(range(200)), "s": "s" * 200_000}
    assert codes(by_cel(expression, predicate=predicate)) == ["cel-failed"]


def test_a_number_that_cel_has_no_room_for_is_not_true() -> None:
    assert codes(by_cel("predicate.a > 0", predicate={"a": 2**70})) == ["cel-failed"]


def test_without_the_library_there_is_no_policy_with_cel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)  # as if it were not installed
    refuse(requires(cel=["true"]), code="library-missing")
    assert Policy.from_document(requires()).requirements
