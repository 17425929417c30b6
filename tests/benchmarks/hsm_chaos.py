"""`python -m tests.benchmarks.hsm_chaos [SECONDS] [SEED]`: one long storm, with its figures."""

from __future__ import annotations

import sys

from tests.chaos import storm


def main() -> None:
    """Print what came of it; the target for p99 is 100 ms, and none for errors."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    result = storm(seed, seconds)
    print(result)
    for error in result.errors[:10]:
        print("error:", error)


if __name__ == "__main__":
    main()
