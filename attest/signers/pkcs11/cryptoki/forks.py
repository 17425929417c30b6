"""Forks: a child process finds nothing half done.

Rule: a lock, an import or a call of another thread at the time of a fork stays unfinished in the child. So a fork waits
until nothing is under way, and nothing begins meanwhile; but it waits only for a limited time.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from attest._base.threads import at_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALM: Final = 2.0  # seconds that a fork waits for what is under way


class Gate:
    """Counts what is under way in this process, and is closed while a fork waits for that."""

    def __init__(self) -> None:
        self._under_way = 0
        self._forks = 0
        self._change = threading.Condition(threading.Lock())
        self._mine = threading.local()

    def begin(self, seconds: float) -> bool:
        """Count one operation, which any thread must `end`. Waits while a fork is waiting.

        Returns False, and counts nothing, if that takes longer than `seconds`.
        """
        with self._change:
            if self._forks and not self._depth:
                self._change.wait_for(lambda: not self._forks, seconds)
                if self._forks:
                    return False
            self._under_way += 1
        return True

    def end(self) -> None:
        """End one operation that `begin` counted."""
        with self._change:
            self._under_way -= 1
            if self._forks:
                self._change.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count the body as an operation; what this thread begins in it does not wait for a fork."""
        while not self.begin(_CALM):
            pass
        self._mine.depth = self._depth + 1
        try:
            yield
        finally:
            self._mine.depth -= 1
            self.end()

    def close(self) -> None:
        """Let nothing begin until `open`, and wait for the operations of other threads."""
        with self._change:
            self._forks += 1
            # A callback for a PIN may start a child process, while its thread has an operation under way.
            self._change.wait_for(lambda: self._under_way <= self._depth, _CALM)

    def open(self) -> None:
        """Undo `close`."""
        with self._change:
            self._forks -= 1
            self._change.notify_all()

    @property
    def _depth(self) -> int:
        depth: int = getattr(self._mine, "depth", 0)
        return depth


def _start_anew() -> None:
    global gate
    gate = Gate()


gate = Gate()
at_fork(_start_anew, before=lambda: gate.close(), after_in_parent=lambda: gate.open())
