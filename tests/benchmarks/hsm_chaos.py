"""`python -m tests.benchmarks.hsm_chaos [SECONDS] [SEED ...]`: long storms, with their figures."""

from __future__ import annotations

import sys

from tests.support.tokens.chaos import storm_elsewhere


def main() -> None:
    """Print what came of each; the target for p99 is 100 ms, and none for errors."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    for seed in map(int, sys.argv[2:] or ("7",)):
        result = storm_elsewhere(seed, seconds)
        print(result, flush=True)
        for error in result.errors[:10]:
            print("error", error)


if __name__ == "__main__":
    main()
