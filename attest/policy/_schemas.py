"""JSON Schemas that a policy brings along: compiled from itself alone, with a bound on what they can cost.

Rule: a schema reaches nothing outside of itself and never itself again, so that checking it always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import MISSING, at, dumps, pointer, steps
from attest.errors import InputError
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_SIZE: Final = 1 << 20
_MAX_PLACES: Final = 10_000  # that a schema may have when every $ref is written out
_MAX_FAULTS: Final = 8  # that are told of one predicate
_REFUSED: Final = frozenset({"$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$vocabulary"})
_DATA: Final = frozenset({"const", "enum", "default", "examples"})


class PredicateSchema:
    """A compiled schema of a policy."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Raises InputError `policy-invalid`, with a pointer into the schema."""
        import jsonschema_rs

        if len(dumps(document)) > _MAX_SIZE:
            raise _invalid("a schema may have at most 1 MiB", "/")
        _Sizes(document).of((), ())
        try:
            # The engine of regular expressions that takes linear time; it has no look-around and no back-references.
            self._validator = jsonschema_rs.Draft202012Validator(
                dict(document),
                validate_formats=True,
                retriever=_nowhere,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (ValueError, jsonschema_rs.ValidationError) as error:
            raise _invalid(f"this is not a JSON Schema: {str(error).splitlines()[0][:200]}", "/") from None

    def faults(self, predicate: Mapping[str, Any]) -> Iterator[Failure]:
        """What it objects to, the first of it."""
        if self._validator.is_valid(dict(predicate)):
            return
        for number, error in enumerate(self._validator.iter_errors(dict(predicate))):
            if number == _MAX_FAULTS:
                return
            where = pointer("predicate", *error.instance_path)
            rule = pointer(*error.schema_path)
            hint = f"Have one made whose {where} is what `schema{rule}` of the policy says."
            yield Failure("schema-mismatch", error.message[:200], where, hint)


class _Sizes:
    """How many places a schema has with every `$ref` written out, which bounds what checking one value costs."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._known: dict[tuple[str, ...], int] = {}

    def of(self, place: tuple[str, ...], open_: tuple[tuple[str, ...], ...]) -> int:
        """The size of what stands at `place`. Raises InputError for a loop, and for more than there may be."""
        if place in self._known:
            return self._known[place]
        if place in open_:
            hint = "Write out as many levels as you need."
            raise _invalid("this leads back to itself, so that checking it would never end", pointer(*open_[-1]), hint)
        if len(open_) > 100:
            raise _invalid("this is nested too deep", pointer(*place))
        value = at(self._document, *place)
        if value is MISSING:
            raise _invalid(f"{pointer(*place)} is not there", pointer(*(open_[-1] if open_ else ())))
        total = 1
        if isinstance(value, dict):
            for name, child in value.items():
                if name in _REFUSED:
                    raise _invalid(f"{name} is not understood in a policy; use $ref", pointer(*place, name))
                if name == "$schema" and child != _DIALECT:
                    raise _invalid(f"the schema must be of {_DIALECT}", pointer(*place, name))
                if name == "$ref":
                    total += self.of(_target(child, place), (*open_, place))
                elif name not in _DATA and name != "$defs" and isinstance(child, dict | list):
                    total += self.of((*place, name), (*open_, place))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, dict | list):
                    total += self.of((*place, str(index)), (*open_, place))
        if total > _MAX_PLACES:
            raise _invalid(f"with every $ref written out this has more than {_MAX_PLACES} places", pointer(*place))
        self._known[place] = total
        return total


def _target(reference: object, place: tuple[str, ...]) -> tuple[str, ...]:
    if reference == "#":
        return ()
    if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
        raise _invalid("a $ref must lead to a place in the same schema: #/...", pointer(*place, "$ref"))
    return steps(reference)


def _nowhere(uri: str) -> Any:
    raise ValueError(f"{uri} is not part of the policy")


def _invalid(message: str, where: str, hint: str | None = None) -> InputError:
    return InputError("policy-invalid", message, where=where, hint=hint)
