"""`python -m tests.benchmarks [NAME ...]`: those benchmarks, or all that need no token, each in its own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> int:
    """Run them one after another, since two at once would measure each other; the first that fails ends it."""
    for name in sys.argv[1:] or [name for name in NAMES if not name.startswith("hsm_")]:
        if name not in NAMES:
            print(f"there is no benchmark {name}; there are {', '.join(NAMES)}", file=sys.stderr)
            return 2
        print(f"# {name}", flush=True)
        ran = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False)
        if ran.returncode != 0:
            return ran.returncode
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
