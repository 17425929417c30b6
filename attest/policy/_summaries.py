"""Making verification summaries (VSAs) of what policies decided.

Rule: a summary is made of a yes that evidence gave, and of nothing else.
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
