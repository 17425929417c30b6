"""One envelope of a command line, and what verification said of it.

Rule: it only holds; `_verifying` makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from attest.envelope import Envelope
    from attest.errors import AttestError
    from attest.results.verified import Verified


class CheckedEnvelope(NamedTuple):
    """One envelope and what became of it.

    `is_one_of_many` says that it came out of a folder or with other lines; one of those that is not `understood`
    decides nothing.
    """

    name: str
    outcome: Verified | AttestError
    is_one_of_many: bool
    understood: bool = True
    unchecked: tuple[str, ...] = ()
    envelope: Envelope | None = None
