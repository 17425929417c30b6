"""Verification summaries (SLSA 1.2, verification_summary.md): taken in place of the evidence, and made of a decision.

Rule: a summary is trusted for what a policy says and no longer, and for nothing where a trusted verifier says FAILED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import globbing
from attest.digest import compare
from attest.policy._ages import too_old_at
from attest.policy._requirement import not_vouched
from attest.results.decisions import Failure, RequirementResult, digest_of
from attest.results.levels import reaches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._shapes import VerifiedAttestation

TYPE: Final = "https://slsa.dev/verification_summary/v1"


class Summaries(NamedTuple):
    """Whose summaries a policy takes, as its `[vsa]` says; `own` is its SHA-256, and `parameters` are its own too."""

    verifiers: tuple[str, ...]
    anchors: tuple[str, ...]
    threshold: int
    resources: tuple[str, ...]
    max_age: str
    levels: tuple[str, ...]
    policies: tuple[str, ...] | None
    own: str
    parameters: Mapping[str, str]

    def ask(
        self, evidence: Sequence[VerifiedAttestation], artifacts: Sequence[Artifact] | None, now: datetime
    ) -> RequirementResult:
        """Whether there is a good summary about each artifact, and none by a trusted verifier that says FAILED."""
        by: list[str] = []
        failures: list[Failure] = []
        met = bool(artifacts)
        if not artifacts:
            message = "without an artifact a VSA is about nothing that was asked for"
            failures.append(Failure("evidence-missing", message, None, "Name what it must be about: --artifact FILE."))
        for artifact in artifacts or ():
            good, failed = self._about(evidence, artifact, now)
            met = met and bool(good)
            by += good
            failures += failed
        return RequirementResult("vsa", met, tuple(dict.fromkeys(by)), tuple(dict.fromkeys(failures)))

    def _about(
        self, evidence: Sequence[VerifiedAttestation], artifact: Artifact, now: datetime
    ) -> tuple[list[str], list[Failure]]:
        candidates = [one for one in evidence if one.statement.predicate_type == TYPE and one.about(artifact)]
        if not candidates:
            hint = f"Give one about it, by {' or '.join(self.verifiers)}."
            return [], [Failure("evidence-missing", f"no VSA about {artifact.name} was verified", None, hint)]
        failures = []
        good = []
        for one in candidates:
            lacking = [failure._replace(attestation=one.name) for failure in self._failures(one, now)]
            failures += lacking
            good += [] if lacking else [one]
        refusals = [one for one in candidates if self._refuses(one)]
        if not refusals:
            return [one.name for one in good], failures
        for one in good:
            message = (
                f"another one by a trusted verifier says that it failed: {', '.join(x.name for x in refusals[:8])}"
            )
            where = "/predicate/verificationResult"
            hint = "Find out why it failed there, or give the evidence itself, which decides then."
            failures.append(Failure("vsa-contradictory", message, where, hint, one.name))
        return [], failures

    def _failures(self, one: VerifiedAttestation, now: datetime) -> Iterator[Failure]:
        yield from not_vouched(one, self.anchors, self.threshold)
        verifier = one.find("/predicate/verifier/id")
        if verifier not in self.verifiers:
            message = f"the verifier is {_said(verifier)}, and none that is trusted"
            yield Failure("verifier-mismatch", message, "/predicate/verifier/id", f"Ask {' or '.join(self.verifiers)}.")
        yield from too_old_at(one, "/predicate/timeVerified", self.max_age, now)
        result = one.find("/predicate/verificationResult")
        if result != "PASSED":
            message = f"its result is {_said(result)}, and not PASSED"
            hint = "Mend what its policy found wanting, and have the verifier decide again."
            yield Failure("vsa-failed", message, "/predicate/verificationResult", hint)
        resource = one.find("/predicate/resourceUri")
        if not isinstance(resource, str) or not any(globbing.matches(glob, resource) for glob in self.resources):
            message = f"it is about {_said(resource)}"
            hint = f"Ask for one of: {', '.join(self.resources)}."
            yield Failure("vsa-resource-mismatch", message, "/predicate/resourceUri", hint)
        found = one.find("/predicate/verifiedLevels")
        levels = [level for level in found if isinstance(level, str)] if isinstance(found, list) else []
        for level in self.levels:
            if not any(reaches(had, level) for had in levels):
                message = f"{level} is not among what was verified ({', '.join(levels)[:200] or 'nothing'})"
                yield Failure("vsa-level-missing", message, "/predicate/verifiedLevels", f"Have {level} verified.")
        decided = _decided_by(one)
        if self.policies is not None and not any(named.has(sha256) for named in decided for sha256 in self.policies):
            message = f"it was decided by the policy {_said(decided[0].digests.get('sha256'))}"
            hint = f"Have it decided by {' or '.join(self.policies)}."
            yield Failure("vsa-policy-mismatch", message, "/predicate/policy/digest/sha256", hint)
        own = [named for named in decided if named.has(self.own)]
        if own and self.parameters and not any(named.parameters == self.parameters for named in own):
            message = "it was decided by this policy, and with other parameters"
            yield Failure("vsa-policy-mismatch", message, own[0].parameters_at, "Have it decided with the same ones.")

    def _refuses(self, one: VerifiedAttestation) -> bool:
        """Whether it is a trusted verifier's word that the artifact failed: whenever and by whatever policy."""
        trusted = one.find("/predicate/verifier/id") in self.verifiers
        failed = one.find("/predicate/verificationResult") == "FAILED"
        return trusted and failed and not any(not_vouched(one, self.anchors, self.threshold))


class _Named(NamedTuple):
    """A policy that a summary was decided by, and where it has its parameters."""

    digests: Mapping[str, Any]
    parameters: object
    parameters_at: str

    def has(self, sha256: str) -> bool:
        """Whether it is the policy with this SHA-256."""
        return compare({"sha256": sha256}, self.digests) == "same"


def _decided_by(one: VerifiedAttestation) -> list[_Named]:
    """The policy of a summary, or a set of policies as `summarise` describes it, and then each of those."""
    where = "/predicate/policy"
    members = one.find(f"{where}/annotations/policies")
    number = len(members) if isinstance(members, list) else 0
    found = [_named(one, f"{where}/annotations/policies/{index}") for index in range(number)]
    whole = _named(one, where)
    digests = [str(member.digests.get("sha256")).lower() for member in found]
    # Annotations are anybody's: those are a set of policies only if its digest says so.
    return [whole, *found] if digests and whole.has(digest_of(digests)) else [whole]


def _named(one: VerifiedAttestation, place: str) -> _Named:
    digests, where = one.find(f"{place}/digest"), f"{place}/annotations/parameters"
    return _Named(digests if isinstance(digests, dict) else {}, one.find(where), where)


def _said(value: object) -> str:
    return repr(value)[:200] if isinstance(value, str) else "not said"
