"""One requirement of a policy: what an attestation must be, all at once, to meet it.

Rule: everything that an attestation lacks is told, and what lacks nothing is all that counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attest.artifacts import matches_any, said
from attest.policy import _ages, _cel
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.artifacts import Artifact
    from attest.policy._cel_process import Evaluator
    from attest.policy._schemas import PredicateSchema
    from attest.policy._shapes import Context, Rule, VerifiedAttestation


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement, as schemas/policy.json has it, ready to be asked; `parameters` are what CEL sees as `params`."""

    id: str
    types: tuple[str, ...]
    anchors: tuple[str, ...] | None
    names: tuple[str, ...] | None
    threshold: int
    any_subject: bool
    max_age: str | None
    time: str | None
    schema: PredicateSchema | None
    cel: tuple[str, ...]
    rules: tuple[tuple[str, Rule, Mapping[str, Any]], ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    allow_failed: bool = False

    def failures(self, evidence: VerifiedAttestation, context: Context, evaluator: Evaluator) -> list[Failure]:
        """Everything that `evidence` lacks to meet this; it is of the right type and about the right artifact."""
        told = self._failures(evidence, context, evaluator)
        found = [failure._replace(attestation=evidence.name) for failure in told]
        for name, rule, settings in self.rules:
            told = rule.check(evidence, settings, context)
            found += [failure._replace(attestation=evidence.name, rule=name) for failure in told]
        return found

    def _failures(self, evidence: VerifiedAttestation, context: Context, evaluator: Evaluator) -> Iterator[Failure]:
        yield from not_vouched(evidence, self.anchors, self.threshold)
        if self.names is not None:
            yield from _misnamed(evidence, self.names, context.artifact)
        if not self.allow_failed:
            yield from command_failed(evidence)
        if self.max_age is not None:
            yield from _ages.too_old(evidence, self.time, self.max_age, context.now)
        if self.schema is not None:
            yield from self.schema.faults(evidence.predicate)
        # Whoever isn't asked may not use up the time that there is for the others.
        if self.cel and evidence.vouched_by(self.anchors):
            yield from _cel.untrue(self.cel, evidence, context, self.parameters, evaluator)

    @property
    def levels(self) -> tuple[str, ...]:
        """What its rules establish where it is met."""
        return tuple(level for _, rule, settings in self.rules for level in rule.levels(settings))


def _misnamed(evidence: VerifiedAttestation, globs: tuple[str, ...], artifact: Artifact | None) -> Iterator[Failure]:
    """What is wrong with the names of the subjects that are the artifact, one of which must be called so; or of all."""
    subjects = evidence.that_are(artifact)
    good = [matches_any(subject, globs) for subject in subjects]
    if not (all(good) if artifact is None else any(good)):
        about = "a subject" if artifact is None else artifact.name
        message = f"it calls {about} {said(subjects)}"
        hint = f"Give an attestation that calls it {' or '.join(map(repr, globs))}."
        yield Failure("subject-name-mismatch", message, "/subject", hint)


def command_failed(evidence: VerifiedAttestation) -> Iterator[Failure]:
    """That it tells of a command that failed."""
    failed = evidence.command_failed
    if failed is not None:
        hint = "Run it again until it succeeds, or accept failed commands: `allow_failed = true` in the requirement."
        yield Failure("command-failed", f"the command failed ({failed.how})", failed.pointer, hint)


def not_vouched(evidence: VerifiedAttestation, anchors: tuple[str, ...] | None, threshold: int) -> Iterator[Failure]:
    """What is missing of `threshold` distinct keys of `anchors` that vouch for it."""
    keys = evidence.vouched_by(anchors)
    if not keys and anchors is not None:
        message = f"it is vouched for by {', '.join(evidence.anchors)}, and not by {' or '.join(anchors)}"
        yield Failure("anchor-not-accepted", message, None, f"Have it signed for {' or '.join(anchors)}.")
    elif len(keys) < threshold:
        message = f"{len(keys)} of {threshold} distinct keys have signed it"
        whose = "" if anchors is None else f" of {' or '.join(anchors)}"
        hint = f"Have {threshold - len(keys)} more{whose} sign it: attest sign ENVELOPE --signer URI."
        yield Failure("keys-too-few", message, None, hint)
