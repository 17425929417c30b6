"""Processes that calls are made in, each asked over a socket of its own.

Rule: one that dies takes no more than its own call with it, and none outlives who started it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attest import _worker
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


class WorkerLost(BrokenExecutor):
    """The process died of the call, or while it was busy with it; the next call has another process."""


class Workers(Executor):
    """`number` processes, started as they are needed. Calls, arguments and results are pickled.

    `concurrent.futures.ProcessPoolExecutor` has one pipe for all results, and where a process is killed that has sent
    half of one, all others wait forever. It also ends as a whole with the first of its processes, and forks a process
    that has threads, or runs the caller's main module again.
    """

    def __init__(self, number: int, module: str) -> None:
        """The calls are those of `module`, which each process imports before anything else."""
        self._module = module
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="attest-worker")
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._over = False

    def submit(self, fn: Callable[_Given, _Made], /, *args: _Given.args, **kwargs: _Given.kwargs) -> Future[_Made]:
        """The call, under way: it raises what `fn` raises, WorkerLost, or InputError `worker-lost` where no process can
        be started.
        """
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End each process when its call is done or, with `cancel_futures`, all of them now."""
        with self._lock:
            self._over = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for process in idle:
            process.end()
        if cancel_futures:
            for process in busy:
                process.kill()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    def _call(self, fn: Callable[..., _Made], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Made:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is None:
            process = _Process(self._module)
        with self._lock:
            self._busy.add(process)
        answer = None
        try:
            answer = process.ask((fn, args, kwargs))
        except (EOFError, OSError):
            raise WorkerLost from None
        finally:
            with self._lock:
                self._busy.remove(process)
                stays = answer is not None and not self._over
                if stays:
                    self._idle.append(process)
            if not stays:
                process.end()
        good, made = answer
        if not good:
            raise made
        return made  # type: ignore[no-any-return]


class _Process:
    """One running process, and the socket that is its standard input."""

    def __init__(self, module: str) -> None:
        """Raises WorkerLost where somebody killed it, and InputError `worker-lost` where it can't be."""
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        try:
            with theirs:
                command = [sys.executable, "-I", os.path.abspath(_worker.__file__)]
                silent = subprocess.DEVNULL
                self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=silent, stderr=silent)  # noqa: S603
        except OSError as error:
            self._connection.close()
            raise _not_started(error.strerror or "it can't be run") from None
        try:
            # As they are here, where this package was found by them.
            self.ask(([os.path.abspath(path) for path in sys.path], module))
        except (EOFError, OSError):
            killed = self._process.wait() < 0
            self.end()
            raise WorkerLost if killed else _not_started(f"it can't import {module}") from None

    def ask(self, what: object) -> Any:
        """What the process answers. Raises EOFError or OSError where it has died."""
        self._connection.send(what)
        return self._connection.recv()

    def kill(self) -> None:
        """End it, whatever it does, and wait until it is gone. Who waits for its answer gets EOFError."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """`kill`, for who is alone with it."""
        self.kill()
        self._connection.close()


def _not_started(reason: str) -> InputError:
    message = f"a process to verify in can't be started: {reason}"
    return InputError("worker-lost", message, hint="With one worker none is needed: --jobs 1.")
