"""The decision of one requirement about all verified attestations: which of them meet it, and what failed.

Rule: one attestation that satisfies everything meets a requirement; the others are ignored.
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
    """Whether each artifact, or with `subjects = "any"` one of them, has an attestation that satisfies everything."""
    if artifacts is not None and not artifacts:
        hint = "Give an artifact: --artifact FILE."
        nothing = Failure(
            "evidence-missing", "the list of artifacts is empty, so no attestation can be about one", None, hint
        )
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
    """The names of the attestations that satisfy everything for one artifact, and the failures of the others."""
    context = Context(now, artifact, tuple(evidence), requirement.anchors, requirement.allow_failed)
    candidates = [one for one in evidence if one.statement.predicate_type in requirement.types and one.about(artifact)]
    meeting: list[str] = []
    failures: list[Failure] = []
    for one in candidates:
        lacking = requirement.failures(one, context, evaluator)
        failures += lacking
        if not lacking:
            meeting.append(one.name)
    for failure in failures:
        notices.debug(
            "requirement %s: %s is ignored: %s (%s)", requirement.id, failure.attestation, failure.message, failure.code
        )
    if not candidates:
        about = "" if artifact is None else f" is about {artifact.name}"
        kinds = " or ".join(requirement.types)
        signed = (
            "" if requirement.anchors is None else f" signed for anchor {' or '.join(map(repr, requirement.anchors))}"
        )
        others = [one.name for one in evidence if one.statement.predicate_type in requirement.types]
        hint = f"Give one{signed}. Attestations that do not verify are ignored."
        hint += f" About something else: {some(others)}." if others else ""
        message = f"no verified attestation of type {kinds}{about}"
        failures.append(Failure("evidence-missing", message, None, hint))
    return meeting, failures


def _distinct(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
