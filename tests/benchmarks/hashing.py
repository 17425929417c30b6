"""`python -m tests.benchmarks.hashing`: 1 GiB in 1,000 files, by us and by sha256sum, on one processor and on two."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from attest.building import trees
from attest.building.run import snapshot
from tests.benchmarks._pairs import by_turns, ratio

FILES = 1000
SIZE = (1 << 30) // FILES


def main() -> None:
    """Print the ratios of wall times."""
    available = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for number in range(FILES):
            Path(folder, f"{number:04}").write_bytes(os.urandom(SIZE))
        names = sorted(str(path) for path in Path(folder).iterdir())

        def ours(processors: int) -> None:
            os.sched_setaffinity(0, available[:processors])
            snapshot.take(folder, trees.find(folder, ["**"], missing="product-missing"))

        def theirs() -> None:
            os.sched_setaffinity(0, available[:1])
            subprocess.run(["sha256sum", *names], stdout=subprocess.DEVNULL, check=True)

        contenders = {"one": lambda: ours(1), "sha256sum": theirs}
        if len(available) > 1:
            contenders["two"] = lambda: ours(2)
        seconds = by_turns(contenders, rounds=5, calls=1)
    for name, times in seconds.items():
        print(f"{name:<10} {min(times):6.2f} s (fastest of {len(times)})")
    print(f"one processor, of sha256sum's time   {ratio(seconds, 'sha256sum', 'one'):5.2f} (target: at most 1.15)")
    if "two" in seconds:
        print(f"two processors, times one's rate     {ratio(seconds, 'two', 'one'):5.2f}")
    print(f"most memory                          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:5} MiB")


if __name__ == "__main__":
    main()
