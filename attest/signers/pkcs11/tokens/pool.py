"""Sessions of one token in one generation: bounded, reused, and never used again after an error.

Rule: these sessions have no login of their own (closing one with a login logs out the whole process), and the caller
that has waited longest is next.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pkcs11.exceptions as p11

from attest._base import notices
from attest.signers.pkcs11.cryptoki.calls import TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.tokens.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkcs11.types import Session, Token

    from attest.signers.pkcs11.cryptoki.calls import Deadline
    from attest.signers.pkcs11.cryptoki.module import Module

_T = TypeVar("_T")


class Entry:
    """A session, and the objects that were looked up in it."""

    __slots__ = ("_given_up", "_in_use", "_lock", "objects", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.objects: dict[object, Any] = {}
        self._in_use = self._given_up = False
        self._lock = threading.Lock()

    def use(self, operation: Callable[[Entry], _T]) -> _T:
        """Run `operation` with the session. Raises Stale if it was given up, or what `operation` raises."""
        with self._lock:
            if self._given_up:
                raise Stale
            self._in_use = True
        try:
            return operation(self)
        finally:
            with self._lock:
                self._in_use = False
                given_up = self._given_up
            if given_up:
                with suppress(p11.PKCS11Error):
                    self.session.close()

    def give_up(self) -> bool:
        """Mark the session as given up. Returns whether the caller may close it; a user closes it after its call.

        An interrupted caller (Ctrl-C) abandons its call, and closing a session during a call crashes.
        """
        with self._lock:
            self._given_up = True
            return not self._in_use


class SessionPool:
    """Up to `limit` sessions, opened when they are needed."""

    def __init__(self, module: Module, generation: int, token: Token, limit: int) -> None:
        self.module = module
        self.generation = generation
        self._token = token
        self.limit = limit
        self.lost = False  # set by a user whose error means that the token or module is gone
        self._free: list[Entry] = []
        self._waiting: deque[threading.Lock] = deque()
        self._handed: dict[threading.Lock, Entry | None] = {}
        self._open = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def opened(self) -> int:
        """The number of open sessions."""
        return self._open

    @property
    def waiting(self) -> int:
        """The number of callers that wait for a session."""
        return len(self._waiting)

    def take(self, deadline: Deadline) -> Entry:
        """A session for the caller alone. Raises TimedOut, Stale, or the module's error in C_OpenSession."""
        with self._lock:
            if self._closed:
                raise Stale
            if self._free:
                return self._free.pop()
            if self._open < self.limit:
                self._open += 1
                turn = None
            else:
                turn = threading.Lock()
                turn.acquire()
                self._waiting.append(turn)
        if turn is not None:
            entry = self._wait(turn, deadline)
            if entry is not None:
                return entry
        try:
            return Entry(self.module.call(self.generation, lambda: open_session(self._token), deadline))
        except p11.ArgumentsBad:
            # The arguments are right: some modules return this error if requests come too fast.
            self._leave()
            raise p11.SessionCount from None
        except BaseException:
            self._leave()
            raise

    def give_back(self, entry: Entry, deadline: Deadline) -> None:
        """Return a session that worked."""
        with self._lock:
            if not self._closed:
                if self._waiting:
                    turn = self._waiting.popleft()
                    self._handed[turn] = entry
                    turn.release()
                else:
                    self._free.append(entry)
                return
        self.discard(entry, deadline)

    def discard(self, entry: Entry, deadline: Deadline) -> None:
        """Close a session after an error; it may not be usable any more."""
        if entry.give_up():
            with suppress(p11.PKCS11Error, TimedOut, Stale):
                self.module.call(self.generation, entry.session.close, deadline)
        self._leave()

    def shrink(self) -> None:
        """Limit the pool to its open sessions, because the token allows no more."""
        with self._lock:
            self.limit = max(1, min(self.limit, self._open))
        notices.debug("the token allows no more sessions; new session limit %s", self.limit)

    def forget_objects(self) -> None:
        """Let each object be looked up again: a key was replaced. A session in use keeps what it has found."""
        with self._lock:
            for entry in self._free:
                entry.objects.clear()

    def close(self, deadline: Deadline) -> None:
        """Close every free session, and end all waiting; a session in use is closed by its user."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
            while self._waiting:
                self._waiting.popleft().release()
        for entry in free:
            self.discard(entry, deadline)

    def _wait(self, turn: threading.Lock, deadline: Deadline) -> Entry | None:
        """Wait for a turn: a session, or None if the caller may open one. Raises TimedOut, or Stale after `close`."""
        if not turn.acquire(timeout=deadline.left()):
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    raise TimedOut(started=False)
        try:
            return self._handed.pop(turn)
        except KeyError:
            raise Stale from None

    def _leave(self) -> None:
        """One session less: the caller that has waited longest may open another."""
        with self._lock:
            if self._waiting:
                turn = self._waiting.popleft()
                self._handed[turn] = None
                turn.release()
            else:
                self._open -= 1
