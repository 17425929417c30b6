"""What rules get: verified attestations, the context, and the settings that they describe.

Rule: a VerifiedAttestation is made from a Verified, and contains nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from attest._base import globbing
from attest._base.json import at, steps
from attest.matching import match_statement
from attest.predicates import _steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.results.decisions import Failure
    from attest.results.report import CountedSigner
    from attest.results.verified import Verified
    from attest.statement import Statement

# The setting of a rule that lists names, or globs.
NAMES: Final[Mapping[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 64,
    "items": {"type": "string", "minLength": 1},
}
# The same for names of trust anchors, each of which the trust bundle must have.
ANCHORS: Final[Mapping[str, Any]] = {**NAMES, "x-anchors": True}
_Item = TypeVar("_Item")


def matches(found: object, globs: Iterable[str]) -> bool:
    """Whether a value is text that one of the globs matches. An empty text names nothing, so nothing matches it."""
    return isinstance(found, str) and found != "" and any(globbing.matches(glob, found) for glob in globs)


class VerifiedAttestation:
    """A verified attestation as rules see it: with a name, and the anchors that signed it and are allowed to."""

    def __init__(self, verified: Verified, name: str) -> None:
        self.name: str = name
        self.statement: Statement = verified.statement
        self.anchors: tuple[str, ...] = verified.anchors
        self._signatures = verified.report.signatures
        self._about: dict[Artifact, tuple[int, ...]] = {}

    @property
    def predicate(self) -> dict[str, Any]:
        """The signed predicate."""
        return self.statement.predicate

    @cached_property
    def subjects(self) -> list[Mapping[str, Any]]:
        """The signed subjects, each with its digests."""
        return list(self.statement.document["subject"])

    @cached_property
    def command_failed(self) -> _steps.Failed | None:
        """How its command failed, according to the attestation; None if it does not say so."""
        return _steps.command_failed(self.statement)

    def about(self, artifact: Artifact | None) -> bool:
        """Whether a subject matches `artifact`; None matches every subject."""
        return bool(self.that_are(artifact))

    def that_are(self, artifact: Artifact | None) -> list[Mapping[str, Any]]:
        """The subjects that match `artifact`; all of them for None."""
        if artifact is None:
            return self.subjects
        if artifact not in self._about:  # each requirement needs it
            self._about[artifact] = match_statement(artifact, self.statement).subjects
        return [self.subjects[index] for index in self._about[artifact]]

    def signed_for(self, anchors: Collection[str] | None) -> list[CountedSigner]:
        """Who signed it for one of `anchors` (None: any) that is allowed to; several may be the same signer."""
        counting = set(self.anchors) if anchors is None else set(self.anchors).intersection(anchors)
        return [signer for check in self._signatures for signer in check.signers(counting)]

    def find(self, pointer: str) -> Any:
        """The value at a JSON pointer into the statement, or MISSING."""
        return at(self.statement.document, *steps(pointer))


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may use besides the attestation that it checks.

    `artifact` is None with `artifacts=None`. `evidence` is everything that was verified, `anchors` are those that the
    requirement names, and `allow_failed` says whether it accepts commands that failed. A rule may use other
    attestations only if more of them can never turn a success into a failure.
    """

    now: datetime
    artifact: Artifact | None
    evidence: Sequence[VerifiedAttestation]
    anchors: tuple[str, ...] | None
    allow_failed: bool = False
    _found: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, find: Callable[[Context, Mapping[str, Any]], _Item], settings: Mapping[str, Any]) -> _Item:
        """The result of `find` for this context and the settings of a rule, computed once for all attestations.

        A rule looks up other attestations only through this method; otherwise the cost would be quadratic.
        """
        if find not in self._found:
            self._found[find] = find(self, settings)
        found: _Item = self._found[find]
        return found


class Rule(NamedTuple):
    """A rule: one pure function, with what is needed to offer it.

    `types` are the short names of the predicate types that it supports, `settings` is a JSON Schema of its settings,
    `example` shows them in TOML, and `needs` are the keys that a requirement with this rule must have. `levels` are
    those that the rule establishes if it is met.
    """

    check: Callable[[VerifiedAttestation, Mapping[str, Any], Context], Iterator[Failure]]
    types: tuple[str, ...]
    settings: Mapping[str, Any]
    example: str
    needs: tuple[str, ...] = ()
    levels: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda settings: ()

    @property
    def summary(self) -> str:
        """What it requires, in one sentence."""
        return (self.check.__doc__ or "").strip().partition("\n")[0]
