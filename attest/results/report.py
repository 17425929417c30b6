"""Reports: what was established about one envelope, up to where it was accepted or refused.

Rule: a report only tells; that it exists proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from attest.artifacts import ArtifactCheck
    from attest.results.decisions import Decisions
    from attest.statement import Statement
    from attest.timestamps.authorities import TimestampCheck


class SignatureCheck(NamedTuple):
    """What became of one signature.

    `keyid` is that of the key that made it, or None where no known key did; `unverified_keyid` is what stood beside
    it. `code` is None if it counted for the `anchors` named, and otherwise says why it didn't. `timestamp` says what
    the timestamps beside it prove, or is None where there are none or no known key made the signature. `checked_by`
    says who found it good: the public key alone, or the signer that holds the key too.
    """

    position: int
    unverified_keyid: str
    keyid: str | None
    algorithm: str | None
    code: str | None
    anchors: tuple[str, ...] = ()
    timestamp: TimestampCheck | None = None
    checked_by: Literal["public-key", "signer"] | None = None


class Report(NamedTuple):
    """What was established about one envelope, up to where it was accepted or refused.

    `anchors` are those whose threshold is met, in a `Verified` only those that may vouch for the statement. What comes
    from the payload is None until the signatures were found good.
    """

    now: datetime
    trust_version: int
    signatures: tuple[SignatureCheck, ...] = ()
    anchors: tuple[str, ...] = ()
    payload_type: str | None = None
    statement: Statement | None = None
    predicate_schema: Literal["checked", "unknown", "skipped"] | None = None
    artifacts: tuple[ArtifactCheck, ...] | None = None
    policy: Decisions | None = None


class RootCheck(NamedTuple):
    """What the signatures on a version are worth to one set of roots: those before it, or its own.

    `roots_version` is the version that names those roots, or None for roots that came alone; `met` says whether as many
    of them as their threshold have signed.
    """

    version: int
    roots_version: int | None
    threshold: int
    signatures: tuple[SignatureCheck, ...]
    met: bool

    @property
    def counted(self) -> int:
        """How many distinct roots have signed."""
        return sum(check.code is None for check in self.signatures)

    @property
    def whose(self) -> str:
        """The roots in words."""
        return "the given roots" if self.roots_version is None else f"the roots of version {self.roots_version}"


@dataclass(slots=True)
class Draft:
    """A report that is being written: its fields, and what isn't known yet is None."""

    now: datetime
    trust_version: int
    signatures: tuple[SignatureCheck, ...]
    anchors: tuple[str, ...]
    payload_type: str | None = None
    statement: Statement | None = None
    predicate_schema: Literal["checked", "unknown", "skipped"] | None = None
    artifacts: tuple[ArtifactCheck, ...] | None = None
    policy: Decisions | None = None

    def done(self) -> Report:
        """The report, as far as it got."""
        return Report(
            self.now,
            self.trust_version,
            self.signatures,
            self.anchors,
            self.payload_type,
            self.statement,
            self.predicate_schema,
            self.artifacts,
            self.policy,
        )
