"""Turns at a token: logins, and operations that need one of their own, come one after the other.

Rule: a turn ends when the module has answered, even if nobody waits for the answer any more.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from attest.signers.pkcs11.calls import TimedOut
from attest.signers.pkcs11.module import Stale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers.pkcs11.calls import Deadline

_LOOK: Final = 0.1  # seconds between two looks at who has the turn


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
        began, turn.person = monotonic(), True
        try:
            yield
        finally:
            turn.person = False
            deadline.extend(monotonic() - began)

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
