"""One requirement of a policy: everything that one attestation must satisfy to meet it.

Rule: everything that an attestation lacks is reported, and only one that lacks nothing counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attest._base.text import plural
from attest.artifacts import matches_any, quoted_names
from attest.policy import _ages, _cel
from attest.results.decisions import Failure
from attest.results.signers import distinct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.artifacts import Artifact
    from attest.policy._cel_process import Evaluator
    from attest.policy._schemas import PredicateSchema
    from attest.policy._shapes import Context, Rule, VerifiedAttestation


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement as in schemas/policy.json, ready to be evaluated; `parameters` are `params` in CEL."""

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
    signers: int = 1
    latest: bool = False

    def failures(self, evidence: VerifiedAttestation, context: Context, evaluator: Evaluator) -> list[Failure]:
        """Everything that `evidence`, which has the right type and artifact, lacks to meet the requirement."""
        own = self._failures(evidence, context, evaluator)
        found = [failure._replace(attestation=evidence.name) for failure in own]
        for name, rule, settings in self.rules:
            failures = rule.check(evidence, settings, context)
            found += [failure._replace(attestation=evidence.name, rule=name) for failure in failures]
        return found

    def not_signed_for(self, evidence: VerifiedAttestation) -> Iterator[Failure]:
        """The failure if `evidence` is not signed by enough keys of the anchors."""
        yield from not_signed_for(evidence, self.anchors, self.threshold)

    def _failures(self, evidence: VerifiedAttestation, context: Context, evaluator: Evaluator) -> Iterator[Failure]:
        yield from self.not_signed_for(evidence)
        if self.names is not None:
            yield from _misnamed(evidence, self.names, context.artifact)
        if not self.allow_failed:
            yield from command_failed(evidence)
        if self.max_age is not None:
            yield from _ages.too_old(evidence, self.time, self.max_age, context.now)
        if self.schema is not None:
            yield from self.schema.faults(evidence.predicate)
        # Attestations by other anchors must not use up the time for CEL.
        if self.cel and evidence.signed_for(self.anchors):
            yield from _cel.untrue(self.cel, evidence, context, self.parameters, evaluator)

    @property
    def by_whom(self) -> str:
        """Who must have signed, as the end of a sentence."""
        return "" if self.anchors is None else f" signed for anchor {' or '.join(map(repr, self.anchors))}"

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that its rules establish if it is met."""
        return tuple(level for _, rule, settings in self.rules for level in rule.levels(settings))


def _misnamed(evidence: VerifiedAttestation, globs: tuple[str, ...], artifact: Artifact | None) -> Iterator[Failure]:
    """The failure if no subject that matches the artifact has a matching name; without artifact, if any has not."""
    subjects = evidence.that_are(artifact)
    matching = [matches_any(subject, globs) for subject in subjects]
    if not (all(matching) if artifact is None else any(matching)):
        about = "a subject" if artifact is None else artifact.name
        message = f"the attestation gives {about} the name {quoted_names(subjects)}, which does not match"
        hint = f"Give an attestation with a name that matches {' or '.join(map(repr, globs))}."
        yield Failure("subject-name-mismatch", message, "/subject", hint)


def command_failed(evidence: VerifiedAttestation) -> Iterator[Failure]:
    """The failure if the attestation is about a command that failed."""
    failed = evidence.command_failed
    if failed is not None:
        hint = "Fix the command and run it again, or set `allow_failed = true` in the requirement."
        yield Failure("command-failed", f"the command failed ({failed.how})", failed.pointer, hint)


def not_signed_for(evidence: VerifiedAttestation, anchors: tuple[str, ...] | None, threshold: int) -> Iterator[Failure]:
    """The failure if fewer than `threshold` distinct keys of `anchors` have signed it."""
    signers = evidence.signed_for(anchors)
    if not signers and anchors is not None:
        wanted = " or ".join(map(repr, anchors))
        message = f"signed for anchor {', '.join(map(repr, evidence.anchors))}, expected anchor {wanted}"
        yield Failure("anchor-not-accepted", message, None, f"Have it signed for anchor {wanted}.")
    elif (number := len(distinct(signers))) < threshold:
        message = f"signed by {number} of {plural(threshold, 'required key')}"
        whose = "" if anchors is None else f" of anchor {' or '.join(map(repr, anchors))}"
        hint = f"Add signatures by {plural(threshold - number, 'other key')}{whose}: attest sign ENVELOPE --signer URI."
        yield Failure("keys-too-few", message, None, hint)
