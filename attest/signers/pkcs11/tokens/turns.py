"""Turns at a token: logins, and operations that need one of their own, come one after the other.

Rule: a turn ends when the module has answered, even if nobody waits for the answer any more.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from attest.signers.pkcs11.cryptoki.calls import TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest.signers.pkcs11.cryptoki.calls import Deadline

_LOOK: Final = 0.1  # seconds between two looks at who has the turn
_SHORT: Final = 0.01


class Lock(Protocol):
    """A lock of `threading`, of whatever kind."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As those of `threading`."""


class Turn:
    """The right to use a token alone.

    `may_overlap`: if the module does not answer in time, the next turn need not wait for it.
    """

    __slots__ = ("calls", "left", "may_overlap", "person")

    def __init__(self) -> None:
        self.calls = 0
        self.left = False
        self.person = False
        self.may_overlap = False


class Turns:
    """Who has the turn at one token."""

    def __init__(self) -> None:
        self._turn: Turn | None = None
        self._persons = 0.0
        self._since: float | None = None
        self._change = threading.Condition(threading.Lock())

    @contextmanager
    def take(self, deadline: Deadline) -> Iterator[Turn]:
        """Let nobody else use the token in the body. Raises TimedOut if others use it for too long."""
        turn = Turn()
        with self._change:
            while self._turn is not None:
                self._wait(self._turn, deadline)
            self._turn = turn
        try:
            yield turn
        finally:
            with self._change:
                turn.left = True
                self._end(turn)

    @contextmanager
    def call(self, turn: Turn) -> Iterator[None]:
        """In the thread of a call into the module: the turn lasts until the body has ended.

        Raises Stale if the turn is over, because the deadline passed before the call began.
        """
        with self._change:
            if turn.left:
                raise Stale
            turn.calls += 1
        try:
            yield
        finally:
            with self._change:
                turn.calls -= 1
                self._end(turn)

    @contextmanager
    def person(self, turn: Turn, deadline: Deadline) -> Iterator[None]:
        """A person enters the PIN in the body. That takes none of the time of `deadline`, or of those who wait."""
        began = self._since = monotonic()
        turn.person = True
        try:
            yield
        finally:
            turn.person, self._since = False, None
            taken = monotonic() - began
            self._persons += taken
            deadline.extend(taken)

    @property
    def person_is_asked(self) -> bool:
        """Whether a person enters the PIN now."""
        return self._since is not None

    @property
    def person_seconds(self) -> float:
        """The time that persons have taken until now."""
        since = self._since
        return self._persons + (0.0 if since is None else monotonic() - since)

    @property
    def unanswered(self) -> bool:
        """Whether the module has not answered a call yet."""
        return self._turn is not None and self._turn.calls > 0

    def _wait(self, turn: Turn, deadline: Deadline) -> None:
        if not turn.person and deadline.over:
            raise TimedOut(started=False)
        began = monotonic()
        self._change.wait(_LOOK if turn.person else min(_LOOK, deadline.left()))
        if turn.person:
            deadline.extend(monotonic() - began)

    def _end(self, turn: Turn) -> None:
        if self._turn is turn and turn.left and (not turn.calls or turn.may_overlap):
            self._turn = None
            self._change.notify_all()


def acquire(lock: Lock, deadline: Deadline, person_seconds: Callable[[], float]) -> bool:
    """Acquire a lock before the deadline, which moves by the time that a person takes meanwhile."""
    seen = person_seconds()
    while not (acquired := lock.acquire(timeout=min(max(deadline.left(), _SHORT), _LOOK))):
        before, seen = seen, person_seconds()
        deadline.extend(seen - before)
        if deadline.over:
            break
    deadline.extend(person_seconds() - seen)
    return acquired
