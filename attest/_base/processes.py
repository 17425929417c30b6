"""Worker processes, each with its own socket.

Rule: a process that dies loses only its own call, and no process outlives the one that started it.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from attest._base import worker
from attest.errors import InputError, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Call = tuple[Future[Any], bytes]

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")

_EACH: Final = 2  # calls that a process has at once: the next is there when one is done
_STARTS: Final = 3  # in a row that may end in a process that is killed before it is ready


class WorkerLost(Exception):
    """The process died of the call, or while it was busy with it."""


class Workers:
    """`number` processes, started as they are needed, which make the calls of `module`. For one thread.

    `concurrent.futures.ProcessPoolExecutor` has one pipe for all results, and where a process is killed that has sent
    half of one, all others wait forever. It also ends as a whole with the first of its processes, and forks a process
    that has threads, or runs the caller's main module again.
    """

    def __init__(self, number: int, module: str) -> None:
        self._number = number
        self._module = module
        self._processes: list[_Process] = []
        self._waiting: deque[_Call] = deque()
        self._lost_at_start = 0

    def submit(self, function: Callable[_Given, _Made], *args: _Given.args, **kwargs: _Given.kwargs) -> Future[_Made]:
        """The call, which is made when its turn comes; it goes on while `result` waits for it or for another."""
        future: Future[_Made] = Future()
        self._waiting.append((future, pickle.dumps((function, args, kwargs))))
        self._distribute()
        return future

    def result(self, future: Future[_Made]) -> _Made:
        """What the call returned. Raises what it raised, WorkerLost, or InputError `worker-lost` where no process can
        be started.
        """
        while not future.done():
            self._hear()
        return future.result()

    def end(self) -> None:
        """End all processes now, whatever they do."""
        for process in self._processes:
            process.end()
        self._processes.clear()

    def _distribute(self) -> None:
        while self._waiting:
            least = min(self._processes, key=lambda process: len(process.calls), default=None)
            if len(self._processes) < self._number and (least is None or least.calls):
                least = _Process(self._module)
                self._processes.append(least)
            if least is None or len(least.calls) >= _EACH:
                return
            least.give(self._waiting.popleft())

    def _hear(self) -> None:
        """Wait for an answer, or for the end of a process."""
        ready = wait([process.connection for process in self._processes])
        for process in [process for process in self._processes if process.connection in ready]:
            try:
                answer = process.connection.recv()
            except (EOFError, OSError):
                self._bury(process)
                continue
            if not process.has_begun:
                process.has_begun = True
                self._lost_at_start = 0
                continue
            future, _ = process.calls.popleft()
            good, made = answer
            if good:
                future.set_result(made)
            else:
                future.set_exception(made)
        self._distribute()

    def _bury(self, process: _Process) -> None:
        """Let go of a process that has died; the calls that it had not come to are another one's."""
        self._processes.remove(process)
        was_killed = process.end() < 0
        if process.has_begun and process.calls:
            process.calls.popleft()[0].set_exception(WorkerLost())
        if not process.has_begun:
            self._lost_at_start += 1
            if not was_killed or self._lost_at_start == _STARTS:
                raise _not_started("it was killed" if was_killed else f"it cannot import {self._module}")
        self._waiting.extendleft(reversed(process.calls))


class Child:
    """A running Python without the user's own settings, and the socket that is its standard input. It prints nothing.

    It ends by itself when the socket does, and `end` does not wait for that.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> None:
        """Raises OSError where it cannot be started, and SignerError `system-unsupported` on Windows."""
        if not hasattr(os, "fork"):  # a socket cannot be standard input there
            raise unsupported("a worker process", "Leave out --jobs and CEL expressions, or use another system.")
        self.socket, theirs = socket.socketpair()
        silent = subprocess.DEVNULL
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", *arguments],
                    stdin=theirs.fileno(),
                    stdout=silent,
                    stderr=silent,
                    env=env,
                    cwd=cwd,
                )
        except BaseException:
            self.socket.close()
            raise

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def end(self) -> int:
        """End it now and wait until it is gone; what it ended with, negative for a signal."""
        self._process.kill()
        self.socket.close()
        return self._process.wait()


class _Process:
    """One running process, and the calls that it was given, in their order."""

    def __init__(self, module: str) -> None:
        """Raises InputError `worker-lost`."""
        self.calls: deque[_Call] = deque()
        self.has_begun = False
        try:
            self._child = Child(os.path.abspath(worker.__file__))
        except OSError as error:
            raise _not_started(error.strerror or "it cannot be run") from None
        self.connection = Connection(self._child.socket.detach())
        # As they are here, where this package was found by them.
        self._send(pickle.dumps(([os.path.abspath(path) for path in sys.path], module)))

    def give(self, call: _Call) -> None:
        """Send it a call."""
        self.calls.append(call)
        self._send(call[1])

    def end(self) -> int:
        """End it now; what it ended with, negative for a signal."""
        self.connection.close()
        return self._child.end()

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # of one that has died, which its listener notices
            self.connection.send_bytes(data)


def _not_started(reason: str) -> InputError:
    message = f"a worker process cannot be started: {reason}"
    return InputError("worker-lost", message, hint="Use --jobs 1, which needs no worker process.")
