"""zuul-registry in an environment of its own, from pip: `python -m tests.support.services.zuul_registry`.

It is not part of the test command: one of its libraries has no wheel, and needs a C compiler.

Rule: it is a program that is started, and never imported: it is under the GPL, and brings 150 MB of libraries.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENT = "zuul-registry==1.3.0"
FOLDER = Path(sys.prefix, "zuul-registry")
PROGRAM = FOLDER / "bin" / "zuul-registry"


def main() -> int:
    """Install it, unless it is there already. It is kept below the environment that runs this, for the next time."""
    made = FOLDER / "made.txt"
    if not made.is_file() or made.read_text() != REQUIREMENT:
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        install = ["pip", "install", "-qq", "--disable-pip-version-check", REQUIREMENT]
        subprocess.run([FOLDER / "bin" / "python", "-m", *install], check=True)
        made.write_text(REQUIREMENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
