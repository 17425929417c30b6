"""Calls with a deadline: a module that hangs keeps a thread of ours, and never the caller.

Rule: a thread that does not return in time is abandoned and counted, and the number of such threads is limited.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attest._base.threads import at_fork
from attest.signers.pkcs11.cryptoki import forks

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MAX_ABANDONED: Final = 128
_SECONDS_TO_END: Final = 2.0  # of an idle thread, which ends at once


class TimedOut(Exception):
    """The call did not return before its deadline; `started` is False if it was never made."""

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

    def extend(self, seconds: float) -> None:
        """Move it: something took this long that it does not limit."""
        self.at += seconds

    def restart(self, seconds: float) -> None:
        """Move it to `seconds` from now: of several operations in one call, each has this time."""
        self.at = monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return monotonic() >= self.at


class _PendingCall:
    """One call and its outcome. Nothing of it stays with the thread, so an interrupted caller mixes up nothing."""

    __slots__ = ("abandoned", "call", "done", "error", "finished", "gate", "lock", "result")

    def __init__(self, call: Callable[[], Any], gate: forks.Gate) -> None:
        self.call = call
        self.gate: forks.Gate | None = gate
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.abandoned = False
        self.lock = threading.Lock()
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> bool:
        """Make the call. Returns whether the caller still waits for it."""
        try:
            self.result = self.call()
        except BaseException as error:  # noqa: BLE001
            self.error = error
        with self.lock:
            self.finished = True
            self._pass_gate()
            _abandoned.discard(self)
            return not self.abandoned

    def abandon(self, *, hangs: bool) -> bool:
        """Stop waiting; no fork waits for a call that hangs. Returns False if the call has returned after all."""
        with self.lock:
            if self.finished:
                return False
            if hangs:
                self._pass_gate()
            self.abandoned = True
            _abandoned.add(self)
            return True

    def _pass_gate(self) -> None:
        if self.gate is not None:
            self.gate.end()
            self.gate = None


class _CallThread(threading.Thread):
    """A thread that runs one call after another, and ends once it has missed a deadline."""

    def __init__(self) -> None:
        super().__init__(name="attest-pkcs11", daemon=True)
        self._go = threading.Lock()
        self._go.acquire()
        self._task: _PendingCall | None = None

    def run(self) -> None:
        while True:
            self._go.acquire()
            task, self._task = self._task, None
            if task is None or not task.run():
                return
            _idle.append(self)
            task.done.release()
            del task

    def perform(self, task: _PendingCall | None) -> None:
        """Run `task`, or end for None. Only the caller that took this thread from the idle ones may call it, once."""
        self._task = task
        self._go.release()


_idle: list[_CallThread] = []
_abandoned: set[_PendingCall] = set()


def with_deadline(call: Callable[[], _T], deadline: Deadline) -> _T:
    """Run `call` in another thread, until the deadline. Raises what it raises, or TimedOut.

    If MAX_ABANDONED threads are still in calls that never returned, no other call is started: TimedOut at once.
    """
    if len(_abandoned) >= MAX_ABANDONED or deadline.over:
        raise TimedOut(started=False)
    gate = forks.gate
    if not gate.begin(deadline.left()):
        raise TimedOut(started=False)
    try:
        worker = _worker()
    except BaseException:
        gate.end()
        raise
    task = _PendingCall(call, gate)
    worker.perform(task)
    try:
        in_time = task.done.acquire(timeout=deadline.left())
        while not in_time and not deadline.over:  # the call has moved it
            in_time = task.done.acquire(timeout=deadline.left())
    except BaseException:
        task.abandon(hangs=False)  # Ctrl-C
        raise
    if not in_time and task.abandon(hangs=True):
        raise TimedOut
    error, task.error = task.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error
    return task.result  # type: ignore[no-any-return]


def _worker() -> _CallThread:
    """An idle thread, or a new one."""
    try:
        return _idle.pop()
    except IndexError:
        worker = _CallThread()
        worker.start()
        return worker


def abandoned() -> int:
    """The number of threads in calls that never returned."""
    return len(_abandoned)


def _end_idle() -> None:
    """Before a fork, so that a program without threads of its own has none: Python 3.12 and later would warn."""
    ended = []
    for _ in range(len(_idle)):
        with suppress(IndexError):  # another thread has taken it
            worker = _idle.pop()
            worker.perform(None)
            ended.append(worker)
    for worker in ended:
        worker.join(_SECONDS_TO_END)


def _forget() -> None:
    """In a child process: threads are not inherited, so there are none."""
    _idle.clear()
    _abandoned.clear()


at_fork(_forget, before=_end_idle)
