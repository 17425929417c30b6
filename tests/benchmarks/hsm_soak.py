"""P-256 signatures in SoftHSM, one after another, and what they leave behind in this process.

A million take about five minutes: `--seconds 300`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

import attest
from tests.benchmarks._measures import Measure
from tests.support.tokens.hsm import SoftHSM

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 8.0
MEASURES: Final = {
    "memory": Measure("13", "many signatures: memory grows by", "MiB", at_most=5),  # allocators keep pages
    "descriptors": Measure("13", "many signatures: file descriptors and threads more", "in all", at_most=0),
    "signatures": Measure("13", "many signatures: a second", "a second"),
}


class Used(NamedTuple):
    """What this process uses: MiB of memory, and file descriptors and threads together."""

    mib: float
    handles: int


def used() -> Used:
    """As it is now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    size = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return Used(size, len(os.listdir("/proc/self/fd")) + threading.active_count())


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Growth is counted after the first fifth."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256")
        with attest.open_signer(hsm.uri()) as signer:
            began, number, before = monotonic(), 0, used()
            while (spent := monotonic() - began) < seconds * 3 / 4 or not number:
                for _ in range(100):
                    number += 1
                    signer.sign(b"%d" % number)
                if spent < seconds / 5:
                    before = used()
            after = used()
    yield "memory", max(0.0, after.mib - before.mib)
    yield "descriptors", max(0, after.handles - before.handles)
    yield "signatures", number / spent
