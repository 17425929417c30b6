"""Schemas: found in this package alone, decided by one library and explained by another."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from attest import schema

if TYPE_CHECKING:
    from pathlib import Path

OWN = ["envelope", "predicate-schema", "result", "statement", "trust-bundle"]


@pytest.mark.parametrize("name", OWN)
def test_our_own_schemas_are_sound_and_their_examples_valid(name: str) -> None:
    shape = schema.named(name)
    jsonschema.Draft202012Validator.check_schema(shape.document)
    assert shape.document["examples"]
    assert all(shape.accepts(example) for example in shape.document["examples"])
    assert schema.named(name) is shape, "it is compiled once"


@pytest.mark.parametrize("name", OWN)
def test_no_schema_reaches_out_of_its_file(name: str) -> None:
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema.named(name).document))
    assert all(reference.startswith("#/$defs/") for reference in references)


def test_the_current_directory_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert schema.directory().is_absolute()
    assert not schema.directory().is_relative_to(tmp_path)
    assert (schema.directory() / "statement.json").is_file()


def test_a_predicate_type_finds_its_schema_by_uri_or_alias() -> None:
    for name, document in schema.predicate_documents().items():
        for uri in [document["$id"], *document.get("x-aliases", ())]:
            found = schema.for_predicate(uri)
            assert found is not None, name
            assert found.document is document


@pytest.mark.parametrize(
    "uri", ["https://example.com/review/v1", "slsa-provenance", "https://slsa.dev/provenance/v1/", ""]
)
def test_a_type_without_a_schema_has_none(uri: str) -> None:
    assert schema.for_predicate(uri) is None


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        ({}, "/", "'a' is a required property"),
        ({"a": 1}, "/a", "1 is not of type 'string'"),
        ({"a": "x", "b": [{"c/d": 1}, {"c/d": -1}]}, "/b/1/c~1d", "less than the minimum"),
    ],
)
def test_a_fault_names_its_place_and_what_is_wrong(value: Any, pointer: str, says: str) -> None:
    shape = schema.Schema(
        {
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": {"type": "string"},
                "b": {"items": {"properties": {"c/d": {"minimum": 0}}}},
            },
        }
    )
    assert not shape.accepts(value)
    fault = shape.explain(value)
    assert fault.pointer == pointer
    assert says in fault.message
    assert str(fault) == f"{fault.pointer}: {fault.message}"


def test_a_fault_is_explained_even_where_only_the_deciding_library_sees_it() -> None:
    shape = schema.Schema({"properties": {"when": {"format": "date-time"}, "where": {"format": "uri"}}})
    for value in ({"when": "yesterday"}, {"where": "not a uri"}):
        assert not shape.accepts(value)
        assert shape.explain(value).pointer == f"/{next(iter(value))}"


def test_what_it_takes_to_explain_does_not_grow_with_the_value() -> None:
    shape = schema.Schema({"required": ["b"], "properties": {"a": {"items": {"type": "object"}, "minItems": 5_000}}})
    calls = []

    def explained(number: int) -> str:
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, _: calls.append(frame.f_code) if event == "call" else None)
        try:
            return str(shape.explain({"a": [{}] * number}))
        finally:
            sys.setprofile(before)

    assert explained(10_000) == explained(20_000) == "/: 'b' is a required property"
    assert len(calls) < 100_000
    late = {"a": [{}] * 10_000 + [1], "b": 1}
    assert str(shape.explain(late)) == '/a/10000: 1 is not of type "object"'


def test_a_long_value_does_not_flood_the_message() -> None:
    shape = schema.Schema({"type": "string"})
    message = shape.explain(list(range(100_000))).message
    assert len(message) < 250
    assert message.endswith("is not of type 'string'")


def test_the_schema_of_a_type_is_found_by_each_of_its_uris_and_by_nothing_near_them() -> None:
    """Only files in which a URI is written as JSON writes it are looked at."""
    for document in schema.predicate_documents().values():
        for uri in (document["$id"], *document.get("x-aliases", ())):
            found = schema.for_predicate(uri)
            assert found is not None
            assert found.document is document
            assert schema.for_predicate(uri[:-1]) is None
    assert schema.for_predicate("\ud800") is None
