"""`python -m tests.benchmarks.bulk [MILLIONS]`: many envelopes, one process beside two, and what memory it takes.

Each envelope is a SLSA provenance of 1.5 KB with a subject of its own, signed with Ed25519.
"""

from __future__ import annotations

import resource
import sys
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median
from time import perf_counter
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


def main() -> None:
    """Print rates, their ratio, and the memory of this process; a worker has less, as it holds no more than chunks."""
    envelopes, trust = made()
    number = 30_000 if len(sys.argv) < 2 else int(float(sys.argv[1]) * 1_000_000)
    rounds = 7 if len(sys.argv) < 2 else 1
    pairs = [tuple(rate(envelopes, trust, number, workers) for workers in (1, 2)) for _ in range(rounds)]
    for workers, found in zip((1, 2), zip(*pairs, strict=True), strict=True):
        print(f"{workers} worker{'s' if workers > 1 else ' '}  {median(found):8.0f} envelopes a second")
    print(f"ratio      {median(two / one for one, two in pairs):8.2f} (target 1.9)")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:4} MiB at most in this process")


if __name__ == "__main__":
    main()
