"""`python -m tests.collected`: every test module can be imported, and is compiled before several processes need it.

Rule: nothing is tested here. pytest rewrites the asserts of a module when it compiles it, which takes longer than all
else that collecting does, and processes that begin at the same time would each do it.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout

import pytest


def main() -> int:
    """Collect all tests; what pytest prints is shown where that fails."""
    with redirect_stdout(io.StringIO()) as printed:
        code = pytest.main(["--collect-only", "-q"])
    lines = printed.getvalue().rstrip().splitlines()
    print(*(lines if code != 0 else lines[-1:]), sep="\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
