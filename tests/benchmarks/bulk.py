"""Many envelopes: a loop over `verify`, `verify_many` in one process and in two, and what memory it takes.

Each envelope is a SLSA provenance of 1.5 KB with a subject of its own, signed with Ed25519. A million take about five
minutes: `--seconds 600`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final

import attest
from attest.bulk import verify_many
from attest.trust import editing
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, most_memory, ratio
from tests.benchmarks.hot_path import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest import TrustBundle

SECONDS: Final = 25.0
DIFFERENT: Final = 2_000
MEASURES: Final = {
    "one": Measure("18.3", "verify_many, one process, of the rate of a loop", at_least=0.95),
    "two": Measure("18.3", "verify_many, two processes, times one's rate", at_least=1.8),
    "rate": Measure("18.3", "verify_many, two processes, envelopes a second", "a second"),
    "memory": Measure("18.3", "verify_many, memory grows after the first tenth by", "MiB", at_most=5),
    "number": Measure("18.3", "verify_many, envelopes for that", "in all"),
}


def made() -> tuple[list[bytes], TrustBundle]:
    """Envelopes, and the trust bundle that they verify by."""
    with attest.open_signer("sim:benchmark") as signer:
        key = signer.public_key
        envelopes = [
            attest.sign(
                attest.Statement.build(
                    [attest.ResourceDescriptor(f"app-{number}.whl", {"sha256": f"{number:064x}"})],
                    predicate_type="slsa-provenance",
                    predicate=PROVENANCE,
                ),
                [signer],
            ).to_json()
            for number in range(DIFFERENT)
        ]
    real = attest.PublicKey(key.algorithm, key.spki)
    return envelopes, editing.create("release", [editing.describe_key(real)], now=datetime.now(UTC))


def rate(envelopes: list[bytes], trust: TrustBundle, number: int, workers: int) -> float:
    """Envelopes a second, the start of the processes left out: their first results come before the clock starts."""
    outcomes = verify_many(islice(cycle(envelopes), number), trust, artifacts=None, workers=workers)
    for _ in islice(outcomes, number // 10):
        pass
    began, good = perf_counter(), 0
    for outcome in outcomes:
        good += outcome.verified is not None
    assert good == number - number // 10
    return good / (perf_counter() - began)


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Medians of turns; the memory is that of this process, and a worker holds no more than chunks."""
    envelopes, trust = made()
    some = envelopes[:1_000]

    def loop() -> None:
        for envelope in some:
            attest.verify(envelope, trust, artifacts=None)

    def many() -> None:
        assert all(outcome.verified for outcome in verify_many(some, trust, artifacts=None, workers=1))

    measured = by_turns({"loop": loop, "many": many}, calls=1, seconds=seconds / 6)
    yield "one", ratio(measured, of="many", to="loop")
    pairs: list[list[float]] = []
    end = monotonic() + seconds / 3
    while len(pairs) < 2 or monotonic() < end:
        pairs.append([rate(envelopes, trust, 5_000, workers) for workers in (1, 2)])
    yield "two", median(two / one for one, two in pairs)
    yield "rate", median(two for _, two in pairs)
    number, before = 0, 0.0
    began = monotonic()
    for outcome in verify_many(cycle(envelopes), trust, artifacts=None, workers=1):
        assert outcome.verified
        number += 1
        spent = monotonic() - began
        before = before or (most_memory() if spent > seconds / 30 else 0.0)
        if spent > seconds / 3:
            break
    yield "memory", most_memory() - before
    yield "number", number
