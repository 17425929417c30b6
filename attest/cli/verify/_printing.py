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
    from collections.abc import Sequence

    from attest.artifacts import Artifact
    from attest.results.collection import CheckedEnvelope, CollectionReport, Reason
    from attest.trust.bundle import TrustBundle

_NAMED = 3  # inputs in the error about all of them


class Printer:
    """Prints a line for each attestation that verified at once if there are many, and otherwise all at the end.

    Policies and output formats other than text need all of them at the end.
    """

    def __init__(self, session: _output.OutputContext, trust: TrustBundle, *, many: bool, may_stream: bool) -> None:
        self._session = session
        self._trust = trust
        self._may_stream = may_stream
        self._as_it_comes = many and may_stream
        self._waiting: list[CheckedEnvelope] = []
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
        if self._as_it_comes:
            for waiting in self._waiting:
                _print_line(waiting)
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
        if self._passed_over_in_all:
            _output.prose("note", not_looked_at(self._passed_over, self._passed_over_in_all))
        for reason in report.ignored:
            if reason.error is not refusal and not session.verbosity:  # the log names all
                _output.prose("note", f"ignored: {reason.error} ({reason.code}){_others(reason)}")
        for reason in report.refused:
            if session.verbosity:
                for one in reason.first:
                    if isinstance(one.outcome, AttestError) and one.outcome is not refusal:
                        _output.error_lines(one.outcome)
            elif reason.error is not refusal:
                _output.error_lines(reason.error, _others(reason))
        counts = _counts(report) if self._as_it_comes or report.ignored else ""
        if counts:
            _output.prose("note", counts)
        if report.policy is not None:
            session.result["policy"] = _policy.described(report.policy)
            if not report.policy.yes:
                _output.alike(session, _policy.failures(report.policy))
        if refusal is not None:
            raise refusal
        text = [] if self._as_it_comes else list(_text.lines(report.verified, self._trust))
        text += () if report.policy is None else _policy.lines(report.policy)
        text += [f"image: {session.details['image']['name']}"] if "image" in session.details else []
        if quiet:  # standard output has the statement
            text = []
            for name, proof in report.proofs:
                for note in _result.notes(proof.report):
                    _output.prose("note", f"{name}: {note['message']}")
        return _output.verified(session, text, [proof for _, proof in report.proofs])


def not_looked_at(first: Sequence[str], number: int) -> str:
    """A sentence about the files of directories whose names are not those of attestations."""
    more = f" and {number - len(first):,} more" if number > len(first) else ""
    listed = f"{', '.join(map(shown, first))}{more}"
    return f"not looked at, because of their names: {plural(number, 'file')} ({listed})"


def _print_line(one: CheckedEnvelope) -> None:
    """One line about one of many that verified."""
    if isinstance(one.outcome, Verified):
        verified = f"verified: {one.name} ({', '.join(one.outcome.anchors)})"
        _output.lines([verified, *_text.signers(one.outcome.report), *_text.notes(one.outcome.report)])


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
