"""Globs for names and purls: `*` and `?` stay within a path segment, `**` crosses them, all else is itself.

Rule: matching takes time proportional to pattern times name, whatever either of them holds.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_STAR, _GLOBSTAR, _ANY = object(), object(), object()

# A segment `..`, also as URLs encode it and as Windows separates it: whoever resolves it ends up somewhere else.
_CLIMBS: Final = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\?#]|%2f|%5c)", re.IGNORECASE)


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches `pattern`, which allows it something; upper and lower case differ.

    A name with a segment `..` matches itself and no wildcard: it begins like what is allowed, and leads elsewhere.
    """
    climbs = (".." in name or "%2" in name) and _CLIMBS.search(name) is not None
    return pattern == name if climbs else chooses(pattern, name)


def chooses(pattern: str, name: str) -> bool:
    """The same where a match asks more of a name: whatever it looks like, it is not let off."""
    literal, tokens = _compile(pattern)
    if not name.startswith(literal):
        return False
    # The positions in the pattern that the name read so far can have led to, all followed at once: no backtracking.
    states = _closure({0}, tokens)
    for character in name[len(literal) :]:
        step = set()
        for state in states:
            token = tokens[state] if state < len(tokens) else None
            if token is _GLOBSTAR or (token is _STAR and character != "/"):
                step.add(state)
            elif token == character or (token is _ANY and character != "/"):
                step.add(state + 1)
        if not step:
            return False
        states = _closure(step, tokens)
    return len(tokens) in states


def most_specific(patterns: Iterable[str], name: str) -> str | None:
    """That of the patterns that match `name` which says most about it, or None."""
    return max((pattern for pattern in patterns if matches(pattern, name)), key=specificity, default=None)


@lru_cache(maxsize=1024)
def specificity(pattern: str) -> tuple[int, ...]:
    """What patterns are compared by: the greater says more about the names it matches.

    A name as it is comes before every glob. Of globs the one with more characters before its first wildcard says more,
    then the one with more characters that are themselves, with fewer `**`, and with fewer `*`.
    """
    literal, tokens = _compile(pattern)
    themselves = sum(token not in (_STAR, _GLOBSTAR, _ANY) for token in tokens)
    return (not tokens, len(literal), themselves, -tokens.count(_GLOBSTAR), -tokens.count(_STAR))


def overlap(one: str, other: str) -> bool:
    """Whether there is a name that both patterns match."""
    first, second = _tokens(one), _tokens(other)
    reached: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        at = todo.pop()
        if at in reached:
            continue
        reached.add(at)
        i, j = at
        left = first[i] if i < len(first) else None
        right = second[j] if j < len(second) else None
        if left in (_STAR, _GLOBSTAR):
            todo.append((i + 1, j))
        if right in (_STAR, _GLOBSTAR):
            todo.append((i, j + 1))
        if left is not None and right is not None and _common(left, right):
            stay_left, stay_right = left in (_STAR, _GLOBSTAR), right in (_STAR, _GLOBSTAR)
            todo.append((i if stay_left else i + 1, j if stay_right else j + 1))
    return (len(first), len(second)) in reached


def _tokens(pattern: str) -> tuple[object, ...]:
    literal, tokens = _compile(pattern)
    return (*literal, *tokens)


def _common(left: object, right: object) -> bool:
    """Whether there is a character that both tokens match."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    wild = {_STAR, _ANY}
    return not ((left == "/" and right in wild) or (right == "/" and left in wild))


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> tuple[str, tuple[object, ...]]:
    """The literal beginning of a pattern, and the tokens after it."""
    length = next((index for index, character in enumerate(pattern) if character in "*?"), len(pattern))
    tokens: list[object] = []
    for character in pattern[length:]:
        if character == "*" and tokens and tokens[-1] in (_STAR, _GLOBSTAR):
            tokens[-1] = _GLOBSTAR
        else:
            tokens.append({"*": _STAR, "?": _ANY}.get(character, character))
    return pattern[:length], tuple(tokens)


def _closure(states: set[int], tokens: tuple[object, ...]) -> set[int]:
    reached = set()
    for state in states:
        reached.add(state)
        while state < len(tokens) and tokens[state] in (_STAR, _GLOBSTAR):
            state += 1
            reached.add(state)
    return reached
