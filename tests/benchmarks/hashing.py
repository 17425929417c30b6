"""256 MiB in 250 files, hashed by us and by sha256sum, on one processor and on two; and two large files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from attest.building import subjects, trees
from attest.building.run import snapshot
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, most_memory, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 12.0
FILES: Final = 250
SIZE: Final = (1 << 28) // FILES
LARGE: Final = 1 << 28
MEASURES: Final = {
    "one": Measure("5", "hash a folder on one processor, times sha256sum's time", at_most=1.15),
    "two": Measure("5", "hash a folder on two processors, times one's rate"),
    "large": Measure("18.5", "hash two files of 256 MiB at once, times one's rate", at_least=1.8),
    "memory": Measure("5", "hash a folder, memory of this process", "MiB", at_most=100),
}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Wall time, because the work is shared out; medians of turns."""
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

        contenders = {"one": lambda: ours(1), "sha256sum": theirs, "two": lambda: ours(2)}
        measured = by_turns(contenders, calls=1, seconds=(seconds - 5) / 2)
        for name in names:
            os.unlink(name)

        # Bytes that take memory, which a file of zeros that has no blocks would not.
        files = [os.path.join(folder, name) for name in ("one", "two")]
        for path in files:
            with open(path, "wb") as stream:
                for _ in range(LARGE >> 20):
                    stream.write(os.urandom(1 << 20))
        os.sched_setaffinity(0, available[:2])
        hash_two = {"one": lambda: subjects.from_arguments(files[:1]), "two": lambda: subjects.from_arguments(files)}
        large = by_turns(hash_two, calls=1, seconds=(seconds - 5) / 2)
    yield "one", ratio(measured, of="sha256sum", to="one")
    yield "two", ratio(measured, of="two", to="one")
    yield "large", 2 * ratio(large, of="two", to="one")
    yield "memory", most_memory()
