"""Forks: a child process finds nothing half done.

Rule: what another thread has locked, half imported or half called while a child is made stays so in the child for good,
so a fork waits until nothing is under way, and nothing begins meanwhile; but it doesn't wait for ever.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

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
        """Count one thing more, which `end` must follow, from whatever thread; it waits while a fork does.

        Returns False, and counts nothing, if `seconds` pass over that.
        """
        with self._change:
            if self._forks and not self._depth:
                self._change.wait_for(lambda: not self._forks, seconds)
                if self._forks:
                    return False
            self._under_way += 1
        return True

    def end(self) -> None:
        """What `begin` counted is over."""
        with self._change:
            self._under_way -= 1
            if self._forks:
                self._change.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count what happens within; what this thread begins there doesn't wait for a fork."""
        while not self.begin(_CALM):
            pass
        self._mine.depth = self._depth + 1
        try:
            yield
        finally:
            self._mine.depth -= 1
            self.end()

    def close(self) -> None:
        """Let nothing begin until `open`, and wait for what has begun, unless it was this thread."""
        with self._change:
            self._forks += 1
            # Whoever is asked for a PIN may make a child for it, while the thread that asks has something under way.
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
os.register_at_fork(before=lambda: gate.close(), after_in_parent=lambda: gate.open(), after_in_child=_start_anew)
