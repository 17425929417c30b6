"""Exit codes: what each error ends a command with, and which of several errors that is.

Rule: a rejection is reported rather than an error that left something undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.errors import AttestError, Rejected, SignerError

if TYPE_CHECKING:
    from collections.abc import Iterable

OK, REJECTED, USAGE, UNREADABLE, UNAVAILABLE, BUG = 0, 1, 2, 3, 4, 70
INTERRUPTED, BROKEN_PIPE = 130, 141

_RANKS = (REJECTED, UNAVAILABLE, UNREADABLE)


def code(error: AttestError) -> int:
    """The exit code of a command that ends with `error`."""
    return REJECTED if isinstance(error, Rejected) else UNAVAILABLE if isinstance(error, SignerError) else UNREADABLE


def gravest(errors: Iterable[AttestError]) -> AttestError:
    """The error that a command ends with which met all of these: the first of the gravest."""
    return min(errors, key=lambda error: _RANKS.index(code(error)))
