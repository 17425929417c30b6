"""The entry point of the program, `attest` and `python -m attest`.

Rule: no error, even while modules are imported, ends with the exit status 1 of Python, which means "rejected".
"""

from __future__ import annotations

import gc
import sys
import warnings

_BUG = 70


def main() -> None:
    """Run the command line and exit with its code."""
    code = _BUG
    # A command keeps its modules and its JSON, so there is nothing to collect; looking for it took 12 ms of 200.
    gc.set_threshold(50_000, 10, 10)
    if not sys.warnoptions:
        # Warnings of libraries about certificates in an input are for developers, and not in the form of our messages.
        warnings.simplefilter("ignore")
    try:
        from attest import cli

        code = cli.main(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:  # noqa: BLE001
        print(f"attest: error: internal error ({type(error).__name__})", file=sys.stderr)  # noqa: T201
    # Before it ends, Python looks through all objects once more, which took 20 ms; now there are none for that.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
