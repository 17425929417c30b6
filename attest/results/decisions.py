"""Decisions of policies: the result of each requirement, and its failures.

Rule: a decision only reports what was decided; it decides nothing itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from attest._base.text import plural
from attest.results.levels import one_of_each_track

if TYPE_CHECKING:
    from collections.abc import Iterable


class Failure(NamedTuple):
    """One thing that a policy requires and does not find.

    `pointer` is the place in the statement, `hint` always says what would have to change, `attestation` names the
    attestation (None if there is none), and `rule` the rule that failed (None if it is part of the requirement).
    """

    code: str
    message: str
    pointer: str | None = None
    hint: str | None = None
    attestation: str | None = None
    rule: str | None = None


class RequirementResult(NamedTuple):
    """The result of one requirement: the names of the attestations that met it, and all failures.

    If it is met, `failures` are those of other attestations, which were ignored.
    """

    id: str
    met: bool
    by: tuple[str, ...]
    failures: tuple[Failure, ...]


class Decision(NamedTuple):
    """The decision of a policy; `policy` is its name, and `yes` is true if it is met.

    `vsa` is None unless a VSA was accepted instead of the required attestations. `levels` are those established by the
    rules of requirements that are met, or by the VSA.
    """

    yes: bool
    requirements: tuple[RequirementResult, ...]
    vsa: RequirementResult | None
    levels: tuple[str, ...]
    policy_sha256: str
    policy: str = "policy"

    @property
    def summary(self) -> str:
        """The decision in a few words."""
        if self.yes:
            by = " by a verification summary" if not all(one.met for one in self.requirements) else ""
            return f"the policy is met{by}"
        if not self.requirements:
            return "the policy has no requirements, so it can never be met"
        unmet = [one.id for one in self.requirements if not one.met]
        of_all = f"{len(unmet)} of {plural(len(self.requirements), 'requirement')}"
        return f"{of_all} of the policy {'is' if len(unmet) == 1 else 'are'} not met: {some(unmet)}"


class Decisions(NamedTuple):
    """The decision of each of one or more policies, in their order, and the decision of all together."""

    each: tuple[Decision, ...]

    @property
    def yes(self) -> bool:
        """Whether all of them are met."""
        return bool(self.each) and all(one.yes for one in self.each)

    @property
    def summary(self) -> str:
        """The decision in a few words."""
        if len(self.each) == 1:
            return self.each[0].summary
        unmet = [one.policy for one in self.each if not one.yes]
        if not unmet:
            return f"all {len(self.each)} policies are met"
        return f"{len(unmet)} of {len(self.each)} policies {'is' if len(unmet) == 1 else 'are'} not met: {some(unmet)}"

    @property
    def requirements(self) -> tuple[RequirementResult, ...]:
        """The results of the requirements of all of them."""
        return tuple(met for one in self.each for met in one.requirements)

    @property
    def vsa(self) -> RequirementResult | None:
        """The result of the VSAs: met if a VSA was accepted for every policy that accepts one."""
        asked = [one.vsa for one in self.each if one.vsa is not None]
        if len(asked) < 2:
            return asked[0] if asked else None
        by = tuple(dict.fromkeys(name for met in asked for name in met.by))
        failures = tuple(dict.fromkeys(failure for met in asked for failure in met.failures))
        return RequirementResult(asked[0].id, all(met.met for met in asked), by, failures)

    @property
    def levels(self) -> tuple[str, ...]:
        """Of each track the highest level that one of the policies established."""
        return one_of_each_track(level for one in self.each for level in one.levels)

    @property
    def sha256(self) -> str:
        """How results and VSAs name them: the SHA-256 of the only policy, or `digest_of` all."""
        return digest_of(one.policy_sha256 for one in self.each)


def digest_of(digests: Iterable[str]) -> str:
    """The SHA-256 of a set of policies; for one policy, its own.

    For several it is that of their SHA-256 in lower-case hex, each once, sorted, each followed by a line feed.
    """
    each = sorted(set(digests))
    return each[0] if len(each) == 1 else hashlib.sha256("".join(f"{one}\n" for one in each).encode()).hexdigest()


def some(names: list[str]) -> str:
    """The names in a sentence; of many, the first 8."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
