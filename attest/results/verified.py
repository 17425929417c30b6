"""`Verified`: a verified attestation, which cannot be changed (docs/adr/0022).

Rule: only `attest.verify` makes one, from what it established itself; no data and no ordinary use of Python does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from attest._base.expected import wrong_type
from attest.results.report import Report, SignatureCheck

if TYPE_CHECKING:
    from attest.artifacts import Artifact
    from attest.statement import Statement


class Verified:
    """A verified attestation, with everything that was established. Only `attest.verify` makes one.

    It and all its values are read-only, so you can rely on one that other code had before. It cannot be pickled,
    because a changed pickle could claim that something was verified: keep the envelope, and verify it again. Only code
    that breaks the rules of Python on purpose (`object.__setattr__`, names with an underscore) can get around that,
    and such code could also replace `attest.verify`.
    """

    __slots__ = ("_report",)
    _report: Report

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("only attest.verify makes a Verified")

    def __init_subclass__(cls) -> None:
        raise TypeError("Verified cannot have subclasses: only attest.verify makes a Verified")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Verified cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Verified cannot be changed")

    @property
    def report(self) -> Report:
        """What was established: each signature, each artifact, and the time of verification."""
        return self._report

    @property
    def statement(self) -> Statement:
        """The signed statement."""
        statement = self._report.statement
        assert statement is not None  # noqa: S101  # `_make` checked it
        return statement

    @property
    def anchors(self) -> tuple[str, ...]:
        """The names of the anchors that signed it and are allowed to."""
        return self._report.anchors

    @property
    def payload(self) -> bytes:
        """The exact bytes that were verified: use these, and do not parse the envelope again."""
        return self.statement.raw

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys whose signatures counted."""
        return tuple(check.keyid for check in self._report.signatures if check.keyid and check.code is None)

    @property
    def artifacts(self) -> frozenset[Artifact]:
        """The artifacts that are subjects, of all that it was compared with; for many, ask this once."""
        return frozenset([check.artifact for check in self._report.artifacts or () if check.subjects])

    def covers(self, artifact: Artifact) -> bool:
        """Whether `artifact` is one of the subjects."""
        return any(check.subjects and check.artifact == artifact for check in self._report.artifacts or ())

    def __eq__(self, other: object) -> bool:
        return self._report == other._report if type(other) is Verified else NotImplemented

    def __hash__(self) -> int:
        return hash(self.statement)

    def __copy__(self) -> Verified:
        return self

    def __deepcopy__(self, memo: object) -> Verified:
        return self

    def __reduce__(self) -> NoReturn:
        message = "a Verified cannot be pickled, because a changed pickle would change what was verified"
        raise TypeError(f"{message}: keep the envelope, and verify it again")

    def __repr__(self) -> str:
        return f"Verified({self.statement!r}, anchors={self.anchors!r})"


def demand_verified(given: object) -> Verified:
    """`given`, if it is exactly a Verified. Raises TypeError otherwise."""
    if type(given) is not Verified:
        raise wrong_type("attestation", "a Verified, as attest.verify returns it", given)
    return given


def _make(report: Report) -> Verified:
    """For `attest.verifying`, once all of `report` is established."""
    if not report.anchors or report.statement is None:
        raise TypeError("no anchor has signed the statement")
    made = object.__new__(Verified)
    _set_report(made, report)
    return made


def _pack(verified: Verified) -> tuple[Any, ...]:
    """For `attest.bulk`: the values of a Verified, in a form that is cheap to send to another process."""
    now, version, checks, *rest = verified.report
    return now, version, [tuple(check) for check in checks], *rest


def _unpack(packed: tuple[Any, ...]) -> Verified:
    """For `attest.bulk`: a Verified from `_pack` of a process that is trusted like this one."""
    now, version, checks, *rest = packed
    return _make(Report(now, version, tuple([SignatureCheck(*check) for check in checks]), *rest))


_set_report = Verified.__dict__["_report"].__set__
