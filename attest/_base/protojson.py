"""The names of protobuf messages in JSON, which readers take as JSON writes them and as the .proto file has them.

Rule: a name that stands in both spellings is an error, because two readers could take different values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SNAKE: Final = re.compile(r"(?<=[a-z0-9])_([a-z0-9])", re.ASCII)


def camel_case(value: Any) -> Any:
    """A protobuf message as JSON with its names as the JSON mapping writes them; it may have them in snake case.

    Raises InputError `container-invalid` for a name that stands in both spellings.
    """
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = renamed(value)
    return {name: camel_case(item) for name, item in named.items()}


def renamed(members: Mapping[str, Any]) -> dict[str, Any]:
    """`camel_case` of the names of one object alone."""
    found = {_SNAKE.sub(lambda part: part[1].upper(), name): item for name, item in members.items()}
    if len(found) != len(members):
        twice = next(name for name in members if name not in found)
        message = f"{twice!r} is there twice, in two spellings, so it is ambiguous"
        raise InputError("container-invalid", message, where=pointer(twice))
    return found
