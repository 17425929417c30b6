"""What each entry is, verified, refused or ignored, and what all of them come to.

Rule: what is ignored is counted and bounded, and never a reason for a yes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from attest._base import notices
from attest._base.text import plural
from attest.artifacts import hint_for, quoted_names
from attest.errors import AttestError, InputError, Rejected, SignerError, brief, gravest, locate
from attest.results.collection import CheckedEnvelope, Reason, counted, number_of
from attest.results.report import Report
from attest.results.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.artifacts import Artifact
    from attest.limits import Limits
    from attest.results.decisions import Decisions
    from attest.results.report import SignatureCheck
    from attest.sources import ReadEnvelope

    Outcome = Verified | AttestError

_FIRST: Final = 100  # of the entries that are ignored for one reason; the others are counted
_REASONS: Final = 64  # an executor can make up codes
_ROOM: Final = 64 << 20  # bytes that are kept of what is ignored
_NAMED: Final = 8


class Tally:
    """Entries that did not verify, counted by code; of each code the first `most` are kept."""

    def __init__(self, most: int, room: int | None = None) -> None:
        self.number = 0
        self._most = most
        self._room = room
        self._kinds: dict[tuple[str, bool], _Kind] = {}

    def add(self, one: CheckedEnvelope, error: AttestError) -> None:
        """Count an entry that did not verify because of `error`."""
        self.number += 1
        key = error.code, one.is_readable
        if key not in self._kinds and len(self._kinds) >= _REASONS:
            key = "other", one.is_readable
        progress = _progress(error, is_readable=one.is_readable)
        kind = self._kinds.setdefault(key, _Kind(progress, error))
        kind.number += 1
        if progress > kind.progress or len(kind.first) < self._most:
            self._make_small(error)
        if progress > kind.progress:
            kind.progress, kind.error = progress, error
        if len(kind.first) < self._most:
            kind.first.append(one)

    def _make_small(self, error: AttestError) -> None:
        """Leave out the report of `error` if those that are kept are large: their texts can be as long as a line."""
        if self._room is None:
            return
        error.where = None if error.where is None else brief(error.where)
        if isinstance(error, Rejected) and isinstance(error.report, Report):
            report = error.report
            self._room -= sum(_size(check) for check in report.signatures)
            self._room -= 0 if report.statement is None else len(report.statement.raw)
            if self._room < 0:
                error.report = None

    def reasons(self) -> tuple[Reason, ...]:
        """The most telling reason first."""
        kinds = sorted(self._kinds.items(), key=lambda item: (-item[1].progress, -item[1].number, item[0]))
        return tuple(
            Reason(code, is_readable, kind.number, kind.error, tuple(kind.first)) for (code, is_readable), kind in kinds
        )


def _size(check: SignatureCheck) -> int:
    """The number of characters that a signature can have made up."""
    return len(check.unverified_keyid) + sum(len(text or "") for text in check.unverified_identity or ())


class _Kind:
    """The entries with one code; `error` is the most telling one, which came the furthest."""

    def __init__(self, progress: int, error: AttestError) -> None:
        self.progress, self.error = progress, error
        self.number = 0
        self.first: list[CheckedEnvelope] = []


def _progress(error: AttestError, *, is_readable: bool) -> int:
    """How far the verification came: the further, the more the error says about what was asked for."""
    if isinstance(error, SignerError):
        return 99
    if not isinstance(error, Rejected):
        return int(is_readable)
    report = error.report
    if not isinstance(report, Report):
        return 2
    matched = [check for check in report.artifacts or () if check.subjects]
    steps = sum(map(bool, (report.anchors, report.statement, report.artifacts, matched)))
    return 3 + 3 * steps + max(map(_known, report.signatures), default=0)


def _known(check: SignatureCheck) -> int:
    """How much a signature says about who made it."""
    if check.code not in ("key-unknown", "identity-unknown"):
        return 2
    return int(check.unverified_identity is not None)


# The counted signatures of an attestation, each with its anchor and identity, and the entry if it is kept.
_Signed = tuple[frozenset[tuple[str, str, str]], CheckedEnvelope | None]


class Collected:
    """What the entries of one call come to."""

    def __init__(self, limits: Limits, *, strict: bool, keep: bool) -> None:
        self.number = 0  # of those that verified
        self.verified: list[CheckedEnvelope] = []  # the first of them, or all
        self.refused = Tally(limits.attestations if keep else _FIRST)
        self.ignored = Tally(_FIRST, _ROOM)
        self._limits = limits
        self._strict = strict
        self._keep = keep
        self._position = 0
        self._covered: set[Artifact] = set()
        self._worst: AttestError | None = None
        self._signed: dict[tuple[str | None, bytes], list[_Signed]] = {}

    def take(self, entry: ReadEnvelope, outcome: Outcome) -> CheckedEnvelope:
        """Decide what one entry is: verified, refused or ignored. Raises InputError `too-many-attestations`."""
        may_ignore = entry.is_one_of_many and not self._strict
        one = CheckedEnvelope(
            entry.name,
            outcome,
            entry.is_one_of_many,
            is_readable=entry.envelope is not None,
            position=self._position,
            unchecked=entry.unchecked,
            envelope=entry.envelope,
        )
        self._position += 1
        if isinstance(outcome, Verified):
            is_copy = self._is_copy(one, outcome)
            if not (is_copy and may_ignore):
                self.number += 1
                self._covered |= outcome.artifacts
                if self._keep or not self.verified:
                    self.verified.append(one)
                self._demand_room()
                return one
            outcome = Rejected("attestation-repeated", "the same attestation verified before")
        error = locate(outcome, entry.name)
        # Their frames hold the attestation, which may be as large as the limit.
        error.__traceback__ = error.__context__ = None
        if may_ignore:
            error.__cause__ = None
        one = one._replace(outcome=error, is_ignored=may_ignore, envelope=None)
        if may_ignore:
            notices.info("ignored: %s (%s)", error, error.code)
            self.ignored.add(one, error)
        else:
            self._worst = error if self._worst is None else gravest([self._worst, error])
            self.refused.add(one, error)
            self._demand_room()
        return one

    def _demand_room(self) -> None:
        if self._keep:
            self._limits.check_attestations(self.number + self.refused.number)

    def _is_copy(self, one: CheckedEnvelope, verified: Verified) -> bool:
        """Whether the same payload verified with the same counted signatures, or more; remembers the new ones.

        Anyone can repeat an attestation, leave signatures out, or add some that do not count. So such a copy must not
        count again, for a limit or for a rule that counts attestations.
        """
        key = verified.report.payload_type, hashlib.sha256(verified.payload).digest()
        signed = frozenset(
            [
                (signer.name, anchor, identity)
                for check in verified.report.signatures
                for anchor in check.anchors
                for signer in check.signers([anchor])
                for identity in signer.identities
            ]
        )
        known = self._signed.get(key, [])
        if any(signed <= other for other, _ in known):
            return True
        if self._keep or len(self._signed) < self._limits.attestations:  # so that a long stream needs no more memory
            kept = one if self._keep else None
            self._signed[key] = [*[other for other in known if not other[0] <= signed], (signed, kept)]
        return False

    def distinct(self) -> tuple[list[str], list[Verified]]:
        """The names and results of the attestations that verified, without copies, in their order."""
        distinct = {one.position for same in self._signed.values() for _, one in same if one is not None}
        found = [one for one in self.verified if one.position in distinct]
        return [one.name for one in found], [one.outcome for one in found if isinstance(one.outcome, Verified)]

    def refusal(
        self, wanted: Sequence[Artifact] | None, decision: Decisions | None, policy: str | None
    ) -> AttestError | None:
        """Why the answer is not yes, or None."""
        if self._worst is not None:
            if self.refused.number == 1:
                return self._worst
            total = plural(self.refused.number + self.number, "attestation")
            return type(self._worst)(self._worst.code, f"{self.refused.number:,} of {total} did not verify")
        ignored = self.ignored.reasons()
        if not self.number:
            return _none_verified(ignored)
        lacking = [one for one in wanted or () if one not in self._covered]
        away = next((one.error for one in ignored if isinstance(one.error, SignerError)), None)
        # It might have been enough. And a policy can let one attestation decide against others (a VSA, `latest`).
        if away is not None and (decision is not None or lacking):
            return away
        if (decision is None or decision.yes) and not lacking:
            return None
        if decision is not None and not decision.yes:
            return Rejected("policy-failed", decision.summary, where=policy)
        hints = [hint_for(lacking[0]), f"Ignored: {counted(ignored)}." if ignored else None]
        hint = " ".join(filter(None, hints)) or None
        message = "no verified attestation is about this artifact"
        return Rejected("artifact-not-covered", message, where=lacking[0].name, hint=hint)


def _none_verified(ignored: tuple[Reason, ...]) -> AttestError:
    readable = sum(one.number for one in ignored if one.is_readable)
    if not readable:
        found = f" ({counted(ignored)})" if ignored else ""
        return InputError(
            "envelope-missing", f"no attestation found{found}", hint=ignored[0].error.hint if ignored else None
        )
    top = ignored[0]
    if number_of(ignored) == 1:
        return top.error
    message = f"none of the {plural(readable, 'attestation')} verified ({counted(ignored)})"
    hint = _about(top) or top.error.hint
    return type(top.error)(top.code, message, hint=hint)


def _about(reason: Reason) -> str | None:
    """A hint that says what the attestations are about, if it is something else than what was required."""
    reports = [one.outcome.report for one in reason.first if isinstance(one.outcome, Rejected)]
    statements = [one.statement for one in reports if isinstance(one, Report) and one.statement is not None]
    if reason.code == "predicate-type-mismatch" and statements:
        types = list(dict.fromkeys(statement.predicate_type for statement in statements))
        more = f" and {len(types) - _NAMED:,} more" if len(types) > _NAMED else ""
        return " ".join(filter(None, [reason.error.hint, f"Types found: {', '.join(types[:_NAMED])}{more}."]))
    if reason.code == "artifact-mismatch" and len(statements) > 1:
        checks = [check for one in reports if isinstance(one, Report) for check in one.artifacts or () if check.code]
        subjects = [subject for one in statements[:_NAMED] for subject in one.document["subject"][:_NAMED]]
        about = f"They are about other artifacts: {quoted_names(subjects)}."
        return " ".join(filter(None, [hint_for(checks[0].artifact) if checks else None, about]))
    return None
