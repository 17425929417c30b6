"""Globs for names and purls: `*` and `?` stay within a path segment, `**` crosses them, all else is itself.

Rule: matching takes time proportional to pattern times name, whatever either of them holds.
"""

from __future__ import annotations

from functools import lru_cache

_STAR, _GLOBSTAR, _ANY = object(), object(), object()


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches `pattern`; upper and lower case differ."""
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
