"""A storm over two tokens that hold one key, with eight threads that sign: what came of it.

`--seconds 60` is a long one. The rest is in tests/signers/pkcs11/test_chaos.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks._measures import Measure
from tests.support.tokens.chaos import BACK, storm_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 20.0
SEED: Final = 7
MEASURES: Final = {
    "faults": Measure("13", "storm: wrong, lost, duplicated or stuck", "faults", at_most=0),
    "errors": Measure("3", "storm: errors while one token was up", "errors", at_most=0),
    "back": Measure("13", "storm: all tokens are back after", "s", at_most=BACK),
    "descriptors": Measure("13", "storm: more file descriptors than before", "files", at_most=0),
    "p99": Measure("3", "storm: all but 1 of 100 signatures take at most", "ms", at_most=100),
    "signatures": Measure("13", "storm: signatures that were made", "in all"),
}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Half of the time is for starting the tokens, and for coming back."""
    result = storm_elsewhere(SEED, seconds / 2)
    before, after = result.descriptors
    yield "faults", result.wrong + result.lost + result.twice + result.stuck
    yield "errors", len(result.errors)
    yield "back", result.back_after
    yield "descriptors", max(0, after - before)
    yield "p99", result.p99 * 1000
    yield "signatures", len(result.seconds)
