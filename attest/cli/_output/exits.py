"""Exit codes: what each error ends a command with.

Rule: the branch of an error decides, and nothing else.
"""

from __future__ import annotations

from attest.errors import AttestError, Rejected, SignerError

OK, REJECTED, USAGE, UNREADABLE, UNAVAILABLE, BUG = 0, 1, 2, 3, 4, 70
INTERRUPTED, BROKEN_PIPE = 130, 141


def code(error: AttestError) -> int:
    """The exit code of a command that ends with `error`."""
    return REJECTED if isinstance(error, Rejected) else UNAVAILABLE if isinstance(error, SignerError) else UNREADABLE
