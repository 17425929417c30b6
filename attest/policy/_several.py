"""Several policies together: each decides alone, and all must be met.

Rule: a further policy can only make the result stricter; an empty list is an error, and not `no policy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING

from attest._base.expected import demand, demand_several, wrong_type
from attest.artifacts import artifacts_of
from attest.errors import InputError
from attest.policy._policy import Policy, evidence_of, no_summaries
from attest.results.decisions import Decisions

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.limits import Limits
    from attest.results.verified import Verified


def policies_of(given: Policy | Sequence[Policy]) -> tuple[Policy, ...]:
    """One policy or several as a tuple; equal names get a number.

    Raises InputError `option-invalid` for an empty list, which would require nothing, and TypeError for another type.
    """
    if isinstance(given, Policy):
        return (given,)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise wrong_type("policy", "a Policy or a list of them", given, hint="attest.Policy.load reads a file")
    for one in given:
        demand(one, Policy, "policy", "a Policy or a list of them", hint="attest.Policy.load reads a file")
    if not given:
        raise InputError("option-invalid", "the list of policies is empty; None means no policy")
    found: dict[str, Policy] = {}
    for one in given:
        names = chain([one.name], (f"{one.name} ({number})" for number in count(2)))
        name = next(name for name in names if name not in found)
        found[name] = replace(one, name=name)
    return tuple(found.values())


def decide(
    policies: Policy | Sequence[Policy],
    verified: Sequence[Verified],
    *,
    artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
    now: datetime,
    names: Sequence[str] | None = None,
    accept_vsa: bool = False,
    limits: Limits | None = None,
) -> Decisions:
    """The decision of each policy about verified attestations, as `Policy.decide` makes it.

    With `accept_vsa`, policies that have `[vsa]` accept VSAs; the others need the attestations. Raises as `policies_of`
    and `Policy.decide`, and `vsa-not-configured` if no policy has `[vsa]`.
    """
    asked = policies_of(policies)
    demand_several(verified, "verified", "Verifieds")
    evidence = evidence_of(verified, names, limits)
    if accept_vsa and all(one.summaries is None for one in asked):
        raise no_summaries()
    about = None if artifacts is None else artifacts_of(artifacts)
    return Decisions(
        tuple(one.ask(evidence, about, now, accept_vsa=accept_vsa and one.summaries is not None) for one in asked)
    )
