"""The entry point of the program, `attest` and `python -m attest`.

Rule: whatever happens, even on the way to the command line, never ends with Python's own exit 1, which means "no".
"""

from __future__ import annotations

import sys
import warnings

_BUG = 70


def main() -> None:
    """Run the command line and exit with its code."""
    code = _BUG
    if not sys.warnoptions:
        # What libraries have to say of the certificates in an input is for developers, and no prose of this program.
        warnings.simplefilter("ignore")
    try:
        from attest import cli

        code = cli.main(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:  # noqa: BLE001
        print(f"attest: error: this is a bug in attest ({type(error).__name__})", file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
