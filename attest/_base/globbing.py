"""Globs for names and purls: `*` and `?` stay within a path segment, `**` crosses them, all else matches itself.

Rule: matching takes time proportional to pattern times name, whatever either of them holds.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_STAR, _GLOBSTAR, _ANY = object(), object(), object()
_LOOPS: Final = (_STAR, _GLOBSTAR)
_WILD: Final = (*_LOOPS, _ANY)

# A segment `..`, also as URLs encode it and as Windows separates it: a reader that resolves it gets another path.
_CLIMBS: Final = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:\Z|[/\\?#]|%2f|%5c)", re.IGNORECASE)
# What every reader of a URL drops, in any place (WHATWG URL, section 4.4).
_DROPPED: Final = dict.fromkeys(map(ord, "\t\n\r"))


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches `pattern`, which allows it something; upper and lower case differ.

    A name with a segment `..` matches itself and no wildcard: it begins like what is allowed, and leads elsewhere.
    """
    return pattern == name if climbs(name) else chooses(pattern, name)


def chooses(pattern: str, name: str) -> bool:
    """The same where a match asks more of a name: whatever it looks like, it is not let off."""
    return _matcher(pattern)(name)


class Ranked:
    """Globs by specificity: the most specific ones for a name are found without trying all of them.

    `tried` counts the comparisons of a glob with a name.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.tried = 0
        self._patterns = frozenset(patterns)
        by_literal: dict[str, list[str]] = {}
        for pattern in sorted(filter(is_glob, self._patterns), key=specificity, reverse=True):
            by_literal.setdefault(_compile(pattern)[0], []).append(pattern)
        self._lengths = sorted({len(literal) for literal in by_literal}, reverse=True)
        self._by_literal = {
            literal: (
                _Automata([one for one in found if not _has_one_wildcard(one)]),
                [
                    [(one, _matcher(one) if _has_one_wildcard(one) else None) for one in equals]
                    for _, equals in groupby(found, key=specificity)
                ],
            )
            for literal, found in by_literal.items()
        }

    def most_specific(self, name: str) -> tuple[str, ...]:
        """The patterns that match `name` and say most about it, all of them equally much; none if none matches."""
        if climbs(name) or (name in self._patterns and not is_glob(name)):
            return (name,) if name in self._patterns else ()
        # More characters before the first wildcard say more, and of each length only those of the name can match.
        for length in self._lengths:
            automata, ranks = self._by_literal.get(name[:length], (None, ()))
            followed: set[str] | None = None
            for equals in ranks:
                self.tried += len(equals)
                found = []
                for pattern, matcher in equals:
                    if matcher is not None:
                        matched = matcher(name)
                    else:
                        if followed is None:
                            followed = automata.matching(name) if automata is not None else set()
                        matched = pattern in followed
                    if matched:
                        found.append(pattern)
                if found:
                    return tuple(found)
        return ()


def is_glob(pattern: str) -> bool:
    """Whether it can match anything but itself."""
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=1024)
def specificity(pattern: str) -> tuple[int, ...]:
    """What patterns are compared by: the greater says more about the names it matches.

    A name as it is comes before every glob. Of globs the one with more characters before its first wildcard says more,
    then the one with more characters that are themselves, with fewer `**`, and with fewer `*`.
    """
    literal, tokens = _compile(pattern)
    themselves = sum(token not in _WILD for token in tokens)
    return (not tokens, len(literal), themselves, -tokens.count(_GLOBSTAR), -tokens.count(_STAR))


@lru_cache(maxsize=1024)
def ends(pattern: str) -> tuple[str, str]:
    """What every name that matches begins with, and what it ends with."""
    literal, tokens = _compile(pattern)
    length = next((index for index, token in enumerate(reversed(tokens)) if token in _WILD), len(pattern))
    return literal, pattern[len(pattern) - length :]


def overlap(one: str, other: str) -> bool:
    """Whether there is a name that both patterns match. Cheapest where many are compared with the same `other`."""
    (begin, tail), (other_begin, other_tail) = ends(one), ends(other)
    if not (begin.startswith(other_begin) or other_begin.startswith(begin)):
        return False
    if not (tail.endswith(other_tail) or other_tail.endswith(tail)):
        return False
    return _positions(other).led_to_the_end_by(_tokens(one))


class _Positions:
    """The positions in a pattern, as bits of one number: all that a name may have led to are followed at once."""

    def __init__(self, tokens: tuple[object, ...]) -> None:
        self._tokens = tokens
        self._loops = _bits(tokens, lambda kind: kind in _LOOPS)
        self._inside = _bits(tokens, lambda kind: kind != "/")
        self._fits: dict[object, int] = {}

    def led_to_the_end_by(self, pattern: tuple[object, ...]) -> bool:
        """Whether some name that matches `pattern` matches this one."""
        loops, inside, fits = self._loops, self._inside, self._fits
        end = 1 << len(self._tokens)
        states = 1 | (loops & 1) << 1
        for token in pattern:
            if token is _GLOBSTAR:
                states = (end << 1) - (states & -states)
            elif token is _STAR:
                states |= ((states & inside) + inside) ^ inside  # the carry reaches all up to the next "/"
            else:
                if token not in fits:
                    fits[token] = _bits(self._tokens, partial(_common, token))
                reached = states & fits[token]
                states = (reached & ~loops) << 1 | (reached & loops)
            states |= (states & loops) << 1
            if not states:
                return False
        return bool(states & end)


def climbs(name: str) -> bool:
    read = name if name.isprintable() else name.translate(_DROPPED)
    return (".." in read or "%2" in read) and _CLIMBS.search(read) is not None


def _has_one_wildcard(pattern: str) -> bool:
    return sum(token in _WILD for token in _compile(pattern)[1]) == 1


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """What tells whether a whole name matches the pattern: in one comparison of strings if it has one wildcard."""
    literal, tokens = _compile(pattern)
    if not tokens:
        return pattern.__eq__
    tail = ends(pattern)[1]
    first, last = len(literal), len(tail)
    if not _has_one_wildcard(pattern):
        automata = _Automata([pattern])
        return lambda name: bool(automata.matching(name))
    wildcard = tokens[0]

    def match(name: str) -> bool:
        size = len(name) - last
        if size < first or not (name.startswith(literal) and name.endswith(tail)):
            return False
        if wildcard is _ANY and size != first + 1:
            return False
        return wildcard is _GLOBSTAR or name.find("/", first, size) < 0

    return match


class _Automata:
    """Patterns with several wildcards, all followed at once: the positions reached in all are bits of one number."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._stay = self._stay_at_slash = self._any = 0
        self._step: dict[object, int] = {"/": 0}
        self._patterns = []
        begin = 0
        for pattern in patterns:
            literal, tokens = _compile(pattern)
            steps = [token for token in tokens if token not in _LOOPS]
            # Before which step, or at the end, a wildcard may take any number of characters; and the same of "/".
            before = [
                token for token, follows in zip((None, *tokens), (*tokens, None), strict=True) if follows not in _LOOPS
            ]
            self._stay |= _bits(before, lambda token: token in _LOOPS) << begin
            self._stay_at_slash |= _bits(before, lambda token: token is _GLOBSTAR) << begin
            self._any |= _bits(steps, lambda token: token is _ANY) << begin
            for token in {*steps} - {_ANY}:
                self._step.setdefault(token, 0)
            self._patterns.append((pattern, literal, ends(pattern)[1], begin, steps))
            begin += len(steps) + 1
        for token in self._step:
            self._step[token] = sum(
                _bits(steps, partial(_common, token)) << begin for *_, begin, steps in self._patterns
            )

    def matching(self, name: str) -> set[str]:
        """Those of the patterns, which begin alike, that match `name`."""
        open_to = [one for one in self._patterns if name.startswith(one[1]) and name.endswith(one[2])]
        states, step, otherwise = sum(1 << begin for *_, begin, _ in open_to), self._step, self._any
        stay, at_slash = self._stay, self._stay_at_slash
        for character in name[len(open_to[0][1]) :] if open_to else "":
            kept = states & (at_slash if character == "/" else stay)
            states = (states & step.get(character, otherwise)) << 1 | kept
            if not states:
                break
        return {pattern for pattern, _, _, begin, steps in open_to if states >> (begin + len(steps)) & 1}


def _bits(tokens: Iterable[object], holds: Callable[[Any], bool]) -> int:
    """A number with a one at the position of each token of which something holds."""
    return sum(1 << at for at, token in enumerate(tokens) if holds(token))


@lru_cache(maxsize=64)
def _positions(pattern: str) -> _Positions:
    return _Positions(_tokens(pattern))


@lru_cache(maxsize=1024)
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
        if character == "*" and tokens and tokens[-1] in _LOOPS:
            tokens[-1] = _GLOBSTAR
        else:
            tokens.append({"*": _STAR, "?": _ANY}.get(character, character))
    return pattern[:length], tuple(tokens)
