"""The decision of a policy over everything that was verified: each requirement, who met it, and what failed.

Rule: a requirement is met by some attestation that lacks nothing; others decide nothing, as if they weren't there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attest._base import notices
from attest.policy._shapes import Context
from attest.results.decisions import Failure, RequirementResult, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._cel_process import Evaluator
    from attest.policy._requirement import Requirement
    from attest.policy._shapes import VerifiedAttestation

_Item = TypeVar("_Item")


def ask(
    requirement: Requirement,
    evidence: Sequence[VerifiedAttestation],
    artifacts: Sequence[Artifact] | None,
    now: datetime,
    evaluator: Evaluator,
) -> RequirementResult:
    """Whether each artifact, or with `subjects = "any"` one of them, has an attestation that lacks nothing."""
    if artifacts is not None and not artifacts:
        hint = "Name what it must be about: --artifact FILE."
        nothing = Failure("evidence-missing", "there is no artifact that it could be about", None, hint)
        return RequirementResult(requirement.id, False, (), (nothing,))
    answers = [_about(requirement, evidence, artifact, now, evaluator) for artifact in artifacts or (None,)]
    enough = any if requirement.any_subject else all
    by = _distinct(name for names, _ in answers for name in names)
    failures = _distinct(failure for _, failed in answers for failure in failed)
    return RequirementResult(requirement.id, enough(bool(names) for names, _ in answers), by, failures)


def _about(
    requirement: Requirement,
    evidence: Sequence[VerifiedAttestation],
    artifact: Artifact | None,
    now: datetime,
    evaluator: Evaluator,
) -> tuple[list[str], list[Failure]]:
    """Those who lack nothing about one artifact, and what the others lack."""
    context = Context(now, artifact, tuple(evidence), requirement.anchors, requirement.allow_failed)
    candidates = [one for one in evidence if one.statement.predicate_type in requirement.types and one.about(artifact)]
    good: list[str] = []
    failures: list[Failure] = []
    for one in candidates:
        lacking = requirement.failures(one, context, evaluator)
        failures += lacking
        if not lacking:
            good.append(one.name)
    for failure in failures:
        notices.debug(
            "requirement %s: %s is ignored: %s (%s)", requirement.id, failure.attestation, failure.message, failure.code
        )
    if not candidates:
        about = "" if artifact is None else f" about {artifact.name}"
        kinds = " or ".join(requirement.types)
        signed = "" if requirement.anchors is None else f", signed for {' or '.join(requirement.anchors)}"
        others = [one.name for one in evidence if one.statement.predicate_type in requirement.types]
        hint = f"Give such an attestation{signed}; one that doesn't verify doesn't count."
        hint += f" About something else are: {some(others)}." if others else ""
        failures.append(Failure("evidence-missing", f"no attestation of type {kinds}{about} was verified", None, hint))
    return good, failures


def _distinct(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
