"""The result object of `attest verify`: every envelope, signature and artifact.

Rule: it only says what `attest.verify` established, and nothing that the payload claims unless known keys signed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base.times import format_time
from attest.cli import _exits, _result
from attest.errors import AttestError, Rejected
from attest.predicates import _steps
from attest.results.report import Report

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.envelope import Envelope
    from attest.results.verified import Verified
    from attest.trust.bundle import TrustBundle


class CheckedEnvelope(NamedTuple):
    """One envelope, and the result of its verification.

    `is_one_of_many`: it is from a directory or a file of lines. One of those that is not `understood` is ignored.
    """

    name: str
    outcome: Verified | AttestError
    is_one_of_many: bool
    understood: bool = True
    unchecked: tuple[str, ...] = ()
    envelope: Envelope | None = None


def verification(
    judged: Sequence[CheckedEnvelope],
    *,
    trust: TrustBundle,
    now: datetime,
    artifacts: Sequence[Artifact] | None,
    refusal: AttestError | None,
    ignored: int,
    statements: bool = False,
) -> dict[str, Any]:
    """The result object, on request with the `statements` that verified.

    `ignored` is how many were not understood; `judged` may have only the first of them.
    """
    about = [
        (one.name, one.outcome.artifacts)
        for one in judged
        if one.understood and not isinstance(one.outcome, AttestError)
    ]
    head: dict[str, Any] = {"mediaType": _result.MEDIA_TYPE, "command": "verify", "result": "verified", "exit": 0}
    if refusal is not None:
        head = _result.failed("verify", refusal, _exits.code(refusal))
    return {
        **head,
        "now": format_time(now),
        "trust": {"version": trust.version, "sha256": trust.sha256},
        "artifacts": None if artifacts is None else [_artifact(artifact, about) for artifact in artifacts],
        "envelopes": [_envelope(one, statements=statements) for one in judged if one.understood],
        "not_understood": [
            {"name": one.name, **_result.why(one.outcome)}
            for one in judged
            if not one.understood and isinstance(one.outcome, AttestError)
        ],
        "not_understood_in_all": ignored,
    }


def _artifact(artifact: Artifact, about: Sequence[tuple[str, Collection[Artifact]]]) -> dict[str, Any]:
    covered = [name for name, artifacts in about if artifact in artifacts]
    return {"artifact": artifact.name, "digests": dict(artifact.digests), "covered_by": covered}


def _envelope(judged: CheckedEnvelope, *, statements: bool) -> dict[str, Any]:
    name, outcome = judged.name, judged.outcome
    if isinstance(outcome, AttestError):
        report = outcome.report if isinstance(outcome, Rejected) else None
        verdict = "rejected" if isinstance(outcome, Rejected) else "error"
        entry: dict[str, Any] = {"envelope": name, "result": verdict, **_result.why(outcome)}
    else:
        report = outcome.report
        entry = {"envelope": name, "result": "verified"}
        if statements:
            entry["statement"] = outcome.statement.document
    if judged.unchecked:
        entry["unchecked"] = list(judged.unchecked)
    if not isinstance(report, Report):
        return entry
    entry["anchors"] = list(report.anchors)
    entry["signatures"] = [_result.signature(check) for check in report.signatures]
    entry["notes"] = notes(report)
    if report.payload_type is not None:
        entry["payloadType"] = report.payload_type
    if report.statement is not None:
        entry["statementType"] = report.statement.type
        entry["predicateType"] = report.statement.predicate_type
        entry["predicateSchema"] = report.predicate_schema
        entry["subjects"] = [
            {key: value for key, value in subject.to_dict().items() if key in ("name", "uri", "digest")}
            for subject in report.statement.subjects
        ]
        failed = _steps.failed(report.statement.predicate_type, report.statement.predicate)
        if failed is not None:
            entry["commandFailed"] = failed.how
        step = _steps.step(report.statement)
        if step is not None:
            entry["step"] = {
                "name": step.name,
                "builder": step.builder,
                "buildType": step.build_type,
                "materials": list(step.materials),
            }
    return entry


def notes(report: Report) -> list[dict[str, str | None]]:
    """What is worth knowing and does not change the result: a code, a sentence and a JSON pointer each."""
    return [note._asdict() for note in report.notes]
