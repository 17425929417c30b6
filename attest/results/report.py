"""Reports: what was established about one envelope, until it was verified or rejected.

Rule: a report only reports; its existence proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from attest.keys import SIMULATED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from attest.artifacts import ArtifactCheck
    from attest.results.decisions import Decisions
    from attest.statement import Statement
    from attest.timestamps.authorities import TimestampCheck


class CountedSigner(NamedTuple):
    """Who made a signature that counts, and for what: one of `identities` (of a key that is listed, its keyid).

    Signers with the same `keyid` or the same `name` are the same.
    """

    position: int
    keyid: str
    name: str
    identities: tuple[str, ...]

    @property
    def shown(self) -> str:
        """How messages call it."""
        return f"key {self.keyid[:12]}" if self.name == self.keyid else self.name


class UnverifiedIdentity(NamedTuple):
    """Who the certificate of a signature claims to name, and whose source it says was built: nothing confirms it."""

    issuer: str | None
    san_type: str
    san: str
    source_repository_uri: str | None = None

    def __str__(self) -> str:
        issued = "" if self.issuer is None else f", issuer {self.issuer}"
        return f"{self.san_type}:{self.san}{issued}"


class IdentityCheck(NamedTuple):
    """Who the certificate of a signature names, as `authority` confirmed it, and what was checked for that.

    The certificate was valid at `time`: the earliest that `proven_by` (logs and timestamp authorities) prove, or the
    time of verification if they are none. `log_index` is the index of the entry in the transparency log. `claims` are
    pairs of a name and a text, and `checks` names of checks (docs/trust/identities.md). `identities` are pairs of an
    anchor and an identity of it that the signature can count for.
    """

    authority: str
    issuer: str | None
    san_type: str
    san: str
    claims: tuple[tuple[str, str], ...]
    time: datetime
    proven_by: tuple[str, ...]
    checks: tuple[str, ...]
    log_index: int | None = None
    identities: tuple[tuple[str, str], ...] = ()

    @property
    def signer(self) -> str:
        """Who signed. It is the same one under another issuer or authority: so they are replaced, or tried in turn."""
        return f"{self.san_type}:{self.san}"


class SignatureCheck(NamedTuple):
    """The result of one signature.

    `keyid` is that of the key that made it, or None if no known key did; `unverified_keyid` is the one in the
    envelope. `code` is None if the signature counted for `anchors`, and otherwise says why it did not; `message` says
    more where a certificate does not count. `timestamp` is what its timestamps prove, or None if there are none or no
    known key made the signature. `checked_by` says what checked it: the public key alone, or also the signer that holds
    the key. `identity` is who signed, if an authority confirmed the certificate, and `unverified_identity` who the
    certificate claims to name, if none did.
    """

    position: int
    unverified_keyid: str
    keyid: str | None
    algorithm: str | None
    code: str | None
    anchors: tuple[str, ...] = ()
    timestamp: TimestampCheck | None = None
    checked_by: Literal["public-key", "signer"] | None = None
    identity: IdentityCheck | None = None
    unverified_identity: UnverifiedIdentity | None = None
    message: str | None = None

    def signers(self, anchors: Collection[str]) -> Iterator[CountedSigner]:
        """Who signed for those of `anchors` for which the signature counted, by key or by identity."""
        if self.keyid is None or self.code is not None:
            return
        counting = set(self.anchors).intersection(anchors)
        certified = () if self.identity is None else self.identity.identities
        by_identity = tuple(sorted({identity for anchor, identity in certified if anchor in counting}))
        keyid = self.keyid.removeprefix(SIMULATED_PREFIX)  # one key, whatever an anchor says of it
        if self.identity is not None and by_identity:
            yield CountedSigner(self.position, keyid, self.identity.signer, by_identity)
        if counting.difference(anchor for anchor, _ in certified):
            yield CountedSigner(self.position, keyid, keyid, (keyid,))


class Note(NamedTuple):
    """Something that a producer did wrong and that does not change the result, at a JSON pointer into the statement."""

    code: str
    message: str
    pointer: str | None = None


class Report(NamedTuple):
    """What was established about one envelope, until it was verified or rejected.

    `anchors` are those that reached their threshold, and in a `Verified` only those that are allowed to sign for the
    statement. Fields from the payload are None until an anchor has enough counted signatures.
    `notes` are a few of the places; docs/reference/codes.md lists their codes.
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
    notes: tuple[Note, ...] = ()


class RootCheck(NamedTuple):
    """The signatures on a version that count for one set of roots: the previous ones, or its own.

    `roots_version` is the version with those roots, or None for roots from a roots file; `met` says whether they
    reached their threshold.
    """

    version: int
    roots_version: int | None
    threshold: int
    signatures: tuple[SignatureCheck, ...]
    met: bool

    @property
    def counted(self) -> int:
        """The number of distinct roots that have signed."""
        return sum(check.code is None for check in self.signatures)

    @property
    def whose(self) -> str:
        """The roots in a sentence."""
        return "the given roots" if self.roots_version is None else f"the roots of version {self.roots_version}"


@dataclass(slots=True)
class Draft:
    """A report in progress: what is not known yet is None."""

    now: datetime
    trust_version: int
    signatures: tuple[SignatureCheck, ...]
    anchors: tuple[str, ...]
    payload_type: str | None = None
    statement: Statement | None = None
    predicate_schema: Literal["checked", "unknown", "skipped"] | None = None
    artifacts: tuple[ArtifactCheck, ...] | None = None
    policy: Decisions | None = None
    notes: tuple[Note, ...] = ()

    def done(self) -> Report:
        """The report so far."""
        return Report(*_VALUES(self))


_VALUES: Final = attrgetter(*Report._fields)
