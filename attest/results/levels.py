"""Levels of SLSA tracks, and which of two is higher.

Rule: levels of different tracks are never compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEVEL: Final = re.compile(r"(.+_LEVEL_)([0-9]{1,3})", re.ASCII)


def one_of_each_track(levels: Iterable[str]) -> tuple[str, ...]:
    """Of each track the highest level: a VSA names at most one of a track."""
    tracks: dict[str, str] = {}
    for level in levels:
        track, number = _track(level)
        if track not in tracks or number > _track(tracks[track])[1]:
            tracks[track] = level
    return tuple(tracks.values())


def reaches(had: str, wanted: str) -> bool:
    """Whether a level is another one, or above it in the same track."""
    track, number = _track(wanted)
    return had == wanted or (_track(had)[0] == track and number >= 0 and _track(had)[1] >= number)


def _track(level: str) -> tuple[str, int]:
    found = _LEVEL.fullmatch(level)
    return (found[1], int(found[2])) if found else (level, -1)
