"""Making verification summaries (VSAs) of decisions of policies.

Rule: a VSA is made only if attestations met the policy, and never from another VSA.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from attest._base.times import format_time
from attest.errors import InputError
from attest.policy._vsa import TYPE
from attest.results.decisions import Decision, digest_of
from attest.statement import ResourceDescriptor, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._policy import Policy
    from attest.results.decisions import Decisions

_SLSA_VERSION: Final = "1.2"


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
    """A VSA which says that one policy or several are met for `artifacts`.

    `inputs` are the envelopes that were used, by name, with their SHA-256.

    Raises InputError `vsa-of-a-no` if a policy is not met, if there is no artifact, if a VSA met the policy, and for
    several artifacts with `subjects = "any"`; and `predicate-invalid` for an invalid URI.
    """
    asked = list(policies) if isinstance(policies, Sequence) else [policies]
    each = [decision] if isinstance(decision, Decision) else list(decision.each)
    if not decision.yes or not artifacts:
        raise InputError("vsa-of-a-no", "a VSA is made only if the policy is met for at least one artifact")
    if [one.policy_sha256 for one in each] != [one.sha256 for one in asked]:
        raise InputError("option-invalid", "the policies are not those of the decision")
    if not all(one.met for one in decision.requirements):
        # Such a VSA would be new again and again, however old the attestations are.
        raise InputError("vsa-of-a-no", "a VSA met the policy, but a new VSA is made only if attestations meet it")
    if len(artifacts) > 1 and any(one.any_subject for policy in asked for one in policy.requirements):
        message = 'a VSA is about each artifact, but a requirement has subjects = "any"'
        raise InputError("vsa-of-a-no", message, hint="Verify one artifact at a time.")
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
    """A policy as a ResourceDescriptor; for several, the set with its own digest and each of them in it."""
    if len(policies) > 1:
        sha256 = digest_of(one.sha256 for one in policies)
        members = sorted((_described([one]) for one in policies), key=lambda one: str(one["digest"]["sha256"]))
        return {"uri": f"urn:sha256:{sha256}", "digest": {"sha256": sha256}, "annotations": {"policies": members}}
    [policy] = policies
    found: dict[str, Any] = {"uri": policy.uri, "digest": {"sha256": policy.sha256}}
    return found | ({"annotations": {"parameters": dict(policy.parameters)}} if policy.parameters else {})
