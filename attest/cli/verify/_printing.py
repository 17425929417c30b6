"""What `attest verify` prints: the attestations that verified, the reasons for a no, and what is ignored.

Rule: the output grows with what verified and with the number of reasons, not with what is ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base.text import plural
from attest.cli import _output
from attest.cli.verify import _policy, _result, _text
from attest.errors import AttestError, Rejected, shown
from attest.results.collection import number_of
from attest.results.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.artifacts import Artifact
    from attest.results.collection import CheckedEnvelope, CollectionReport, Reason
    from attest.trust.bundle import TrustBundle

_NAMED = 3  # inputs in the error about all of them
# On a terminal:
_MOST = 10  # attestations, of many that verified
_IN_DETAIL = 4  # attestations of which all details are shown


class Printer:
    """Prints a line for each attestation that verified at once if there are many, and otherwise all at the end.

    Policies and output formats other than text need all of them at the end, and so does a terminal, where the verdict
    comes first.
    """

    def __init__(self, session: _output.OutputContext, trust: TrustBundle, *, many: bool, may_stream: bool) -> None:
        self._session = session
        self._trust = trust
        self._may_stream = may_stream
        self._as_it_comes = many and may_stream
        self._is_brief = _output.is_brief(session)
        self._waiting: list[CheckedEnvelope] = []
        self._first: list[CheckedEnvelope] = []
        self._passed_over: list[str] = []
        self._passed_over_in_all = 0

    def pass_over(self, name: str) -> None:
        """Count a file of a directory that was not looked at."""
        self._passed_over_in_all += 1
        if len(self._passed_over) < _NAMED:
            self._passed_over.append(name)

    def take(self, one: CheckedEnvelope) -> None:
        """Print what can be printed now."""
        if not self._may_stream:
            return
        if one.is_one_of_many:
            self._as_it_comes = True  # for standard input it is known only now
        if isinstance(one.outcome, Verified):
            self._waiting.append(one)
        if self._as_it_comes and self._is_brief:
            # The verdict comes first on a terminal, so only what is shown after it is kept.
            self._first += self._waiting[: _MOST - len(self._first)]
            self._waiting = []
        elif self._as_it_comes:
            for waiting in self._waiting:
                _output.lines(_line(waiting))
            self._waiting = []

    def done(
        self, report: CollectionReport, wanted: Sequence[Artifact] | None, names: Sequence[str], *, quiet: bool
    ) -> _output.Completed:
        """Print the result and what is not printed yet; if `quiet`, only notes. Raises the refusal, if there is one."""
        session, refusal = self._session, report.refusal
        is_about_all = not report.refused and report.policy is None and len(names) <= _NAMED
        if refusal is not None and refusal.where is None and is_about_all:
            refusal.where = ", ".join(map(shown, names))
        session.result = _result.verification(
            report, trust=self._trust, artifacts=wanted, statements=session.format == "json"
        )
        session.result |= session.details
        session.result["passed_over"] = self._passed_over_in_all
        if report.policy is not None:
            session.result["policy"] = _policy.described(report.policy)
        session.reasons.append(lambda: self._reasons(report))
        if refusal is not None:
            raise refusal
        completed = _output.verified(
            session, () if quiet else self._text(report), [proof for _, proof in report.proofs]
        )
        if quiet:  # standard output has the statement
            for name, proof in report.proofs:
                for note in _result.notes(proof.report):
                    _output.prose("note", f"{name}: {note['message']}")
        self._reasons(report)
        return completed

    def _is_listed(self, report: CollectionReport) -> bool:
        """Whether what verified is counted and listed, and not described."""
        return self._is_brief and report.number > (1 if self._as_it_comes else _IN_DETAIL)

    def _text(self, report: CollectionReport) -> Iterator[str]:
        """What is not printed yet about what verified."""
        if self._is_listed(report):
            ignored = number_of(report.ignored)
            yield f"verified: {plural(report.number, 'attestation')}{f', {ignored:,} ignored' if ignored else ''}"
            first = self._first if self._as_it_comes else report.verified[:_MOST]
            for one in first:
                yield from (f"  {line.removeprefix('verified: ')}" for line in _line(one))
            if report.number > len(first):
                yield f"  ... {report.number - len(first):,} more; -v shows all"
        elif self._is_brief or not self._as_it_comes:
            judged = self._first if self._as_it_comes else report.verified
            yield from _text.lines(judged, self._trust, brief=self._is_brief)
        yield from () if report.policy is None else _policy.lines(report.policy)
        if "image" in self._session.details:
            yield f"image: {self._session.details['image']['name']}"

    def _reasons(self, report: CollectionReport) -> None:
        """Print what explains the verdict: how many there were, and why some of them did not verify."""
        session, refusal = self._session, report.refusal
        counts = _counts(report) if self._as_it_comes or report.ignored else ""
        if counts and (refusal is not None or not self._is_listed(report)):
            _output.prose("note", counts)
        if report.policy is not None and not report.policy.yes:
            _output.alike(session, _policy.failures(report.policy))
        for reason in report.refused:
            if session.verbosity:
                for one in reason.first:
                    if isinstance(one.outcome, AttestError) and one.outcome is not refusal:
                        _output.error_lines(one.outcome)
            elif reason.error is not refusal:
                _output.error_lines(reason.error, _others(reason))
        for reason in report.ignored:
            if reason.error is not refusal and not session.verbosity:  # the log names all
                _output.prose("note", f"ignored: {reason.error} ({reason.code}){_others(reason)}")
        if self._passed_over_in_all:
            _output.prose("note", not_looked_at(self._passed_over, self._passed_over_in_all))


def not_looked_at(first: Sequence[str], number: int) -> str:
    """A sentence about the files of directories whose names are not those of attestations."""
    more = f" and {number - len(first):,} more" if number > len(first) else ""
    listed = f"{', '.join(map(shown, first))}{more}"
    return f"not looked at, because of their names: {plural(number, 'file')} ({listed})"


def _line(one: CheckedEnvelope) -> Iterator[str]:
    """One line about one of many that verified, and lines about signers and notes."""
    if isinstance(one.outcome, Verified):
        yield f"verified: {one.name} ({', '.join(one.outcome.anchors)})"
        yield from _text.signers(one.outcome.report)
        yield from _text.notes(one.outcome.report)


def _others(reason: Reason) -> str:
    names = (one.name for one in reason.first if one.outcome is not reason.error)
    return _output.same_code(names, reason.number - 1)


def _counts(report: CollectionReport) -> str:
    rejected = sum(one.number for one in report.refused if isinstance(one.error, Rejected))
    undecided = number_of(report.refused) - rejected
    numbers = {
        "verified": report.number,
        "rejected": rejected,
        "not decided": undecided,
        "ignored": number_of(report.ignored),
    }
    return ", ".join(f"{number:,} {kind}" for kind, number in numbers.items() if number)
