"""JSON Schemas in a policy: compiled without anything else, with a limit on their cost.

Rule: a schema refers to nothing outside itself, and never in a loop, so checking it always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import MISSING, at, dumps, pointer, steps
from attest.errors import InputError
from attest.policy._schema_words import demand_effective, optional
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_SIZE: Final = 1 << 20
_MAX_PLACES: Final = 10_000  # that a schema may have with every $ref replaced by its target
_MAX_FAULTS: Final = 8  # that are reported for one predicate
_REFUSED: Final = frozenset({"$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$vocabulary"})
_DATA: Final = frozenset({"const", "enum", "default", "examples"})


class PredicateSchema:
    """A compiled schema of a policy; `optional` are the properties in it that a predicate may leave out."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Raises InputError `policy-invalid`, with a pointer into the schema."""
        import jsonschema_rs

        if len(dumps(document)) > _MAX_SIZE:
            raise _invalid("the schema is larger than 1 MiB", "/")
        _Sizes(document).of((), ())
        demand_effective(document)
        try:
            # An engine for regular expressions with linear time, without look-around and back-references.
            self._validator = jsonschema_rs.Draft202012Validator(
                dict(document),
                validate_formats=True,
                ignore_unknown_formats=False,
                retriever=_nowhere,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (ValueError, jsonschema_rs.ValidationError) as error:
            raise _invalid(f"the schema is not a JSON Schema: {str(error).splitlines()[0][:200]}", "/") from None

        self.optional = tuple(pointer(*place) for place in optional(document))

    def faults(self, predicate: Mapping[str, Any]) -> Iterator[Failure]:
        """The first errors of a predicate."""
        if self._validator.is_valid(dict(predicate)):
            return
        for number, error in enumerate(self._validator.iter_errors(dict(predicate))):
            if number == _MAX_FAULTS:
                return
            where = pointer("predicate", *error.instance_path)
            rule = pointer(*error.schema_path)
            hint = f"Give an attestation whose {where} matches `schema{rule}` of the policy."
            yield Failure("schema-mismatch", error.message[:200], where, hint)


class _Sizes:
    """The number of places of a schema with every `$ref` replaced, which limits the cost of a check."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._known: dict[tuple[str, ...], int] = {}

    def of(self, place: tuple[str, ...], open_: tuple[tuple[str, ...], ...]) -> int:
        """The size of the schema at `place`. Raises InputError for a loop, and for a size above the limit."""
        if place in self._known:
            return self._known[place]
        if place in open_:
            hint = "Repeat the definition for as many levels as you need."
            raise _invalid("the $ref leads to itself, so a check would never end", pointer(*open_[-1]), hint)
        if len(open_) > 100:
            raise _invalid("the schema is nested too deeply", pointer(*place))
        value = at(self._document, *place)
        if value is MISSING:
            raise _invalid(
                f"the target {pointer(*place)} of the $ref does not exist", pointer(*(open_[-1] if open_ else ()))
            )
        total = 1
        if isinstance(value, dict):
            for name, child in value.items():
                if name in _REFUSED:
                    raise _invalid(f"{name} is not supported in a policy; use $ref", pointer(*place, name))
                if name == "$schema" and child != _DIALECT:
                    raise _invalid(f"expected $schema {_DIALECT!r}, found {child!r}", pointer(*place, name))
                if name == "$ref":
                    total += self.of(_target(child, place), (*open_, place))
                elif name not in _DATA and name != "$defs" and isinstance(child, dict | list):
                    total += self.of((*place, name), (*open_, place))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, dict | list):
                    total += self.of((*place, str(index)), (*open_, place))
        if total > _MAX_PLACES:
            raise _invalid(f"the schema has more than {_MAX_PLACES:,} places with every $ref replaced", pointer(*place))
        self._known[place] = total
        return total


def _target(reference: object, place: tuple[str, ...]) -> tuple[str, ...]:
    if reference == "#":
        return ()
    if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
        raise _invalid("a $ref must lead to a place in the same schema: '#/...'", pointer(*place, "$ref"))
    return steps(reference)


def _nowhere(uri: str) -> Any:
    raise ValueError(f"{uri} is not in the policy")


def _invalid(message: str, where: str, hint: str | None = None) -> InputError:
    return InputError("policy-invalid", message, where=where, hint=hint)
