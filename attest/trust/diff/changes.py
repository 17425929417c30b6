"""One change of a trust bundle, and how the values before and after it are compared and shown.

Rule: a limit that is wider, or that cannot be compared, weakens.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import dumps
from attest._base.times import parse_time
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 1000  # characters of a value in a message


class Change(NamedTuple):
    """One difference: its kind, the JSON pointer of the place, a message, and whether it weakens the bundle.

    The pointer is into the new bundle or, for what was removed, into the old one.
    """

    kind: str
    where: str
    message: str
    weakened: bool = False


def of_field(name: str, where: str, was: Any, now: Any, *, weakens: bool) -> Iterator[Change]:
    """A field that is unknown here, and that may extend the trust."""
    before, after = _items(was), _items(now)
    if before is None or after is None:
        yield Change("field-changed", where, was_text(name, was, now), weakens)
        return
    for item, value in after.items():
        if item not in before:
            yield Change("field-changed", where, f"{name}: {said(item)} added", weakens)
        elif not same(before[item], value):
            yield Change("field-changed", where, f"{name}: {said(item)} changed", weakens)
    for item in before:
        if item not in after:
            yield Change("field-changed", where, f"{name}: {said(item)} removed")


def beyond(was: Any, now: Any, direction: int) -> bool:
    """Whether a limit in time was moved outwards, or removed; `direction` is 1 if later is outwards."""
    if was is None or now is None:
        return now is None
    earlier, later = (one if isinstance(one, datetime) else _moment(one) for one in (was, now))
    if isinstance(earlier, str) or isinstance(later, str):
        return True
    return bool((later - earlier).total_seconds() * direction > 0)


def same(was: Any, now: Any) -> bool:
    """Whether two values are equal, or are the same time in two forms."""
    return was == now or (isinstance(was, str) and isinstance(now, str) and _moment(was) == _moment(now))


def _moment(text: Any) -> Any:
    """The time that a text means, however it is written, or else the text."""
    try:
        return parse_time(text, where="")
    except InputError:
        return str(text)


def _items(value: Any) -> dict[str, Any] | None:
    """The items of an object by name, or of a list by themselves; none for None, and None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        return {item if isinstance(item, str) else dumps(item).decode(): item for item in value}
    return {} if value is None else None


def field_names(old: Mapping[str, Any], new: Mapping[str, Any], *, without: tuple[str, ...]) -> list[str]:
    """The fields that at least one of two objects has."""
    return [name for name in dict.fromkeys([*old, *new]) if name not in without]


def was_text(name: str, was: Any, now: Any) -> str:
    """What happened to a field, in words."""
    if now is None:
        return f"{name} removed (was {said(was)})"
    return f"{name} added: {said(now)}" if was is None else f"{name}: {said(was)} -> {said(now)}"


def said(value: Any) -> str:
    """A value in a message; of a very long one the beginning, and its digest, so that a difference always shows."""
    text = value if isinstance(value, str) else dumps(value).decode()
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} ... (sha256:{sha256(text.encode()).hexdigest()})"
