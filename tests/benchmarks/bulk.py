"""`python -m tests.benchmarks.bulk [MILLIONS]`: many envelopes, one process beside two, and what memory it takes.

Each envelope is a SLSA provenance of 1.5 KB with a subject of its own, signed with Ed25519.
"""

from __future__ import annotations

import resource
import sys
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import attest
from attest.bulk import verify_many
from attest.trust import editing
from tests.benchmarks.hot_path import PROVENANCE

if TYPE_CHECKING:
    from attest import TrustBundle

DIFFERENT = 2_000


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


def cpu(envelopes: list[bytes], trust: TrustBundle, number: int) -> tuple[float, float]:
    """Microseconds of CPU for an envelope: of this process, and of its two workers with their start."""
    before, own = resource.getrusage(resource.RUSAGE_CHILDREN), process_time()
    good = sum(
        one.verified is not None
        for one in verify_many(islice(cycle(envelopes), number), trust, artifacts=None, workers=2)
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert good == number
    theirs = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (process_time() - own) / number * 1e6, theirs / number * 1e6


def beside_a_loop(envelopes: list[bytes], trust: TrustBundle) -> float:
    """How many times the rate of a loop over `verify` that of `verify_many` in one process is, in CPU time: of minima."""
    seconds: dict[str, list[float]] = {"many": [], "loop": []}
    for _ in range(20):
        began = process_time()
        for _ in verify_many(envelopes, trust, artifacts=None, workers=1):
            pass
        between = process_time()
        for envelope in envelopes:
            attest.verify(envelope, trust, artifacts=None)
        seconds["many"].append(between - began)
        seconds["loop"].append(process_time() - between)
    return min(seconds["loop"]) / min(seconds["many"])


def main() -> None:
    """Print rates, their ratio, and the memory of this process; a worker has less, as it holds no more than chunks."""
    envelopes, trust = made()
    print(f"one process {beside_a_loop(envelopes[:500], trust):7.2f} times the rate of a loop (target 0.95)")
    own, theirs = cpu(envelopes, trust, 20_000)
    print(
        f"CPU for an envelope: {own:.0f} us here, {theirs:.0f} us in two workers; so at most {theirs / max(own, theirs / 2):.2f} times one"
    )
    number = 30_000 if len(sys.argv) < 2 else int(float(sys.argv[1]) * 1_000_000)
    rounds = 7 if len(sys.argv) < 2 else 1
    pairs = [tuple(rate(envelopes, trust, number, workers) for workers in (1, 2)) for _ in range(rounds)]
    for workers, found in zip((1, 2), zip(*pairs, strict=True), strict=True):
        print(f"{workers} worker{'s' if workers > 1 else ' '}  {median(found):8.0f} envelopes a second")
    print(f"ratio      {median(two / one for one, two in pairs):8.2f} (target 1.8, on two idle processors)")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:4} MiB at most in this process")


if __name__ == "__main__":
    main()
