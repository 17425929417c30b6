"""Runs a command under strace, and says which processes, files and network endpoints it had.

Rule: a trace is whole or there is none; what strace cannot see is named in docs/sign/run.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from attest.building.run import process, strace
from attest.errors import InputError
from attest.limits import MAX_TRACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.building.run.process import CommandResult
    from attest.building.run.strace import Trace

# As a grandchild in a group of its own, so that the command is our child and strace is met by no signal of its group.
_APART: Final = ("-DD", "-I", "3")


class Tracer(NamedTuple):
    """A strace: where it is, and which."""

    path: str
    version: str

    def policy(self) -> dict[str, object]:
        """What a runtime trace says in `tracePolicy`."""
        return {"strace": self.version, "options": list(strace.OPTIONS)}


def find_tracer(search_path: str | None) -> Tracer:
    """The strace in the folders of `search_path`. Raises InputError `tracer-missing`."""
    path = shutil.which("strace", path=search_path)
    hint = "Install strace (Linux only), or attest the command as a link."
    if path is None:
        raise InputError("tracer-missing", "a runtime trace needs strace, which is not installed", hint=hint)
    try:
        said = subprocess.run([path, "--version"], capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise InputError("tracer-missing", "strace cannot be run", where=path, hint=hint) from None
    return Tracer(path, said.split(b"\n")[0].decode("utf-8", "replace").rpartition(" ")[2])


def trace(
    command: Sequence[str],
    tracer: Tracer,
    *,
    environment: Mapping[str, str],
    stdout: int | None = None,
    limit: int = MAX_TRACE,
) -> tuple[CommandResult, Trace | InputError]:
    """`running.run` under strace, which ends when every process that the command left behind has ended too.

    Raises InputError as `running.run`. Of a command that has run there is a trace, or why there is none: `trace-failed`
    where strace could not trace it or is not understood, and `trace-too-large` above `limit` bytes.
    """
    _demand_startable(command[0], environment)
    with TemporaryDirectory(prefix="attest-trace-") as folder:
        pipe = Path(folder, "trace")
        os.mkfifo(pipe, 0o600)
        collector = _Collector(pipe, strace.Reader(limit=limit, folder=os.getcwdb()))
        try:
            traced = [tracer.path, *_APART, *strace.OPTIONS, "-o", str(pipe), "--"]
            ran = process.run(command, environment=environment, tracer=traced, stdout=stdout)
        finally:
            found = collector.finish()
    if not isinstance(found, InputError) and not found.processes:
        hint = "Add --cap-add SYS_PTRACE if the command runs in a container."
        found = InputError("trace-failed", "strace could not trace the command", hint=hint)
    return ran, found


class _Collector:
    """Reads the trace while it is written, so that it takes no room and the command no pause."""

    def __init__(self, pipe: Path, reader: strace.Reader) -> None:
        self._reader = reader
        # Opened without waiting for a writer, and with one of our own, so that the end is when strace has ended.
        self._reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self._writing = os.open(pipe, os.O_WRONLY)
        os.set_blocking(self._reading, True)
        self._found: Trace | InputError = InputError("trace-failed", "the trace was not read to its end")
        self._thread = threading.Thread(target=self._collect, name="attest-trace", daemon=True)
        self._thread.start()

    def finish(self) -> Trace | InputError:
        """What was read, once nobody writes any more."""
        os.close(self._writing)
        self._thread.join()
        return self._found

    def _collect(self) -> None:
        with open(self._reading, "rb") as lines:
            try:
                self._found = self._reader.read(lines)
            except InputError as error:
                self._found = error
            finally:
                for _ in lines:  # the command is not held up for what nobody reads
                    pass


def _demand_startable(name: str, environment: Mapping[str, str]) -> None:
    """What strace would say in its own words and with exit status 1."""
    search_path = environment.get("PATH", os.defpath)
    if shutil.which(name, path=search_path) is not None:
        return
    found = name if "/" in name else shutil.which(name, mode=os.F_OK, path=search_path)
    if found is None or not os.path.exists(found):
        message = "the command cannot be started: no such file or directory"
        raise InputError(process.NOT_FOUND, message, where=name)
    raise InputError(process.NOT_EXECUTABLE, "the command cannot be started: permission denied", where=name)
