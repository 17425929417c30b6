"""A quick check of parsed JSON: whether it is plain, with few enough levels and without infinite numbers.

Rule: it only saves a walk: what it takes as plain, the walk of attest._base.json would let pass too.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SCALARS = ("string", "number", "boolean", "null")


def compiled(max_depth: int) -> Callable[[Any], bool]:
    """The check for at most `max_depth` levels. It reads Python values where they are, three times as fast as Python.

    An infinite float has no JSON type since jsonschema-rs 0.49, which does not document it; where it has, nothing is
    plain.
    """
    import jsonschema_rs

    levels: dict[str, Any] = {"0": {"type": _SCALARS}}
    for level in range(1, max_depth + 1):
        below = {"$ref": f"#/$defs/{level - 1}"}
        inside = {"items": below, "additionalProperties": below}
        levels[str(level)] = {"type": (*_SCALARS, "array", "object"), **inside}
    document = {"$ref": f"#/$defs/{max_depth}", "$defs": levels}
    is_plain: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(document).is_valid
    return _nothing if any(map(is_plain, (inf, [-inf]))) else is_plain


def _nothing(value: Any) -> bool:
    return False
