"""Type checks of arguments, with one wording for every TypeError.

Rule: the text names types and never the value, which may be a secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from types import UnionType

_T = TypeVar("_T")


def wrong_type(what: str, expected: str, given: object, *, hint: str = "") -> TypeError:
    """The TypeError for the argument `what` with the value `given`; `hint` says what to do instead."""
    found = "None" if given is None else type(given).__name__
    return TypeError(f"{what}: expected {expected}, found {found}{f'; {hint}' if hint else ''}")


def demand(
    value: object, kind: type | UnionType | tuple[type, ...], what: str, expected: str, *, hint: str = ""
) -> None:
    """Raises TypeError unless `value` is of a `kind`, which `expected` puts in words."""
    if not isinstance(value, kind):
        raise wrong_type(what, expected, value, hint=hint)


def demand_bytes(value: object, what: str, *, reader: str | None = None) -> None:
    """Raises TypeError unless `value` is bytes; `reader` is the call that takes a path instead."""
    if not isinstance(value, bytes):
        is_name = isinstance(value, str | os.PathLike)
        reading = f"{reader} reads a file" if reader else "read the file first: Path(name).read_bytes()"
        raise wrong_type(what, "bytes", value, hint=reading if is_name else "")


def demand_path(value: object, what: str, *, reader: str | None = None) -> None:
    """Raises TypeError unless `value` is a path as text or a PathLike; `reader` is the call that takes bytes."""
    if not isinstance(value, str | os.PathLike):
        is_content = reader is not None and isinstance(value, bytes)
        raise wrong_type(what, "the path of a file", value, hint=f"{reader} reads bytes" if is_content else "")


def demand_several(value: Iterable[_T], what: str, of: str) -> Iterable[_T]:
    """`value`, if it is a list or another iterable; not text, bytes or a path.

    Raises TypeError; `of` is the plural noun of its elements.
    """
    if type(value) in (list, tuple):  # nearly always, and the rest of this costs something
        return value
    if isinstance(value, str | bytes | bytearray | os.PathLike) or not isinstance(value, Iterable):
        raise wrong_type(what, f"a list of {of}", value, hint="" if value is None else "put it into a list: [...]")
    return value
