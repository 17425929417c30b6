"""Several signers in one act, beside the slowest of them alone: signers with 200 ms and 150 ms of latency."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import attest
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.making.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 6.0
MEASURES: Final = {
    "two": Measure("4", "two slow signers, times the slower one's time", at_most=1.2),
    "eight": Measure("4", "eight slow signers, times the slowest one's time"),
}
SLOW, QUICK = "sim:slow?latency=200", "sim:quick{}?latency=150"


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Wall time, because it is waiting that is shared; medians of turns."""
    what = statement()
    groups = {name: [SLOW, *map(QUICK.format, range(more))] for name, more in (("one", 0), ("two", 1), ("eight", 7))}
    acts = {
        name: partial(attest.sign, what, [attest.open_signer(uri) for uri in uris]) for name, uris in groups.items()
    }
    measured = by_turns(acts, calls=1, seconds=seconds - 2)
    yield "two", ratio(measured, of="one", to="two")
    yield "eight", ratio(measured, of="one", to="eight")
