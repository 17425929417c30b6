"""Finds and compiles the JSON Schemas in schemas/: jsonschema-rs decides, jsonschema explains.

Rule: schemas come from this package alone, never from the network or the current directory.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest._codec import loads_object, pointer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jsonschema_rs


class Fault:
    """One thing that a schema objects to: the JSON `pointer` of the place, and a sentence."""

    __slots__ = ("message", "pointer")

    def __init__(self, pointer: str, message: str) -> None:
        self.pointer = pointer
        self.message = message

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}"


class Schema:
    """One compiled JSON Schema (2020-12)."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        import jsonschema_rs

        self.document = document
        self._validator: jsonschema_rs.Draft202012Validator = jsonschema_rs.Draft202012Validator(
            dict(document), validate_formats=True
        )

    def accepts(self, value: Any) -> bool:
        """Whether `value` satisfies the schema: the verdict, and the fast path."""
        return self._validator.is_valid(value)

    def explain(self, value: Any) -> Fault:
        """The one fault that says most, for a `value` that the schema doesn't accept."""
        import jsonschema
        from jsonschema.exceptions import best_match

        validator = jsonschema.Draft202012Validator(self.document, format_checker=jsonschema.FormatChecker())
        error = best_match(validator.iter_errors(value))
        if error is not None:
            return Fault(pointer(*error.absolute_path), _shorten(error.message))
        # The two libraries differ in which formats they know: the one that decided explains.
        found = next(self._validator.iter_errors(value))
        return Fault(pointer(*found.instance_path), _shorten(found.message))


def directory() -> Path:
    """The folder of schemas: inside an installed package, or at the root of the repository it is run from."""
    package = Path(__file__).parent
    installed = package / "schemas"
    if installed.is_dir() or not (package.parent / "pyproject.toml").is_file():
        return installed
    return package.parent / "schemas"


@cache
def named(name: str) -> Schema:
    """The schema of one of our own formats: statement, envelope, trust-bundle, result, policy."""
    path = directory() / f"{name}.json"
    return Schema(loads_object(path.read_bytes(), what=path.name))


@cache
def part(name: str, definition: str) -> Schema:
    """One of the `$defs` of such a schema, where a part of a document is a document too."""
    return Schema({"$ref": f"#/$defs/{definition}", "$defs": named(name).document["$defs"]})


@cache
def predicate_documents() -> Mapping[str, dict[str, Any]]:
    """Every predicate schema by its short name, which is its file's name."""
    return {
        path.stem: loads_object(path.read_bytes(), what=path.name)
        for path in sorted((directory() / "predicates").glob("*.json"))
    }


@lru_cache(maxsize=128)
def for_predicate(predicate_type: str) -> Schema | None:
    """The schema for a predicateType URI, its aliases included, or None where there is none."""
    for document in predicate_documents().values():
        if predicate_type == document["$id"] or predicate_type in document.get("x-aliases", ()):
            return Schema(document)
    return None


def _shorten(message: str, limit: int = 200) -> str:
    return message if len(message) <= limit else f"{message[: limit - 41]} ... {message[-36:]}"
