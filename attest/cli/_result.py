"""The result object of schemas/result.json, which `--format json` prints once for every run.

Rule: claims of a payload appear only where known keys signed them, or under the name `unverified`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.times import format_time
from attest.artifacts import other_names
from attest.cli import _exits
from attest.errors import AttestError, Rejected
from attest.predicates import _steps
from attest.results.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.cli._checked import CheckedEnvelope
    from attest.results.report import SignatureCheck
    from attest.results.verified import Verified
    from attest.schema import Violation
    from attest.trust.bundle import TrustBundle
    from attest.trust.history import RootCheck

MEDIA_TYPE = "application/vnd.attest.result.v1+json"


def done(command: str, **details: Any) -> dict[str, Any]:
    """The result of a command that did what was asked."""
    return {"mediaType": MEDIA_TYPE, "command": command, "result": "done", "exit": 0, **details}


def failed(command: str, error: AttestError, code: int) -> dict[str, Any]:
    """The result of a command that failed as a whole."""
    result = "rejected" if isinstance(error, Rejected) else "error"
    return {"mediaType": MEDIA_TYPE, "command": command, "result": result, "exit": code, **_why(error)}


def verification(
    judged: Sequence[CheckedEnvelope],
    *,
    trust: TrustBundle,
    now: datetime,
    artifacts: Sequence[Artifact] | None,
    refusal: AttestError | None,
    ignored: int,
) -> dict[str, Any]:
    """The result of `attest verify`: every envelope, every signature, every artifact.

    `ignored` is how many were not understood, of which `judged` may have only the first.
    """
    outcomes = [(one.name, one.outcome) for one in judged if one.understood]
    head: dict[str, Any] = {"mediaType": MEDIA_TYPE, "command": "verify", "result": "verified", "exit": 0}
    if refusal is not None:
        head = failed("verify", refusal, _exits.code(refusal))
    return {
        **head,
        "now": format_time(now),
        "trust": {"version": trust.version, "sha256": trust.sha256},
        "artifacts": None if artifacts is None else [_artifact(artifact, outcomes) for artifact in artifacts],
        "envelopes": [_envelope(one) for one in judged if one.understood],
        "not_understood": [
            {"name": one.name, **_why(one.outcome)}
            for one in judged
            if not one.understood and isinstance(one.outcome, AttestError)
        ],
        "not_understood_in_all": ignored,
    }


def attestation(name: str, result: str, error: AttestError | None = None) -> dict[str, Any]:
    """What became of one attestation that a trust command was given."""
    return {"attestation": name, "result": result, **({} if error is None else _why(error))}


def predicate_check(
    file: str, source: str, predicate_type: str | None, faults: Sequence[Violation], error: AttestError | None
) -> dict[str, Any]:
    """What became of one file that `attest predicate check` was given; its type is what the file claims."""
    if error is not None:
        return {"file": file, "result": "error", **_why(error)}
    return {
        "file": file,
        "from": source,
        "unverified_predicate_type": predicate_type,
        "result": "invalid" if faults else "valid",
        "faults": [{"where": fault.pointer, "rule": fault.rule, "message": fault.message} for fault in faults],
    }


def _why(error: AttestError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error), "where": error.where, "hint": error.hint}


def _artifact(artifact: Artifact, outcomes: Sequence[tuple[str, Verified | AttestError]]) -> dict[str, Any]:
    covered = [name for name, outcome in outcomes if not isinstance(outcome, AttestError) and outcome.covers(artifact)]
    return {"artifact": artifact.name, "digests": dict(artifact.digests), "covered_by": covered}


def _envelope(judged: CheckedEnvelope) -> dict[str, Any]:
    name, outcome = judged.name, judged.outcome
    if isinstance(outcome, AttestError):
        report = outcome.report if isinstance(outcome, Rejected) else None
        verdict = "rejected" if isinstance(outcome, Rejected) else "error"
        entry: dict[str, Any] = {"envelope": name, "result": verdict, **_why(outcome)}
    else:
        report = outcome.report
        entry = {"envelope": name, "result": "verified"}
    if judged.unchecked:
        entry["unchecked"] = list(judged.unchecked)
    if not isinstance(report, Report):
        return entry
    entry["anchors"] = list(report.anchors)
    entry["signatures"] = [_signature(check) for check in report.signatures]
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


def notes(report: Report) -> list[dict[str, str]]:
    """What is no reason for a no, and worth knowing: a code and a sentence each."""
    found = []
    for check in report.artifacts or ():
        names = () if report.statement is None else other_names(check, report.statement)
        if names:
            message = f"the statement calls {check.artifact.name} {' and '.join(map(repr, names[:4]))}"
            found.append({"code": "subject-named-differently", "message": message})
    return found


def root_check(check: RootCheck) -> dict[str, Any]:
    """What the signatures on a version of a trust bundle are worth to one set of roots."""
    return {
        "version": check.version,
        "roots_version": check.roots_version,
        "threshold": check.threshold,
        "counted": check.counted,
        "signatures": [_signature(signature) for signature in check.signatures],
    }


def _signature(check: SignatureCheck) -> dict[str, Any]:
    entry = {
        "index": check.position,
        "unverified_keyid": check.unverified_keyid,
        "keyid": check.keyid,
        "algorithm": check.algorithm,
        "result": "good" if check.code is None else "bad",
        "code": check.code,
        "anchors": list(check.anchors),
        "checked_by": check.checked_by,
    }
    proof = check.timestamp
    if proof is not None:
        time = None if proof.time is None else format_time(proof.time)
        entry["timestamp"] = {**proof._asdict(), "time": time}
    return entry
