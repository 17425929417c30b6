"""The result object of `attest verify`: every envelope, signature and artifact.

Rule: it only says what `attest.verify` established, and nothing that the payload claims unless known keys signed it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attest._base.times import format_time
from attest.cli._output import exits, results
from attest.errors import AttestError, Rejected, redacted
from attest.predicates import _steps
from attest.results.collection import by_code, number_of
from attest.results.report import Report

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from attest.artifacts import Artifact
    from attest.results.collection import CheckedEnvelope, CollectionReport
    from attest.trust.bundle import TrustBundle


def verification(
    report: CollectionReport, *, trust: TrustBundle, artifacts: Sequence[Artifact] | None, statements: bool = False
) -> dict[str, Any]:
    """The result object, on request with the `statements` that verified."""
    entries = [*report.verified, *(one for reason in (*report.refused, *report.ignored) for one in reason.first)]
    entries.sort(key=lambda one: one.position)
    about = [(name, proof.artifacts) for name, proof in report.proofs]
    head: dict[str, Any] = {"mediaType": results.MEDIA_TYPE, "command": "verify", "result": "verified", "exit": 0}
    if report.refusal is not None:
        head = results.failed("verify", report.refusal, exits.code(report.refusal))
    return {
        **head,
        "now": format_time(report.now),
        "trust": {"version": trust.version, "sha256": trust.sha256},
        "artifacts": None if artifacts is None else [_artifact(artifact, about) for artifact in artifacts],
        "envelopes": [
            _envelope(one, statements=statements) for one in entries if one.is_readable or not one.is_ignored
        ],
        "ignored": {"number": number_of(report.ignored), "codes": by_code(report.ignored)},
        "not_understood": [
            {"name": redacted(one.name), **results.why(one.outcome)}
            for one in entries
            if one.is_ignored and not one.is_readable and isinstance(one.outcome, AttestError)
        ],
        "not_understood_in_all": sum(one.number for one in report.ignored if not one.is_readable),
    }


def _artifact(artifact: Artifact, about: Sequence[tuple[str, Collection[Artifact]]]) -> dict[str, Any]:
    covered = [redacted(name) for name, artifacts in about if artifact in artifacts]
    return {"artifact": redacted(artifact.name), "digests": dict(artifact.digests), "covered_by": covered}


def _envelope(judged: CheckedEnvelope, statements: bool) -> dict[str, Any]:
    name, outcome = redacted(judged.name), judged.outcome  # a private key, where its name belongs, is no name
    if isinstance(outcome, AttestError):
        report = outcome.report if isinstance(outcome, Rejected) else None
        verdict = "rejected" if isinstance(outcome, Rejected) else "error"
        entry: dict[str, Any] = {"envelope": name, "result": verdict, **results.why(outcome)}
    else:
        report = outcome.report
        entry = {"envelope": name, "result": "verified"}
        if statements:
            entry["statement"] = outcome.statement.document
    if judged.is_ignored:
        entry["ignored"] = True
    if judged.unchecked:
        entry["unchecked"] = list(judged.unchecked)
    if judged.envelope is not None:
        entry["sha256"] = sha256(judged.envelope.to_json()).hexdigest()
    if not isinstance(report, Report):
        return entry
    entry["anchors"] = list(report.anchors)
    entry["signatures"] = [results.signature(check) for check in report.signatures]
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
        failed = _steps.command_failed(report.statement)
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
