"""The environment variables that a module finds while it is initialised.

Rule: modules that need different variables never start at the same time, and the one that has waited longest is next.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attest._base.threads import at_fork
from attest.signers.pkcs11.cryptoki import forks
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

Environment = tuple[tuple[str, str], ...]


class _Turns:
    """Whose variables are set. Modules that need the same ones start together: none waits for another that hangs."""

    def __init__(self) -> None:
        self._change = threading.Condition(threading.Lock())
        self._waiting: deque[object] = deque()
        self._users = 0
        self._set: Environment = ()
        self._before: dict[str, str | None] = {}

    def begin(self, environment: Environment, seconds: float) -> bool:
        """Set the variables, and let `end` undo that. Returns False if its turn does not come in time."""
        turn = object()
        with self._change:
            self._waiting.append(turn)
            mine = self._change.wait_for(
                lambda: self._waiting[0] is turn and (not self._users or self._set == environment), seconds
            )
            self._waiting.remove(turn)
            self._change.notify_all()
            if not mine:
                return False
            if not self._users:
                self._set = environment
                self._before = {name: os.environ.get(name) for name, _ in environment}
                os.environ.update(environment)
            self._users += 1
            return True

    def end(self) -> None:
        """One module has started; after the last one the variables are as they were before."""
        with self._change:
            self._users -= 1
            if not self._users:
                for name, value in self._before.items():
                    os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
            self._change.notify_all()


@contextmanager
def applied(environment: Environment, deadline: Deadline) -> Iterator[Deadline]:
    """Some modules read variables at each C_Initialize, and two modules of one process need other values of one.

    A module that hangs there has half of its time, so that one with other variables has some left. Raises TimedOut.
    """
    turns = _turns
    if not turns.begin(environment, deadline.left()):
        raise TimedOut(started=False)
    try:
        with forks.gate.held():
            yield Deadline(deadline.left() / 2)
    finally:
        turns.end()


def _start_anew() -> None:
    """In a child process: the threads that had a turn are not inherited."""
    global _turns
    _turns = _Turns()


_turns = _Turns()
at_fork(_start_anew)
