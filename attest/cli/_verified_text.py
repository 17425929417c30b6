"""What `attest verify` prints for people about the attestations that verified.

Rule: it tells what was established, and says so where something was not asked or not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base.times import format_time
from attest.cli import _result
from attest.predicates import _steps
from attest.results.verified import Verified
from attest.statement import V1

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.cli._checked import CheckedEnvelope
    from attest.trust.bundle import TrustBundle

_SCHEMA: Final = {"checked": "schema checked", "unknown": "no schema known", "skipped": "schema not checked"}


def lines(judged: Sequence[CheckedEnvelope], bundle: TrustBundle) -> Iterator[str]:
    """The lines about those of `judged` that verified."""
    for one in judged:
        if isinstance(one.outcome, Verified):
            yield f"verified: {one.name}"
            yield from _details(one.outcome, bundle)
            yield from (f"  not checked     {sentence}" for sentence in one.unchecked)


def _details(verified: Verified, bundle: TrustBundle) -> Iterator[str]:
    statement, report = verified.statement, verified.report
    yield f"  vouched for by  {', '.join(verified.anchors)} (trust bundle version {bundle.version})"
    for check in report.signatures:
        verdict = "good" if check.code is None else f"not counted: {check.code}"
        verdict += ", checked by the signer too" if check.checked_by == "signer" else ""
        yield f"  signature {check.position:<5} {check.algorithm or 'unknown'} {check.keyid or '-'} ({verdict})"
        proof = check.timestamp
        if proof is not None and proof.time is not None:
            yield f"    signed before {format_time(proof.time)} (timestamp by {proof.authority})"
        elif proof is not None:
            yield f"    timestamp not counted: {proof.message} ({proof.code})"
    if statement.type != V1:
        yield f"  statement       {statement.type}"
    yield f"  predicate       {statement.predicate_type} ({_SCHEMA[report.predicate_schema or 'skipped']})"
    failed = _steps.failed(statement.predicate_type, statement.predicate)
    if failed is not None:
        yield f"  outcome         the command failed ({failed.how})"
    if report.artifacts is None:
        yield "  artifact        not asked for: this says only who claimed what"
    for match in report.artifacts or ():
        if match.subjects:
            digests = ", ".join(f"{algorithm}:{value}" for algorithm, value in match.artifact.digests.items())
            yield f"  artifact        {match.artifact.name} ({digests})"
    yield from (f"  note            {note['message']}" for note in _result.notes(report))
    yield f"  judged at       {format_time(report.now)}"
