"""The result object of schemas/result.json, which `--format json` prints once for every run.

Rule: claims of a payload appear only if known keys signed them, or under the name `unverified`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.times import format_time
from attest.errors import AttestError, Rejected

if TYPE_CHECKING:
    from attest.results.report import SignatureCheck

MEDIA_TYPE = "application/vnd.attest.result.v1+json"


def done(command: str, **details: Any) -> dict[str, Any]:
    """The result of a command that succeeded."""
    return {"mediaType": MEDIA_TYPE, "command": command, "result": "done", "exit": 0, **details}


def failed(command: str, error: AttestError, code: int) -> dict[str, Any]:
    """The result of a command that failed as a whole."""
    result = "rejected" if isinstance(error, Rejected) else "error"
    return {"mediaType": MEDIA_TYPE, "command": command, "result": result, "exit": code, **why(error)}


def why(error: AttestError) -> dict[str, Any]:
    """The fields of an error."""
    return {"code": error.code, "message": str(error), "where": error.where, "hint": error.hint}


def signature(check: SignatureCheck) -> dict[str, Any]:
    """What became of one signature."""
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
    who = check.identity
    if who is not None:
        entry["identity"] = {
            **who._asdict(),
            "claims": dict(who.claims),
            "time": format_time(who.time),
            "proven_by": list(who.proven_by),
            "checks": list(who.checks),
        }
    if check.unverified_identity is not None:
        entry["unverified_identity"] = check.unverified_identity._asdict()
    if check.message is not None:
        entry["message"] = check.message
    return entry
