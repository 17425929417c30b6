"""Checks of a policy document that its schema cannot express, with the exact place of each error.

Rule: an unknown name is an error, with its place and a similar known name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.json import pointer
from attest._base.text import did_you_mean
from attest.errors import InputError
from attest.trust.anchors import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest import schema


def demand_known(value: Any, shape: Mapping[str, Any], where: str, root: Mapping[str, Any] | None = None) -> None:
    """Raises InputError for a key that the schema does not know, with a better message than a validator."""
    top = shape if root is None else root
    if not isinstance(shape, dict):  # true or false, which only rules of plug-ins have
        return
    while "$ref" in shape:  # other references, which only rules of plug-ins have, are left to the validator
        shape = top.get("$defs", {}).get(shape["$ref"].rpartition("/")[2], {})
    if isinstance(value, dict):
        properties = shape.get("properties", {})
        others = shape.get("additionalProperties", True)
        for key, item in value.items():
            if key in properties:
                demand_known(item, properties[key], where + pointer(key), top)
            elif others is False:
                raise unknown(key, list(properties), where + pointer(key), "a known key")
            elif isinstance(others, dict):
                demand_known(item, others, where + pointer(key), top)
    elif isinstance(value, list) and isinstance(shape.get("items"), dict):
        for index, item in enumerate(value):
            demand_known(item, shape["items"], where + pointer(index), top)


def demand_shape(value: Any, shape: schema.Schema, where: str) -> None:
    """Raises InputError `policy-invalid` for a value that the schema does not accept, at `where` and below."""
    if not shape.accepts(value):
        fault = shape.explain(value)
        place = where + (fault.pointer.rstrip("/") if where else fault.pointer)
        raise invalid(f"the policy is not valid: {fault.message}", place, fault.hint)


def unknown(name: str, known: list[str], where: str, what: str) -> InputError:
    """The error for a name that is not `what` it should be, with a similar known name."""
    listed = f"Known names: {', '.join(sorted(known)) or 'none'}."
    return invalid(f"{name!r} is not {what}", where, did_you_mean(name, known, listed))


def invalid(message: str, where: str, hint: str | None = None) -> InputError:
    """The error for a policy that is not valid at `where`, a JSON pointer."""
    return InputError("policy-invalid", message, where=where, hint=hint)


def demand_anchors(value: Any, shape: Mapping[str, Any], where: str, anchors: Mapping[str, object]) -> None:
    """Raises InputError `anchor-unknown` for a name that is not in `anchors`.

    In the schema of a rule's settings `x-anchors` marks a list of such names.
    """
    if shape.get("x-anchors"):
        for index, name in enumerate(value):
            try:
                named(anchors, name)
            except InputError as error:
                raise error.below(where + pointer(index)) from None
    elif isinstance(value, dict):
        for key, item in value.items():
            demand_anchors(item, shape.get("properties", {}).get(key, {}), where + pointer(key), anchors)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            demand_anchors(item, shape.get("items", {}), where + pointer(index), anchors)
