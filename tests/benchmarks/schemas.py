"""The schema check of a 1.6 KB SLSA provenance beside jsonschema's, in one run.

Both have compiled the same schema beforehand and check formats; `attest` is what verification calls, rules included.
"""

from __future__ import annotations

from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

import jsonschema

from attest.schema.predicate_types import OURS
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, ratio
from tests.benchmarks.hot_path import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 3.0
TARGET: Final = 50
MEASURES: Final = {
    "rate": Measure("5", "schema check of a provenance, times jsonschema's rate", at_least=TARGET),
    "us": Measure("5", "schema check of a provenance", "us"),
}


def measure(rounds: int = 15, calls: int = 40) -> dict[str, list[float]]:
    """Seconds a check of each."""
    check = OURS.for_type("https://slsa.dev/provenance/v1")
    assert check is not None
    peer = jsonschema.Draft202012Validator(check.schema.document, format_checker=jsonschema.FormatChecker())
    assert check.first(PROVENANCE) is None
    assert peer.is_valid(PROVENANCE)
    return by_turns(
        {"attest": lambda: check.first(PROVENANCE), "jsonschema": lambda: peer.is_valid(PROVENANCE)},
        rounds=rounds,
        calls=calls,
        clock=process_time,
    )


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Medians of turns."""
    measured = measure(rounds=max(3, int(seconds * 5)))
    yield "rate", ratio(measured, "attest", "jsonschema")
    yield "us", median(measured["attest"]) * 1e6
