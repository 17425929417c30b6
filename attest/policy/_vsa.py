"""Verification summaries (VSA, SLSA 1.2, verification_summary.md) that are accepted instead of attestations.

Rule: a VSA is trusted as far and as long as the policy says, and never if a trusted verifier says FAILED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.digest import compare
from attest.policy._ages import too_old_at
from attest.policy._requirement import not_signed_for
from attest.policy._shapes import matches
from attest.results.decisions import Failure, RequirementResult, digest_of, some
from attest.results.levels import reaches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._shapes import VerifiedAttestation

TYPE: Final = "https://slsa.dev/verification_summary/v1"


class Summaries(NamedTuple):
    """Which VSAs a policy accepts, as in its `[vsa]`; `own` is its SHA-256, and `parameters` are its parameters."""

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
        """Whether there is an accepted VSA about each artifact, and none by a trusted verifier that says FAILED."""
        by: list[str] = []
        failures: list[Failure] = []
        met = bool(artifacts)
        if not artifacts:
            message = "a VSA is accepted only for an artifact that you name"
            failures.append(Failure("evidence-missing", message, None, "Give an artifact: --artifact FILE."))
        for artifact in artifacts or ():
            accepted, failed = self._about(evidence, artifact, now)
            met = met and bool(accepted)
            by += accepted
            failures += failed
        return RequirementResult("vsa", met, tuple(dict.fromkeys(by)), tuple(dict.fromkeys(failures)))

    def _about(
        self, evidence: Sequence[VerifiedAttestation], artifact: Artifact, now: datetime
    ) -> tuple[list[str], list[Failure]]:
        candidates = [one for one in evidence if one.statement.predicate_type == TYPE and one.about(artifact)]
        if not candidates:
            hint = f"Give a VSA by {' or '.join(self.verifiers)}."
            return [], [Failure("evidence-missing", f"no verified VSA is about {artifact.name}", None, hint)]
        failures = []
        accepted = []
        for one in candidates:
            lacking = [failure._replace(attestation=one.name) for failure in self._failures(one, now)]
            failures += lacking
            accepted += [] if lacking else [one]
        refusals = [one for one in candidates if self._refuses(one)]
        if not refusals:
            return [one.name for one in accepted], failures
        for one in accepted:
            message = f"a trusted verifier reports FAILED for the artifact: {some([x.name for x in refusals])}"
            where = "/predicate/verificationResult"
            hint = "Find out why it failed there, or give the required attestations instead."
            failures.append(Failure("vsa-contradictory", message, where, hint, one.name))
        return [], failures

    def _failures(self, one: VerifiedAttestation, now: datetime) -> Iterator[Failure]:
        yield from not_signed_for(one, self.anchors, self.threshold)
        verifier = one.find("/predicate/verifier/id")
        if verifier not in self.verifiers:
            message = f"the policy does not trust verifier {_quoted(verifier)}"
            yield Failure(
                "verifier-mismatch", message, "/predicate/verifier/id", f"Give a VSA by {' or '.join(self.verifiers)}."
            )
        yield from too_old_at(one, "/predicate/timeVerified", self.max_age, now)
        result = one.find("/predicate/verificationResult")
        if result != "PASSED":
            message = f"expected result 'PASSED', found {_quoted(result)}"
            hint = "Fix what the verifier found, and let it verify again."
            yield Failure("vsa-failed", message, "/predicate/verificationResult", hint)
        resource = one.find("/predicate/resourceUri")
        if not matches(resource, self.resources):
            message = f"the policy does not accept resource {_quoted(resource)}"
            hint = f"Give a VSA about one of: {', '.join(self.resources)}."
            yield Failure("vsa-resource-mismatch", message, "/predicate/resourceUri", hint)
        found = one.find("/predicate/verifiedLevels")
        levels = [level for level in found if isinstance(level, str)] if isinstance(found, list) else []
        for level in self.levels:
            if not any(reaches(had, level) for had in levels):
                message = f"expected level {level}, found {', '.join(levels)[:200] or 'none'}"
                yield Failure(
                    "vsa-level-missing", message, "/predicate/verifiedLevels", f"Give a VSA with level {level}."
                )
        decided = _decided_by(one)
        if self.policies is not None and not any(named.has(sha256) for named in decided for sha256 in self.policies):
            message = f"the VSA is of policy {_quoted(decided[0].digests.get('sha256'))}, which is not accepted"
            hint = f"Give a VSA of policy {' or '.join(self.policies)}."
            yield Failure("vsa-policy-mismatch", message, "/predicate/policy/digest/sha256", hint)
        own = [named for named in decided if named.has(self.own)]
        if own and self.parameters and not any(named.parameters == self.parameters for named in own):
            message = "the VSA is of this policy with other parameters"
            yield Failure("vsa-policy-mismatch", message, own[0].parameters_at, "Give a VSA with the same parameters.")

    def _refuses(self, one: VerifiedAttestation) -> bool:
        """Whether a trusted verifier says that the artifact failed, at any time and by any policy."""
        trusted = one.find("/predicate/verifier/id") in self.verifiers
        failed = one.find("/predicate/verificationResult") == "FAILED"
        return trusted and failed and not any(not_signed_for(one, self.anchors, self.threshold))


class _Named(NamedTuple):
    """A policy that a VSA names, with its parameters and their place."""

    digests: Mapping[str, Any]
    parameters: object
    parameters_at: str

    def has(self, sha256: str) -> bool:
        """Whether it is the policy with this SHA-256."""
        return compare({"sha256": sha256}, self.digests) == "same"


def _decided_by(one: VerifiedAttestation) -> list[_Named]:
    """The policy of a VSA or, for a set of policies as `summarise` describes it, the set and each of them."""
    where = "/predicate/policy"
    members = one.find(f"{where}/annotations/policies")
    number = len(members) if isinstance(members, list) else 0
    found = [_named(one, f"{where}/annotations/policies/{index}") for index in range(number)]
    whole = _named(one, where)
    digests = [str(member.digests.get("sha256")).lower() for member in found]
    # Anyone can define annotations: they are a set of policies only if the digest matches.
    return [whole, *found] if digests and whole.has(digest_of(digests)) else [whole]


def _named(one: VerifiedAttestation, place: str) -> _Named:
    digests, where = one.find(f"{place}/digest"), f"{place}/annotations/parameters"
    return _Named(digests if isinstance(digests, dict) else {}, one.find(where), where)


def _quoted(value: object) -> str:
    return repr(value)[:200] if isinstance(value, str) else "(none)"
