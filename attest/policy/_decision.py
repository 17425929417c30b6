"""The decision of one requirement about all verified attestations: which of them meet it, and what failed.

Rule: only attestations that satisfy everything meet a requirement; the others are ignored, unless `latest` is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attest._base import notices
from attest._base.text import plural
from attest.policy import _ages
from attest.policy._shapes import Context
from attest.results.decisions import Failure, RequirementResult, some
from attest.results.signers import distinct

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
    """The names of the attestations that meet it for one artifact, none if it is not met, and all failures."""
    context = Context(now, artifact, tuple(evidence), requirement.anchors, requirement.allow_failed)
    candidates = [one for one in evidence if one.statement.predicate_type in requirement.types and one.about(artifact)]
    failures: list[Failure] = []
    deciding = allowed = candidates
    if requirement.latest:
        allowed, failures = _allowed(requirement, candidates)
        deciding, unknown = _ages.newest(allowed, requirement.time, now)
        failures += unknown
    meeting: list[VerifiedAttestation] = []
    for one in deciding:
        lacking = requirement.failures(one, context, evaluator)
        failures += lacking
        if not lacking:
            meeting.append(one)
    for failure in failures:
        notices.debug(
            "requirement %s: %s is ignored: %s (%s)", requirement.id, failure.attestation, failure.message, failure.code
        )
    if requirement.latest and len(meeting) < len(deciding):
        meeting = []
        if len(allowed) > 1:  # otherwise there is no older one that could be expected to count
            failures.append(_outdated(requirement, deciding))
    if meeting:
        missing = _too_few_signers(requirement, meeting)
        if missing is not None:
            meeting = []
            failures.append(missing)
    if not candidates:
        about = "" if artifact is None else f" is about {artifact.name}"
        kinds = " or ".join(requirement.types)
        others = [one.name for one in evidence if one.statement.predicate_type in requirement.types]
        hint = f"Give such an attestation{requirement.by_whom}. Attestations that do not verify are ignored."
        hint += f" About something else: {some(others)}." if others else ""
        message = f"no verified attestation of type {kinds}{about}"
        failures.append(Failure("evidence-missing", message, None, hint))
    return [one.name for one in meeting], failures


def _allowed(
    requirement: Requirement, candidates: Sequence[VerifiedAttestation]
) -> tuple[list[VerifiedAttestation], list[Failure]]:
    """The attestations that enough keys of the anchors signed, and what the others lack.

    Who could not make the requirement met cannot prevent it either: others must not have the last word.
    """
    allowed, failures = [], []
    for one in candidates:
        lacking = [failure._replace(attestation=one.name) for failure in requirement.not_signed_for(one)]
        failures += lacking
        if not lacking:
            allowed.append(one)
    return allowed, failures


def _outdated(requirement: Requirement, deciding: Sequence[VerifiedAttestation]) -> Failure:
    """The failure that says why no other attestation helps."""
    message = f"only the newest attestation of the type decides: {some([one.name for one in deciding])}"
    return Failure("newest-decides", message, None, f"Give a newer one{requirement.by_whom} that meets it.")


def _too_few_signers(requirement: Requirement, meeting: Sequence[VerifiedAttestation]) -> Failure | None:
    """The failure if the attestations that satisfy everything have too few distinct signers together."""
    if requirement.signers <= 1:
        return None
    found = [(signer, one.name) for one in meeting for signer in one.signed_for(requirement.anchors)]
    signed = distinct([signer for signer, _ in found])
    names: dict[str, list[str]] = {}
    for signer, name in found:
        names.setdefault(signer.name, []).append(name)
    lack = requirement.signers - len(signed)
    if lack <= 0:
        return None
    have = some([f"{signer.shown} ({some(names[signer.name])})" for signer in signed])
    message = f"signed by {len(signed)} of {requirement.signers} required signers: {have}"
    hint = f"Give attestations of the same type{requirement.by_whom} by {plural(lack, 'other signer')}."
    return Failure("signers-too-few", message, None, hint)


def _distinct(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
