"""`python -m tests.benchmarks.hsm_soak [COUNT]`: so many P-256 signatures in SoftHSM, and what they leave behind.

COUNT is a million, if it is not given. The exit code is 1 if memory, file descriptors or threads have grown.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import attest
from tests.support.tokens.hsm import SoftHSM

SETTLED = 50_000
MIB = 5.0  # what memory may grow by after that: allocators keep pages


class Used(NamedTuple):
    """What this process uses: MiB of memory, file descriptors, threads."""

    mib: float
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return f"{self.mib:.1f} MiB, {self.descriptors} file descriptors, {self.threads} threads"


def used() -> Used:
    """As it is now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    size = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return Used(size, len(os.listdir("/proc/self/fd")), threading.active_count())


def main() -> int:
    """Print what is used as it goes, and what has grown after the first 50,000, or half of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    settled = min(SETTLED, count // 2)
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256")
        before, began = used(), time.perf_counter()
        with attest.open_signer(hsm.uri()) as signer:
            for number in range(1, count + 1):
                signer.sign(b"%d" % number)
                if number == settled:
                    before = used()
                if number % max(1, count // 10) == 0:
                    rate = number / (time.perf_counter() - began)
                    print(f"{number:>9} signatures, {rate:7.0f} a second, {used()}", flush=True)
            after = used()
    grown = after.mib - before.mib
    flat = grown <= MIB and after.descriptors <= before.descriptors and after.threads <= before.threads
    print(f"after the first {settled}: grew by {grown:.2f} MiB; {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
