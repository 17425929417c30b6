"""What was decided about a collection of attestations: each entry, what is ignored and why, and the result.

Rule: a report only reports; its existence proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attest.errors import AttestError

if TYPE_CHECKING:
    from datetime import datetime

    from attest.envelope import Envelope
    from attest.results.decisions import Decisions
    from attest.results.verified import Verified


class CheckedEnvelope(NamedTuple):
    """One entry, and the result of its verification.

    `is_one_of_many`: it is from a collection. `is_ignored`: so it has no effect on the result, because it does not
    verify or is a copy. `is_readable`: it is an attestation at all. `position` is its place among all entries.
    `unchecked` are sentences: what a container claims besides its envelope and nobody checks. `envelope` is None if it
    does not verify.
    """

    name: str
    outcome: Verified | AttestError
    is_one_of_many: bool = False
    is_ignored: bool = False
    is_readable: bool = True
    position: int = 0
    unchecked: tuple[str, ...] = ()
    envelope: Envelope | None = None


class Reason(NamedTuple):
    """The entries that did not verify with one code, readable or not.

    Their number, the most telling error, and the first of them.
    """

    code: str
    is_readable: bool
    number: int
    error: AttestError
    first: tuple[CheckedEnvelope, ...]


class CollectionReport(NamedTuple):
    """What was decided. `refusal` is the reason for a no, or None for a yes.

    `number` attestations verified: these are `verified`. `refused` did not verify, although each of them had to.
    `ignored` did not verify, and are from collections: by reason, the most telling reason first. `policy` is the
    decision of the policies, if there are any and something verified.
    """

    now: datetime
    number: int
    verified: tuple[CheckedEnvelope, ...]
    refused: tuple[Reason, ...]
    ignored: tuple[Reason, ...]
    policy: Decisions | None
    refusal: AttestError | None

    @property
    def proofs(self) -> list[tuple[str, Verified]]:
        """What verified, with its name."""
        return [(one.name, one.outcome) for one in self.verified if not isinstance(one.outcome, AttestError)]


def number_of(reasons: tuple[Reason, ...]) -> int:
    """The number of entries."""
    return sum(one.number for one in reasons)


def by_code(reasons: tuple[Reason, ...]) -> dict[str, int]:
    """The number of entries with each code."""
    found: dict[str, int] = {}
    for one in reasons:
        found[one.code] = found.get(one.code, 0) + one.number
    return found


def counted(reasons: tuple[Reason, ...]) -> str:
    """`2 predicate-type-mismatch, 1 threshold-not-met`."""
    return ", ".join(f"{number:,} {code}" for code, number in by_code(reasons).items())
