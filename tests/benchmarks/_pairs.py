"""Timing by turns: every round measures each contender once, so that a machine that slows down slows all of them.

Rule: many short rounds, and the median of their ratios (docs/adr/0017-benchmarks-take-turns.md).
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def by_turns(contenders: Mapping[str, Callable[[], object]], *, rounds: int, calls: int) -> dict[str, list[float]]:
    """Seconds a call of each contender in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(rounds):
        for name, call in contenders.items():
            began = perf_counter()
            for _ in range(calls):
                call()
            seconds[name].append((perf_counter() - began) / calls)
    return seconds


def ratio(seconds: Mapping[str, list[float]], of: str, to: str) -> float:
    """How many times the rate of `to` the rate of `of` is: the median over the rounds."""
    return median(other / own for own, other in zip(seconds[of], seconds[to], strict=True))
