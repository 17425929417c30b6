"""The environment in which modules are started: some read their configuration from it at each C_Initialize.

Rule: modules that need the same environment start at the same time; those that need different ones wait for each other.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attest.signers.pkcs11 import forks
from attest.signers.pkcs11.calls import TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers.pkcs11.calls import Deadline

Environment = tuple[tuple[str, str], ...]


class _Shared:
    """The environment of the process, and how many starts of modules need it as it is."""

    def __init__(self) -> None:
        self._change = threading.Condition(threading.Lock())
        self._users = 0
        self._current: Environment = ()
        self._before: dict[str, str | None] = {}

    def begin(self, environment: Environment, seconds: float) -> bool:
        """Set the variables. Returns False if another environment is in use for longer than `seconds`."""
        with self._change:
            if not self._change.wait_for(lambda: not self._users or self._current == environment, seconds):
                return False
            if not self._users:
                self._current = environment
                self._before = {name: os.environ.get(name) for name, _ in environment}
                os.environ.update(environment)
            self._users += 1
            return True

    def end(self) -> None:
        """Restore the variables, unless another start still needs them."""
        with self._change:
            self._users -= 1
            if not self._users:
                for name, value in self._before.items():
                    os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
                self._change.notify_all()


@contextmanager
def held(environment: Environment, deadline: Deadline) -> Iterator[None]:
    """The body runs with these variables set, and no fork happens meanwhile. Raises TimedOut."""
    with forks.gate.held():
        shared = _shared
        if not shared.begin(environment, deadline.left()):
            raise TimedOut(started=False)
        try:
            yield
        finally:
            shared.end()


def _start_anew() -> None:
    """In a child process: the starts of the parent are not under way."""
    global _shared
    _shared = _Shared()


_shared = _Shared()
os.register_at_fork(after_in_child=_start_anew)
