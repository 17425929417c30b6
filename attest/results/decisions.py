"""Decisions of policies: what became of each requirement, and what failed.

Rule: a decision only tells; whether it is a yes was settled where it was made.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from attest.results.levels import one_of_each_track

if TYPE_CHECKING:
    from collections.abc import Iterable


class Failure(NamedTuple):
    """One thing that a policy asks and doesn't find.

    `pointer` is the place in the statement that was looked at, `hint` says what would have to be different (always),
    `attestation` names the one it is about (None: there is none), and `rule` what asked.
    """

    code: str
    message: str
    pointer: str | None = None
    hint: str | None = None
    attestation: str | None = None
    rule: str | None = None


class RequirementResult(NamedTuple):
    """What became of one requirement: the attestations that met it, by name, and everything that failed.

    `failures` of one that is met are those of other attestations, which decide nothing.
    """

    id: str
    met: bool
    by: tuple[str, ...]
    failures: tuple[Failure, ...]


class Decision(NamedTuple):
    """A policy's answer; `policy` is its name. `vsa` is None unless a VSA could have taken the place of the evidence.

    `levels` are what was established: by the rules of requirements that are met, or by the VSA.
    """

    yes: bool
    requirements: tuple[RequirementResult, ...]
    vsa: RequirementResult | None
    levels: tuple[str, ...]
    policy_sha256: str
    policy: str = "policy"

    @property
    def summary(self) -> str:
        """The answer in a few words."""
        if self.yes:
            by = " by a verification summary" if not all(one.met for one in self.requirements) else ""
            return f"the policy is met{by}"
        if not self.requirements:
            return "the policy requires nothing, and from nothing follows nothing"
        unmet = [one.id for one in self.requirements if not one.met]
        return f"{len(unmet)} of {len(self.requirements)} requirements of the policy are not met: {some(unmet)}"


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
    def requirements(self) -> tuple[RequirementResult, ...]:
        """What became of the requirements of all of them."""
        return tuple(met for one in self.each for met in one.requirements)

    @property
    def vsa(self) -> RequirementResult | None:
        """What became of the VSAs that were to take the place of evidence: met if they did for all that were asked."""
        asked = [one.vsa for one in self.each if one.vsa is not None]
        if len(asked) < 2:
            return asked[0] if asked else None
        by = tuple(dict.fromkeys(name for met in asked for name in met.by))
        failures = tuple(dict.fromkeys(failure for met in asked for failure in met.failures))
        return RequirementResult(asked[0].id, all(met.met for met in asked), by, failures)

    @property
    def levels(self) -> tuple[str, ...]:
        """What was established: of each track the highest level that one of them did."""
        return one_of_each_track(level for one in self.each for level in one.levels)

    @property
    def sha256(self) -> str:
        """What a result and a VSA name them by: the SHA-256 of the one, or `digest_of` all."""
        return digest_of(one.policy_sha256 for one in self.each)


def digest_of(digests: Iterable[str]) -> str:
    """The SHA-256 that stands for a set of policies: of one its own.

    Of several it is that of their SHA-256 in lower-case hex, each once, sorted, and each followed by a line feed.
    """
    each = sorted(set(digests))
    return each[0] if len(each) == 1 else hashlib.sha256("".join(f"{one}\n" for one in each).encode()).hexdigest()


def some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
