"""`python -m tests.benchmarks.hsm_soak [COUNT]`: so many P-256 signatures in SoftHSM, and what they cost in memory."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import attest
from tests.support.tokens.hsm import SoftHSM

SETTLED = 50_000


def resident() -> float:
    """MiB of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


def main() -> None:
    """Print memory as it goes; the target is 5 MB of growth after the first 50,000."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256")
        began, settled = time.perf_counter(), 0.0
        with attest.open_signer(hsm.uri()) as signer:
            for number in range(1, count + 1):
                signer.sign(b"%d" % number)
                if number == min(SETTLED, count // 2):
                    settled = resident()
                if number % max(1, count // 10) == 0:
                    rate = number / (time.perf_counter() - began)
                    print(f"{number:>9} signatures, {rate:7.0f} a second, {resident():.1f} MiB", flush=True)
            grown = resident() - settled
        print(f"grew by {grown:.2f} MiB after the first {min(SETTLED, count // 2)}")


if __name__ == "__main__":
    main()
