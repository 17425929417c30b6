"""Several policies asked together: each decides for itself, and all of them must say yes.

Rule: one more policy can turn a yes into a no, and never a no into a yes; an empty list of them is not `no policy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from attest.errors import InputError
from attest.limits import Limits
from attest.policy._decision import Met, some
from attest.policy._policy import Policy, evidence_of
from attest.policy._vsa import digest_of, one_of_each_track

if TYPE_CHECKING:
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._decision import Decision
    from attest.policy._shapes import Vouched


class Decisions(NamedTuple):
    """What each of one or more policies decided, in their order, and what they say together."""

    each: tuple[Decision, ...]

    @property
    def yes(self) -> bool:
        """Whether all of them say yes."""
        return bool(self.each) and all(one.yes for one in self.each)

    @property
    def summary(self) -> str:
        """The answer in a few words."""
        if len(self.each) == 1:
            return self.each[0].summary
        unmet = [one.policy for one in self.each if not one.yes]
        if not unmet:
            return f"all {len(self.each)} policies are met"
        return f"{len(unmet)} of {len(self.each)} policies {'is' if len(unmet) == 1 else 'are'} not met: {some(unmet)}"

    @property
    def requirements(self) -> tuple[Met, ...]:
        """What became of the requirements of all of them."""
        return tuple(met for one in self.each for met in one.requirements)

    @property
    def vsa(self) -> Met | None:
        """What became of the VSAs that were to take the place of evidence: met if they did for all that were asked."""
        asked = [one.vsa for one in self.each if one.vsa is not None]
        if len(asked) < 2:
            return asked[0] if asked else None
        by = tuple(dict.fromkeys(name for met in asked for name in met.by))
        failures = tuple(dict.fromkeys(failure for met in asked for failure in met.failures))
        return Met(asked[0].id, all(met.met for met in asked), by, failures)

    @property
    def levels(self) -> tuple[str, ...]:
        """What was established: of each track the highest level that one of them did."""
        return one_of_each_track(level for one in self.each for level in one.levels)

    @property
    def sha256(self) -> str:
        """What a result and a VSA name them by: the SHA-256 of the one, or `digest_of` all."""
        return digest_of(one.policy_sha256 for one in self.each)


def policies_of(given: Policy | Sequence[Policy]) -> tuple[Policy, ...]:
    """A policy, or several, as several; two of the same name get a number.

    Raises InputError `option-invalid` for none, which would ask nothing, and TypeError for something else.
    """
    if isinstance(given, Policy):
        return (given,)
    if not isinstance(given, Sequence) or not all(isinstance(one, Policy) for one in given):
        raise TypeError(f"`policy` is a Policy or a list of them, and not {type(given).__name__}")
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
    verified: Sequence[Vouched],
    *,
    artifacts: Sequence[Artifact] | None,
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
    (limits or Limits()).check_attestations(len(verified))
    if accept_vsa and all(one.summaries is None for one in asked):
        raise InputError("vsa-not-configured", "the policy doesn't say whose summaries it takes: [vsa]")
    evidence = evidence_of(verified, names)
    return Decisions(
        tuple(one.ask(evidence, artifacts, now, accept_vsa=accept_vsa and one.summaries is not None) for one in asked)
    )
