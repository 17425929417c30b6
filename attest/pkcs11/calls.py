"""Calls with a deadline: a module that hangs keeps a thread of ours, and never the caller.

Rule: a thread that didn't come back in time is left behind and counted, and there is a bound to how many there may be.
"""

from __future__ import annotations

import os
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MAX_ABANDONED: Final = 32


class TimedOut(Exception):
    """The call did not come back before its deadline; `started` says whether it was made at all."""

    def __init__(self, *, started: bool = True) -> None:
        super().__init__()
        self.started = started


class Deadline:
    """A moment by which something must be over."""

    __slots__ = ("at",)

    def __init__(self, seconds: float) -> None:
        self.at = monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left; never below zero."""
        return max(0.0, self.at - monotonic())

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return monotonic() >= self.at


class _Worker(threading.Thread):
    """A thread that runs one call after another, and ends once it has missed a deadline."""

    def __init__(self) -> None:
        super().__init__(name="attest-pkcs11", daemon=True)
        self._go = threading.Lock()
        self._go.acquire()
        self._done = threading.Lock()
        self._done.acquire()
        self._state = threading.Lock()
        self._call: Callable[[], Any] = int
        self._result: Any = None
        self._error: BaseException | None = None
        self.finished = True
        self.abandoned = False

    def run(self) -> None:
        while True:
            self._go.acquire()
            try:
                self._result, self._error = self._call(), None
            except BaseException as error:  # noqa: BLE001
                self._result, self._error = None, error
            with self._state:
                self.finished = True
                if self.abandoned:
                    _came_back(self)
                    return
            self._done.release()

    def perform(self, call: Callable[[], _T], seconds: float) -> _T:
        """The result of `call`. Raises what it raises, or TimedOut."""
        self._call = call
        self.finished = False
        self._go.release()
        if not self._done.acquire(timeout=seconds):
            with self._state:
                if not self.finished:
                    self.abandoned = True
                    raise TimedOut
            self._done.acquire()
        result, error = self._result, self._error
        self._call, self._result, self._error = int, None, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return result  # type: ignore[no-any-return]


_idle: list[_Worker] = []
_abandoned: set[_Worker] = set()


def with_deadline(call: Callable[[], _T], deadline: Deadline) -> _T:
    """Run `call` in another thread, for as long as the deadline lets. Raises what it raises, or TimedOut.

    If MAX_ABANDONED threads are still in calls that never came back, nothing more is started: TimedOut at once.
    """
    if len(_abandoned) >= MAX_ABANDONED or deadline.over:
        raise TimedOut(started=False)
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
        worker.start()
    try:
        result = worker.perform(call, deadline.left())
    except TimedOut:
        if worker.abandoned:
            _abandoned.add(worker)
        raise
    except BaseException:
        _park(worker)
        raise
    _park(worker)
    return result


def abandoned() -> int:
    """How many threads are in calls that never came back."""
    return len(_abandoned)


def _park(worker: _Worker) -> None:
    # An interrupted caller (Ctrl-C) can leave a call running; that worker is on its own, like one that hangs.
    if worker.finished:
        _idle.append(worker)
    else:
        worker.abandoned = True
        _abandoned.add(worker)


def _came_back(worker: _Worker) -> None:
    _abandoned.discard(worker)


def _forget() -> None:
    """In a child process: threads aren't inherited, so there are none."""
    _idle.clear()
    _abandoned.clear()


os.register_at_fork(after_in_child=_forget)
