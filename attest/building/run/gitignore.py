"""The patterns of one `.gitignore` (gitignore(5)), asked about one path below it at a time.

Rule: what is ignored is what git would ignore by that file alone; git itself, its index and its settings aren't asked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-\\/:-@\\[-`{-~",
    "space": " \t\n\r\v\f",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_NAMED = re.compile(r"\[:(\w*):\]", re.ASCII)
_NOTHING = re.compile(r"(?!)")
_STARS = re.compile(r"\*{2,}")
_ANY = "**"


class _Pattern(NamedTuple):
    """One line: segments to be matched one by one, `**` for any number of them."""

    segments: tuple[str, ...]
    negated: bool
    folders_only: bool


class Ignores:
    """The lines of a `.gitignore`."""

    def __init__(self, text: bytes) -> None:
        # As git does, in bytes: Latin-1 makes a character of each.
        lines = text.removeprefix(b"\xef\xbb\xbf").decode("latin-1").split("\n")
        self._patterns = [pattern for line in reversed(lines) if (pattern := _parse(line)) is not None]

    def verdict(self, path: Sequence[str], *, is_folder: bool) -> bool | None:
        """Whether the last pattern that matches `path`, its segments from here, ignores it; None if none matches.

        What is in an ignored folder is ignored with it: that is for the caller to know.
        """
        segments = tuple(segment.encode("utf-8", "surrogateescape").decode("latin-1") for segment in path)
        for pattern in self._patterns:
            if (is_folder or not pattern.folders_only) and _matches(pattern.segments, segments):
                return not pattern.negated
        return None


def _parse(line: str) -> _Pattern | None:
    line = re.sub(r"(?<!\\)((?:\\\\)*) +$", r"\1", line.removesuffix("\r"))
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    line = line.removeprefix("!")
    folders_only = line.endswith("/")
    line = line.removesuffix("/")
    anchored = "/" in line
    # Three stars and more mean what two mean.
    segments = tuple(_ANY if _STARS.fullmatch(one) else one for one in _split(line.removeprefix("/")))
    if "" in segments:
        return None  # matches no path
    return _Pattern(segments if anchored else (_ANY, *segments), negated, folders_only)


def _split(line: str) -> list[str]:
    """The segments of a pattern; a slash in brackets parts none, though it matches nothing there."""
    segments = [""]
    at = 0
    while at < len(line):
        bracket = _bracket(line[at + 1 :]) if line[at] == "[" else None
        if line[at] == "/":
            segments.append("")
            at += 1
        elif line[at] == "\\" and line[at + 1 : at + 2] == "/":
            at += 1  # it is a slash all the same
        else:
            after = at + 1 + (line[at] == "\\") if bracket is None else len(line) - len(bracket[1])
            segments[-1] += line[at:after]
            at = after
    return segments


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether the whole of `path` matches, all ways through `**` followed at once."""
    reached = {0}
    for segment in path:
        step = set()
        for at in _past_globstars(reached, pattern):
            if at == len(pattern):
                continue
            if pattern[at] == _ANY:
                step |= {at, at + 1} if at == len(pattern) - 1 else {at}
            elif _compiled(pattern[at]).match(segment):
                step.add(at + 1)
        reached = step
    return len(pattern) in reached


def _past_globstars(reached: set[int], pattern: tuple[str, ...]) -> set[int]:
    """The places reached, and those behind a `**` that stands for nothing; at the end it must stand for something."""
    found = set(reached)
    for at in reached:
        while at < len(pattern) - 1 and pattern[at] == _ANY:
            at += 1
            found.add(at)
    return found


@lru_cache(maxsize=4096)
def _compiled(segment: str) -> re.Pattern[str]:
    """A glob within one segment, as an expression; one that git can't make sense of matches nothing."""
    pieces = [""]
    rest = segment
    while rest:
        character, rest = rest[0], rest[1:]
        if character == "*":
            pieces.append("")
            continue
        if character == "?":
            one = "."
        elif character == "[":
            bracket = _bracket(rest)
            if bracket is None:
                return _NOTHING
            one, rest = bracket
        elif character == "\\":
            if not rest:
                return _NOTHING
            one, rest = re.escape(rest[0]), rest[1:]
        else:
            one = re.escape(character)
        pieces[-1] += one
    first, *others = pieces
    # Each `*` but the last takes the first place that will do, for good: no backtracking from one into another.
    between = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    return re.compile(first + between + "".join(f".*{piece}" for piece in others[-1:]) + r"\Z", re.DOTALL)


def _bracket(rest: str) -> tuple[str, str] | None:
    """The expression for a bracket whose `[` has been read, and what comes after it; None for one that never ends."""
    negated = rest[:1] in ("!", "^") and rest != ""
    at = start = 1 if negated else 0
    inside = ""
    while at < len(rest):
        if rest[at] == "]" and at > start:
            inverse = "^" if negated else ""
            return f"[{inverse}{inside}]" if inside else "." if negated else "(?!)", rest[at + 1 :]
        named = _NAMED.match(rest, at)
        if named:
            if named[1] not in _CLASSES:
                return None
            inside += _CLASSES[named[1]]
            at = named.end()
            continue
        low, at = _one(rest, at)
        if rest[at : at + 1] == "-" and rest[at + 1 : at + 2] not in ("", "]"):
            high, at = _one(rest, at + 1)
            inside += f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low)
        else:
            inside += re.escape(low)
    return None


def _one(rest: str, at: int) -> tuple[str, int]:
    """The character at a place in a bracket, without the backslash that may be before it, and the place behind it."""
    at += rest[at] == "\\"
    return rest[at : at + 1], at + 1
