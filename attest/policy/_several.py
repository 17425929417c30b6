"""Several policies asked together: each decides for itself, and all of them must say yes.

Rule: one more policy can turn a yes into a no, and never a no into a yes; an empty list of them is not `no policy`.
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
    """A policy, or several, as several; two of the same name get a number.

    Raises InputError `option-invalid` for none, which would ask nothing, and TypeError for something else.
    """
    if isinstance(given, Policy):
        return (given,)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise wrong_type("policy", "a Policy or a list of them", given, hint="attest.Policy.load reads a file")
    for one in given:
        demand(one, Policy, "policy", "a Policy or a list of them", hint="attest.Policy.load reads a file")
    if not given:
        raise InputError("option-invalid", "an empty list of policies asks nothing; None says that there is no policy")
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
    """What each policy says of attestations that were verified, as `Policy.decide` does alone.

    With `accept_vsa` those that have `[vsa]` take VSAs; the others go by the evidence. Raises as `policies_of` and
    `Policy.decide` do; `vsa-not-configured` where none has `[vsa]`.
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
