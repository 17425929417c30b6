"""The keywords of a JSON Schema in a policy: which ones there are, and what they leave open.

Rule: a keyword that has no effect is an error, because JSON Schema itself would pass over it and accept everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest._base.text import did_you_mean
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What draft 2020-12 defines: keywords with a schema, with a list of them, with several by name, and all others.
_ONE: Final = frozenset(
    {
        *("items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
        *("not", "if", "then", "else", "contentSchema"),
    }
)
_LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_OTHERS: Final = frozenset(
    {
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains"),
        *("maxProperties", "minProperties", "required", "dependentRequired", "format", "contentEncoding"),
        *("contentMediaType", "title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"),
        *("$schema", "$ref", "$comment"),
    }
)
_KNOWN: Final = _ONE | _LISTED | _NAMED | _OTHERS
# Without the second one, the first one has no effect.
_NEEDS: Final = {"then": "if", "else": "if", "minContains": "contains", "maxContains": "contains"}


def demand_effective(document: Mapping[str, Any]) -> None:
    """Raises InputError `policy-invalid` for a keyword that JSON Schema would pass over, with a pointer to it.

    A keyword that begins with `x-` is a remark.
    """
    todo: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    while todo:
        schema, place = todo.pop()
        if not isinstance(schema, dict):
            continue
        for name, value in schema.items():
            where = (*place, name)
            if name not in _KNOWN and not name.startswith("x-"):
                raise _invalid(f"{name!r} is not a keyword of JSON Schema", where, did_you_mean(name, _KNOWN))
            if name in _NEEDS and _NEEDS[name] not in schema:
                raise _invalid(f"{name!r} has no effect without {_NEEDS[name]!r}", where)
            todo += [(one, (*where, *step)) for one, step in _inside(name, value)]


def optional(document: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of `properties` that a predicate may leave out, and with them what the schema says about them."""
    parts = [(document, place)]
    parts += [(one, (*place, "allOf", str(at))) for at, one in enumerate(document.get("allOf", ()))]
    parts = [(one, where) for one, where in parts if isinstance(one, dict)]
    needed = {name for one, _ in parts for name in one.get("required", ())}
    for one, where in parts:
        for name, child in one.get("properties", {}).items():
            own = (*where, "properties", name)
            if name not in needed and child not in (True, False, {}):
                yield own
            if isinstance(child, dict):
                yield from optional(child, own)


def _inside(name: str, value: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The schemas in the value of a keyword, and the steps to them."""
    if name in _ONE:
        yield value, ()
    elif name in _LISTED and isinstance(value, list):
        yield from ((one, (str(at),)) for at, one in enumerate(value))
    elif name in _NAMED and isinstance(value, dict):
        yield from ((one, (key,)) for key, one in value.items())


def _invalid(message: str, where: tuple[str, ...], hint: str | None = None) -> InputError:
    return InputError("policy-invalid", message, where=pointer(*where), hint=hint)
