"""Verification summaries (SLSA 1.2, verification_summary.md): taken in place of the evidence, and made of a decision.

Rule: a summary is trusted for what a policy says and no longer, and for nothing where a trusted verifier says FAILED.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest import _globs
from attest._codec import format_time
from attest.digest import compare
from attest.errors import InputError
from attest.policy._ages import too_old_at
from attest.policy._decision import Decision, Met
from attest.policy._requirement import not_vouched
from attest.policy._shapes import Failure
from attest.statement import ResourceDescriptor, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._policy import Policy
    from attest.policy._several import Decisions
    from attest.policy._shapes import Evidence

TYPE: Final = "https://slsa.dev/verification_summary/v1"
_SLSA_VERSION: Final = "1.2"
_LEVEL: Final = re.compile(r"(.+_LEVEL_)([0-9]{1,3})", re.ASCII)


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

    def ask(self, evidence: Sequence[Evidence], artifacts: Sequence[Artifact] | None, now: datetime) -> Met:
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
        return Met("vsa", met, tuple(dict.fromkeys(by)), tuple(dict.fromkeys(failures)))

    def _about(
        self, evidence: Sequence[Evidence], artifact: Artifact, now: datetime
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

    def _failures(self, one: Evidence, now: datetime) -> Iterator[Failure]:
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
        if not isinstance(resource, str) or not any(_globs.matches(glob, resource) for glob in self.resources):
            message = f"it is about {_said(resource)}"
            hint = f"Ask for one of: {', '.join(self.resources)}."
            yield Failure("vsa-resource-mismatch", message, "/predicate/resourceUri", hint)
        found = one.find("/predicate/verifiedLevels")
        levels = [level for level in found if isinstance(level, str)] if isinstance(found, list) else []
        for level in self.levels:
            if not any(_reaches(had, level) for had in levels):
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

    def _refuses(self, one: Evidence) -> bool:
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


def _decided_by(one: Evidence) -> list[_Named]:
    """The policy of a summary, or a set of policies as `summarise` describes it, and then each of those."""
    where = "/predicate/policy"
    members = one.find(f"{where}/annotations/policies")
    number = len(members) if isinstance(members, list) else 0
    found = [_named(one, f"{where}/annotations/policies/{index}") for index in range(number)]
    whole = _named(one, where)
    digests = [str(member.digests.get("sha256")).lower() for member in found]
    # Annotations are anybody's: those are a set of policies only if its digest says so.
    return [whole, *found] if digests and whole.has(digest_of(digests)) else [whole]


def _named(one: Evidence, place: str) -> _Named:
    digests, where = one.find(f"{place}/digest"), f"{place}/annotations/parameters"
    return _Named(digests if isinstance(digests, dict) else {}, one.find(where), where)


def digest_of(digests: Iterable[str]) -> str:
    """The SHA-256 that stands for a set of policies: of one its own.

    Of several it is that of their SHA-256 in lower-case hex, each once, sorted, and each followed by a line feed.
    """
    each = sorted(set(digests))
    return each[0] if len(each) == 1 else hashlib.sha256("".join(f"{one}\n" for one in each).encode()).hexdigest()


def summarise(
    decision: Decision | Decisions,
    policies: Policy | Sequence[Policy],
    *,
    verifier: str,
    resource: str,
    artifacts: Sequence[Artifact],
    inputs: Mapping[str, str],
    now: datetime,
) -> Statement:
    """A VSA of the yes of one policy or several about `artifacts`.

    `inputs` are the envelopes that were decided over, by their SHA-256.

    Raises InputError `vsa-of-a-no` for a no, for no artifact, for a yes that was taken from another summary, and for
    several artifacts of which the policy asked for any; and `predicate-invalid` for what isn't a URI.
    """
    asked = list(policies) if isinstance(policies, Sequence) else [policies]
    each = [decision] if isinstance(decision, Decision) else list(decision.each)
    if not decision.yes or not artifacts:
        raise InputError("vsa-of-a-no", "only of a yes about an artifact is a summary made")
    if [one.policy_sha256 for one in each] != [one.sha256 for one in asked]:
        raise InputError("option-invalid", "these are not the policies that decided")
    if not all(one.met for one in decision.requirements):
        # It would be new again and again, however long ago somebody looked at evidence.
        raise InputError("vsa-of-a-no", "this yes is another summary's, and a new one is made of evidence alone")
    if len(artifacts) > 1 and any(one.any_subject for policy in asked for one in policy.requirements):
        message = 'a summary says of each artifact that it passed, and this policy asks it of any: subjects = "any"'
        raise InputError("vsa-of-a-no", message, hint="Keep one artifact at a time.")
    subjects = [ResourceDescriptor(artifact.name, dict(artifact.digests)) for artifact in artifacts]
    predicate = {
        "verifier": {"id": verifier},
        "timeVerified": format_time(now),
        "resourceUri": resource,
        "policy": _described(asked),
        "inputAttestations": [{"name": name, "digest": {"sha256": digest}} for name, digest in inputs.items()],
        "verificationResult": "PASSED",
        "verifiedLevels": list(decision.levels),
        "slsaVersion": _SLSA_VERSION,
    }
    return Statement.build(subjects, predicate_type=TYPE, predicate=predicate)


def _described(policies: Sequence[Policy]) -> dict[str, Any]:
    """A policy as a ResourceDescriptor; of several one for the set, which has a digest of its own and names each."""
    if len(policies) > 1:
        sha256 = digest_of(one.sha256 for one in policies)
        members = sorted((_described([one]) for one in policies), key=lambda one: str(one["digest"]["sha256"]))
        return {"uri": f"urn:sha256:{sha256}", "digest": {"sha256": sha256}, "annotations": {"policies": members}}
    [policy] = policies
    found: dict[str, Any] = {"uri": policy.uri, "digest": {"sha256": policy.sha256}}
    return found | ({"annotations": {"parameters": dict(policy.parameters)}} if policy.parameters else {})


def one_of_each_track(levels: Iterable[str]) -> tuple[str, ...]:
    """Of each track the highest level: a VSA names no more than one of a track."""
    tracks: dict[str, str] = {}
    for level in levels:
        track, number = _track(level)
        if track not in tracks or number > _track(tracks[track])[1]:
            tracks[track] = level
    return tuple(tracks.values())


def _reaches(had: str, wanted: str) -> bool:
    """Whether a level is another one, or above it in the same track."""
    track, number = _track(wanted)
    return had == wanted or (_track(had)[0] == track and number >= 0 and _track(had)[1] >= number)


def _track(level: str) -> tuple[str, int]:
    found = _LEVEL.fullmatch(level)
    return (found[1], int(found[2])) if found else (level, -1)


def _said(value: object) -> str:
    return repr(value)[:200] if isinstance(value, str) else "not said"
