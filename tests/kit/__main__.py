"""The conformance kit: `python -m tests.kit make` writes its scenarios again, `python -m tests.kit run CLIENT...` asks.

`run` is fixtures/kit/run.py, which needs nothing of this repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.kit.scenarios import FOLDER, made, stored


def write() -> None:
    """Write the scenarios, in place of what is there."""
    shutil.rmtree(FOLDER / "scenarios", ignore_errors=True)
    for path, scenario in made().items():
        target = FOLDER / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stored(scenario))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            write()
        case ["run", *arguments]:
            sys.exit(subprocess.call([sys.executable, str(FOLDER / "run.py"), *arguments]))
        case _:
            sys.exit("usage: python -m tests.kit make | run CLIENT...")
