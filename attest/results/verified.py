"""`Verified`: an attestation that was verified, which nothing changes any more (docs/adr/0022).

Rule: `attest.verify` makes one, from what it established itself; no data and no ordinary use of Python does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from attest._base.expected import wrong_type
from attest.results.report import Report, SignatureCheck

if TYPE_CHECKING:
    from attest.artifacts import Artifact
    from attest.statement import Statement


class Verified:
    """An attestation that was verified, with everything that was established. Made by `attest.verify` alone.

    It and all that hangs on it are read-only: who is handed one can rely on it, whoever held it before. It isn't
    pickled, because whoever can change a pickle could say that something was verified: keep the envelope, and verify
    it again. Only code that sets out to break the rules of Python (`object.__setattr__`, names with an underscore) gets
    around that, and such code could also replace `attest.verify`.
    """

    __slots__ = ("_report",)
    _report: Report

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("a Verified is made by attest.verify and by nothing else")

    def __init_subclass__(cls) -> None:
        raise TypeError("a Verified is made by attest.verify, and a class of another kind would be no Verified")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Verified can't be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Verified can't be changed")

    @property
    def report(self) -> Report:
        """What was established on the way: every signature, every artifact, and when it was judged."""
        return self._report

    @property
    def statement(self) -> Statement:
        """The statement, as it was signed."""
        statement = self._report.statement
        assert statement is not None  # noqa: S101  # `_make` saw it
        return statement

    @property
    def anchors(self) -> tuple[str, ...]:
        """The names of the anchors that vouch for it."""
        return self._report.anchors

    @property
    def payload(self) -> bytes:
        """The exact bytes that were verified: use these, and never parse the envelope again."""
        return self.statement.raw

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys whose signatures counted."""
        return tuple(check.keyid for check in self._report.signatures if check.keyid and check.code is None)

    def covers(self, artifact: Artifact) -> bool:
        """Whether `artifact` was found to be a subject."""
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
        message = "a Verified is not pickled, since whoever changes a pickle changes what was verified"
        raise TypeError(f"{message}: keep the envelope, and verify it again")

    def __repr__(self) -> str:
        return f"Verified({self.statement!r}, anchors={self.anchors!r})"


def demand_verified(given: object) -> Verified:
    """`given`, if it is a Verified and nothing that looks like one. Raises TypeError."""
    if type(given) is not Verified:
        raise wrong_type("attestation", "a Verified, as attest.verify returns it", given)
    return given


def _make(report: Report) -> Verified:
    """For `attest.verifying`, once all of `report` is established."""
    if not report.anchors or report.statement is None:
        raise TypeError("nobody vouches for this")
    made = object.__new__(Verified)
    _set_report(made, report)
    return made


def _pack(verified: Verified) -> tuple[Any, ...]:
    """For `attest.bulk`: what one of its processes tells of a Verified, in a form that costs little to send."""
    now, version, checks, *rest = verified.report
    return now, version, [tuple(check) for check in checks], *rest


def _unpack(packed: tuple[Any, ...]) -> Verified:
    """For `attest.bulk`: what was packed by somebody who is trusted as this process is."""
    now, version, checks, *rest = packed
    return _make(Report(now, version, tuple([SignatureCheck(*check) for check in checks]), *rest))


_set_report = Verified.__dict__["_report"].__set__
