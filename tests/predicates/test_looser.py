"""What the schemas loosen for what others made is what docs/sign/predicates.md says, and never the kind of a value.

`python -m tests.predicates.test_looser` prints the table.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, schema
from attest._base.json import at, pointer, steps
from attest.schema.predicate_types import PredicateSchemas
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "sign" / "predicates.md"
DOCUMENTS = {"statement": schema.named("statement").document, **schema.predicate_documents()}
KEYWORDS = schema.LOOSER["verifying"]


def loosened(node: Any, *where: str | int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a document with one of the keywords, and its pointer."""
    if isinstance(node, dict):
        if any(name in node for name in KEYWORDS):
            yield pointer(*where), node
        for name, value in node.items():
            if name not in KEYWORDS:
                yield from loosened(value, *where, name)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from loosened(value, *where, index)


PLACES = [(name, where, node) for name, document in DOCUMENTS.items() for where, node in loosened(document)]


def table() -> list[str]:
    """The rows of docs/sign/predicates.md: a rule, who has it, and what is enough when building and verifying."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for name, where, node in PLACES:
        called = [step for step in steps(where) if step not in ("properties", "$defs")]
        what = re.sub(r" (items|additionalProperties)", " (each)", " ".join(called)) or "the whole"
        said = "" if where == "/" else f": {node.get('description', '')}".rstrip(": .")
        building = node.get("x-when-building", {}).get("description", "as the rule says")
        verifying = next(node[keyword] for keyword in KEYWORDS if keyword in node)["description"]
        key = f"`{what}`{said}", building.rstrip("."), verifying.rstrip("."), ""
        rows.setdefault(key, []).append(name)
    return [
        f"| {rule} | {', '.join(f'`{name}`' for name in names)} | {building} | {verifying} |"
        for (rule, building, verifying, _), names in rows.items()
    ]


def test_the_documentation_has_every_place() -> None:
    found = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert [line for line in found if line in table()] == table()


@pytest.mark.parametrize(("name", "where", "node"), PLACES, ids=[f"{name}{where}" for name, where, _ in PLACES])
def test_it_says_what_is_enough_and_changes_no_kind_of_value(name: str, where: str, node: dict[str, Any]) -> None:
    for keyword in set(KEYWORDS) & set(node):
        assert node[keyword]["description"]
    for purpose in schema.LOOSER:
        looser = schema.Schema(DOCUMENTS[name]).when(purpose).document
        patched = looser if where == "/" else at(looser, *steps(where))
        if (name, where) not in KINDS:
            assert patched.get("type", "string") == node.get("type", "string")


# Nothing reads the first five. What reads relationships skips null, and a VEX document with such a text clears nothing.
KINDS = {
    ("slsa-provenance-v0.1", "/properties/recipe/properties/definedInMaterial"),
    ("openvex", "/properties/version"),
    ("vsa-v0.1", "/properties/dependency_levels/additionalProperties"),
    ("vsa-v0.2", "/properties/dependency_levels/additionalProperties"),
    ("vsa", "/properties/dependencyLevels/additionalProperties"),
    ("spdx", "/properties/relationships/items"),
    ("openvex", "/properties/statements/items/properties/vulnerability"),
    ("openvex", "/properties/statements/items/properties/products/items"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_strictly_valid_is_valid_for_every_purpose(name: str) -> None:
    compiled = schema.Schema(DOCUMENTS[name])
    for example in DOCUMENTS[name]["examples"]:
        assert compiled.accepts(example)
        assert all(compiled.when(purpose).accepts(example) for purpose in schema.LOOSER)
    assert compiled.when("verifying") is compiled.when("verifying")


def test_a_schema_of_ones_own_can_loosen_a_rule_too() -> None:
    document = {
        "$id": "https://example.com/a",
        "properties": {"when": {"type": "string", "format": "date", "x-when-verifying": {"format": None}}},
    }
    check = PredicateSchemas({"a": document}).for_type("https://example.com/a")
    assert check is not None
    assert check.examine({"when": "soon"}, (), "verifying")[1][0].pointer == "/predicate/when"
    assert check.examine({"when": "soon"}, (), "building")[0] is not None
    assert check.examine({"when": 1}, (), "verifying")[0] is not None
    assert check.examine({"when": "2026-01-01"}, (), "verifying") == (None, [])


@pytest.mark.parametrize(
    ("schema_of_it", "said"),
    [
        ({"anyOf": [False, {"$ref": "#/$defs/a"}], "x-when-verifying": {"anyOf": None}}, "breaks a rule: An a"),
        ({"anyOf": [False], "x-when-verifying": {"anyOf": None}}, "'anyOf'"),
        ({"oneOf": [{"$ref": "#a"}], "x-when-verifying": {"oneOf": None}}, "'oneOf'"),
        ({"properties": {"b": False}, "x-when-verifying": {"properties": None}}, "False schema"),
        ({"properties": {"b": {"$ref": "#a"}}, "x-when-verifying": {"properties": None}}, "breaks a rule: An a"),
    ],
    ids=repr,
)
def test_whatever_a_schema_of_ones_own_looks_like_its_notes_are_words(schema_of_it: dict[str, Any], said: str) -> None:
    definition = {"$anchor": "a", "description": "An a.", "pattern": "^a$", "type": "string"}
    compiled = schema.Schema({"$defs": {"a": definition}, **schema_of_it})
    value = {"b": "c"}
    assert not compiled.accepts(value)
    assert compiled.when("verifying").accepts(value)
    assert said in compiled.noted(value)[0].message


@pytest.mark.parametrize("patch", [None, "text", [], True, {"pattern": "("}, {"type": "nothing"}], ids=repr)
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_loosening_that_is_none_is_refused_when_it_is_loaded(keyword: str, patch: Any) -> None:
    document = {"$id": "https://example.com/a", "properties": {"a": {"type": "string", keyword: patch}}}
    with refused(InputError, "schema-invalid"):
        PredicateSchemas({"a": document})


if __name__ == "__main__":
    print("\n".join(table()))
