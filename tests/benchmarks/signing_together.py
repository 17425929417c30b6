"""`python -m tests.benchmarks.signing_together`: several signers in one act beside the slowest of them alone.

The signers are simulated, with 200 ms and 150 ms of latency.
"""

from __future__ import annotations

from functools import partial
from statistics import median

import attest
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.builders import statement

SLOW, QUICK = "sim:slow?latency=200", "sim:quick?latency=150"


def main() -> None:
    """Print milliseconds and their ratios, medians of 20."""
    what = statement()
    seven = [f"sim:quick{number}?latency=150" for number in range(7)]
    groups = {"the slower one": [SLOW], "both": [SLOW, QUICK], "eight": [SLOW, *seven]}
    acts = {
        name: partial(attest.sign, what, [attest.open_signer(uri) for uri in uris]) for name, uris in groups.items()
    }
    seconds = by_turns(acts, rounds=20, calls=1)
    for name, times in seconds.items():
        slower = 1 / ratio(seconds, of=name, to="the slower one")
        print(f"{name:<16} {median(times) * 1000:7.1f} ms   {slower:5.2f} times the slower one")


if __name__ == "__main__":
    main()
