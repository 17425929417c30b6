"""What the schema of a policy leaves open, and what a policy can never get, found before anything is decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attest import InputError, Policy, TrustBundle
from attest.policy._lint import check
from tests.support.cli.calls import call
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import MemorySigner

TYPE = "https://example.com/review/v1"


def policy(schema: dict[str, Any] | None = None, **more: Any) -> Policy:
    entry = {"id": "a", "type": TYPE, **more, **({} if schema is None else {"schema": schema})}
    return Policy.from_document({"require": [entry]})


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({}, ""),
        ({"requird": ["x"]}, "/requird"),
        ({"properties": {"x": {"patern": "y"}}}, "/properties/x/patern"),
        ({"items": {"additionalItems": False}}, "/items/additionalItems"),
        ({"allOf": [{"$defs": {"x": {"minimun": 1}}}]}, "/allOf/0/$defs/x/minimun"),
        ({"dependentSchemas": {"x": {"extends": {}}}}, "/dependentSchemas/x/extends"),
        ({"then": {"required": ["x"]}}, "/then"),
        ({"type": "object", "minContains": 2}, "/minContains"),
        ({"properties": {"x": {"format": "date-tiem"}}}, "/"),
    ],
)
def test_a_schema_with_something_that_has_no_effect_is_refused(schema: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        policy(schema)
    assert (caught.value.code, caught.value.where) == ("policy-invalid", f"/require/0/schema{where}")


@pytest.mark.parametrize(
    "schema",
    [
        {"required": ["requird"], "properties": {"requird": {"const": {"patern": 1}}}},
        {"enum": [{"patern": 1}], "x-why": "a remark", "$comment": "another one", "title": "t"},
        {"if": {"required": ["x"]}, "then": {"required": ["y"]}, "else": False},
        {"definitions": {"n": {"minimum": 1}}, "additionalProperties": {"$ref": "#/definitions/n"}},
    ],
)
def test_what_json_schema_knows_is_accepted(schema: dict[str, Any]) -> None:
    assert policy(schema).requirements[0].schema is not None


def test_fields_that_a_predicate_may_leave_out_are_named() -> None:
    schema = {
        "required": ["b"],
        "properties": {"a": {"const": 1}, "b": {"properties": {"c": {"const": 1}}}, "d": {"const": 1}, "e": True},
        "allOf": [{"required": ["d"]}, {"properties": {"f": {"const": 1}}}],
    }
    places = ["/properties/a", "/properties/b/properties/c", "/allOf/1/properties/f"]
    found = check(policy(schema))
    assert [(one.code, one.where) for one in found] == [
        ("schema-optional", f"/require/0/schema{place}") for place in places
    ]


def trust() -> TrustBundle:
    signers = [MemorySigner("ed25519", number) for number in range(6)]
    anchors = {
        "all": anchor(*signers[:2]),
        "other": anchor(*signers[2:4]),
        "tests": anchor(*signers[4:], predicate_types=["https://example.com/test/v1"]),
    }
    return bundle(anchors)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, None),
        ({"threshold": 4}, None),
        ({"threshold": 5}, "the anchors can give 4 keys of 5"),
        ({"anchors": ["all"], "signers": 3}, "anchor 'all' can give 2 keys of 3"),
        ({"anchors": ["tests"]}, f"anchor 'tests' may not sign {TYPE}"),
        ({"anchors": ["tests", "all"]}, None),
    ],
)
def test_a_requirement_that_can_never_be_met_is_found(more: dict[str, Any], message: str | None) -> None:
    found = check(policy(**more), trust())
    expected = [] if message is None else [("requirement-unreachable", f"it can never be met: {message}")]
    assert [(one.code, one.message) for one in found] == expected


def test_policy_check_warns_and_stays_exit_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(
        f'[[require]]\nid = "a"\ntype = "{TYPE}"\nnames = ["app-*"]\nschema.properties.verdict.const = "approved"\n'
    )
    ran = call("policy", "check", "p.toml")
    assert ran.code == 0
    assert b"names app-*; schema" in ran.stdout
    assert b"warning: p.toml: /require/0/schema/properties/verdict: " in ran.stderr
    assert b"(schema-optional)" in ran.stderr
    [checked] = call("policy", "check", "p.toml", "--format", "json").json["policies"]
    assert [one["code"] for one in checked["findings"]] == ["schema-optional"]
