"""The form in which a benchmark declares what it measures, and with what target.

Rule: a benchmark is a module of this folder with `SECONDS`, `MEASURES` and `run`, and nothing else has to know of it.

    SECONDS = 20                       # what `run` may take, its preparation included, where all of them are run
    MEASURES = {
        "ed25519": Measure("18.1", "Ed25519 verified, of libsodium's rate", at_least=0.55),
        "memory": Measure("18.3", "memory of this process", "MiB"),            # no target: it is only reported
    }

    def run(seconds: float) -> Iterator[tuple[str, float]]:
        yield "ed25519", 0.57          # each key of MEASURES once, as soon as it is known
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Measure:
    """What is measured: the issue and item that promise it, a short text (at most 56 characters), the unit, the target.

    A ratio has the unit `times`. Without a target a measure is only reported.
    """

    promise: str
    what: str
    unit: str = "times"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        """As the table shows it."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "no target" if self.at_most is None else f"<= {self.at_most:g}"

    def falls_short(self, value: float) -> bool:
        """Whether `value` misses the target; without one, nothing does."""
        too_low = self.at_least is not None and value < self.at_least
        return too_low or (self.at_most is not None and value > self.at_most)


class Benchmark(Protocol):
    """What a module of this folder has."""

    SECONDS: float
    MEASURES: Mapping[str, Measure]

    def run(self, seconds: float) -> Iterator[tuple[str, float]]:
        """Measure for about so many seconds: fewer rounds if they are few, more if they are many."""


NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
TOGETHER = 270.0  # seconds for all of them; a test adds up what they declare


def load(name: str) -> Benchmark:
    """The benchmark with this name."""
    return cast("Benchmark", import_module(f"tests.benchmarks.{name}"))


def rank(benchmark: Benchmark) -> tuple[int, int]:
    """Its place among the others: by the first promise, that of the last issue before all."""
    issue, _, item = next(iter(benchmark.MEASURES.values())).promise.partition(".")
    return -int(issue), int(item or 0)


def main() -> None:
    """`python -m tests.benchmarks._measures NAME SECONDS`: run one, and print what it finds, as the runner reads it."""
    name, seconds = sys.argv[1:]
    benchmark = load(name)
    for key, value in benchmark.run(float(seconds)):
        assert key in benchmark.MEASURES, f"{name} does not declare {key}"
        print(json.dumps([key, value]), flush=True)


if __name__ == "__main__":
    main()
