"""Timing by turns: every round measures each contender once, so that a machine that slows down slows all of them.

Rule: many short rounds, and what is compared is of the same rounds (docs/adr/0017-benchmarks-take-turns.md).
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FEWEST = 3


def by_turns(
    contenders: Mapping[str, Callable[[], object]],
    *,
    calls: int,
    rounds: float = inf,
    seconds: float = inf,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, list[float]]:
    """Seconds a call of each contender in each round, by `clock`: so many rounds, or as many as `seconds` allow.

    `process_time` as the clock leaves out what other processes take, and what is done in them.
    """
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    end = monotonic() + seconds
    for call in contenders.values():
        call()
    done = 0
    while done < rounds and (done < FEWEST or monotonic() < end):
        for name, call in contenders.items():
            began = clock()
            for _ in range(calls):
                call()
            measured[name].append((clock() - began) / calls)
        done += 1
    return measured


def ratio(seconds: Mapping[str, list[float]], of: str, to: str) -> float:
    """How many times the rate of `to` the rate of `of` is: the median over the rounds."""
    return median(other / own for own, other in zip(seconds[of], seconds[to], strict=True))


def best_ratio(seconds: Mapping[str, list[float]], of: str, to: str) -> float:
    """The same of the best rounds: what both can do where nothing disturbs them. It needs a hundred rounds or more."""
    return min(seconds[to]) / min(seconds[of])


def children_time() -> float:
    """A clock that counts the CPU time of processes that were started here and have ended."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def most_memory() -> float:
    """The most memory that this process has had so far, in MiB."""
    # `getrusage` would also count what the process that started this one had.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
