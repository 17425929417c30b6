"""Pieces of texts that people read: numbers with their nouns, and names that were probably meant.

Rule: a noun is never printed in the plural for one thing, and no name is ever taken for another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST: Final = 100  # characters of a name that are compared: an input decides how long it is


def plural(number: int, noun: str) -> str:
    """`1 artifact`, `2 artifacts`, `1,024 identities`."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"


def nearest(name: str, known: Iterable[str], number: int = 1, *, cutoff: float = 0.6) -> list[str]:
    """The known names most similar to `name` in any case, or that it is the beginning of, at most `number`."""
    from difflib import get_close_matches

    names, short = {one.lower(): one for one in known}, name[:_LONGEST].lower()
    found = get_close_matches(short, names, n=number, cutoff=cutoff)
    if not found and len(short) > 2:
        found = [one for one in names if one.startswith(short)][:number]
    return [names[one] for one in found]


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """The hint for an unknown name: the most similar known one, or `otherwise`."""
    near = nearest(name, known)
    return f"Did you mean {near[0]!r}?" if near else otherwise
