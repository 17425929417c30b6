"""`python -m tests.benchmarks.schemas`: the schema check of a 1.6 KB SLSA provenance beside jsonschema's, in one run.

Both have compiled the same schema beforehand and check formats; `attest` is what verification calls, rules included.
"""

from __future__ import annotations

import json
from statistics import median

import jsonschema

from attest.schema.predicate_types import OURS
from tests.benchmarks._pairs import by_turns, ratio
from tests.benchmarks.hot_path import PROVENANCE

TARGET = 50


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
    )


def main() -> None:
    """Print the rates and the ratio."""
    seconds = measure()
    print(f"predicate: {len(json.dumps(PROVENANCE, separators=(',', ':')))} bytes")
    for name, measured in seconds.items():
        print(f"{name:<11} {median(measured) * 1e6:9.1f} us, {1 / median(measured):9.0f} a second")
    print(f"attest : jsonschema  {ratio(seconds, 'attest', 'jsonschema'):.0f} times its rate (target {TARGET})")


if __name__ == "__main__":
    main()
