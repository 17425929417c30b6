"""The installed program as a process of its own, without the 0.15 seconds of processor time that starting Python takes.

A server has imported what the program imports, and forks for each run. The fork gets streams, environment, folder and
umask as a new process would, runs the program's entry point, and ends as Python ends, though without taking its
modules apart. A shell finds the same as `attest` in a folder of its own: a Python without libraries asks the server.

Rule: a test of how Python or the program starts, or of what /proc shows of that, starts the program itself.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import io
import marshal
import os
import resource
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attest.__main__ import main as program
from tests.support import imports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What decides, in the environment, how Python starts.
_OF_PYTHON = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC")
_ROOT = Path(__file__).parents[3]
_LENGTH = 4
_MOST = 12  # open files that a fork gets
_STREAMS = ("stdin", "stdout", "stderr")


def may_fork(settings: Mapping[str, Any]) -> bool:
    """Whether a fork can have these settings of `subprocess.run`: streams that are open files, a folder, variables."""
    return settings.keys() <= {"cwd", "env", *_STREAMS} and all(
        settings.get(name) != subprocess.STDOUT for name in _STREAMS
    )


def of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """What decides, of these variables, how Python starts."""
    return {name: value for name, value in environment.items() if name.startswith(_OF_PYTHON)}


def folder(environment: Mapping[str, str] | None = None) -> str:
    """The folder with the program for a shell that is started with this environment."""
    return _server(_key(os.environ if environment is None else environment)).folder


def _key(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(of_python(environment).items()))


class Fork:
    """A process that runs the program, and that nobody has waited for yet."""

    def __init__(
        self,
        arguments: Sequence[str | bytes],
        streams: Sequence[int],
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        new_session: bool = False,
    ) -> None:
        umask = os.umask(0)
        os.umask(umask)
        request: dict[str, Any] = {
            "arguments": [os.fsdecode(word) for word in arguments],
            "cwd": os.fspath(Path.cwd() if cwd is None else Path(cwd).absolute()),
            "env": dict(os.environ if env is None else env),
            "umask": umask,
            "new_session": new_session,
            "numbers": list(range(len(streams))),
            "limits": [],
        }
        self._status, theirs = os.pipe()
        try:
            _send(_server(_key(request["env"])).connection, marshal.dumps(request), [*streams, theirs])
        finally:
            os.close(theirs)
        self.pid = int.from_bytes(_read_all(self._status, _LENGTH), "big")

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, or -N for signal N."""
        status = int.from_bytes(_read_all(self._status, _LENGTH), "big")
        os.close(self._status)
        return os.waitstatus_to_exitcode(status)


def run(arguments: Sequence[str | bytes], stdin: bytes, *, timeout: float, **settings: Any) -> tuple[int, bytes, bytes]:
    """Run the program with these words, the first its own name; its exit code, -N for signal N, and what it printed.

    Raises subprocess.TimeoutExpired, having killed it, after `timeout` seconds.
    """
    with contextlib.ExitStack() as open_here:
        streams: list[int] = []
        ours: list[int | None] = []
        for name in _STREAMS:
            stream = settings.pop(name, subprocess.PIPE)
            if stream == subprocess.PIPE:
                read, write = os.pipe()
                stream, end = (read, write) if name == "stdin" else (write, read)
                open_here.callback(os.close, stream)
                ours.append(end)
            elif stream == subprocess.DEVNULL:
                stream = os.open(os.devnull, os.O_RDWR)
                open_here.callback(os.close, stream)
                ours.append(None)
            else:
                ours.append(None)
            streams.append(stream if isinstance(stream, int) else stream.fileno())
        fork = Fork(arguments, streams, **settings)
    try:
        out, err = _exchange(ours, stdin, time.monotonic() + timeout)
    except TimeoutError:
        fork.kill()
        raise subprocess.TimeoutExpired([str(word) for word in arguments], timeout) from None
    return fork.wait(), out, err


def _exchange(ends: Sequence[int | None], stdin: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Write `stdin` and read the output, all at once, until all is closed; TimeoutError if that is too late."""
    to, *sources = ends
    read = {end: bytearray() for end in sources if end is not None}
    with selectors.DefaultSelector() as waiting:
        if to is not None:
            waiting.register(to, selectors.EVENT_WRITE)
        for end in read:
            waiting.register(end, selectors.EVENT_READ)
        try:
            while waiting.get_map():
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError
                for key, _ in waiting.select(left):
                    if key.fd in read:
                        piece = os.read(key.fd, 65536)
                        read[key.fd] += piece
                        done = not piece
                    else:
                        stdin = _written(key.fd, stdin)
                        done = not stdin
                    if done:
                        waiting.unregister(key.fd)
                        os.close(key.fd)
        finally:
            for key in list(waiting.get_map().values()):
                os.close(key.fd)
    out, err = (bytes(read[end]) if end is not None else b"" for end in sources)
    return out, err


def _written(end: int, data: bytes) -> bytes:
    """What is left of `data` after as much as never blocks; nothing, if nobody reads."""
    try:
        return data[os.write(end, data[: select.PIPE_BUF]) :] if data else b""
    except BrokenPipeError:
        return b""


def _read_all(end: int, length: int) -> bytes:
    data = b""
    while len(data) < length and (piece := os.read(end, length - len(data))):
        data += piece
    return data


def _send(server: socket.socket, request: bytes, ends: Sequence[int]) -> None:
    data = len(request).to_bytes(_LENGTH, "big") + request
    sent = socket.send_fds(server, [data], ends)
    server.sendall(data[sent:])


class _Server(NamedTuple):
    """What forks: our connection to it, and a folder with the program for shells."""

    connection: socket.socket
    folder: str


@cache
def _server(start: tuple[tuple[str, str], ...]) -> _Server:
    """The server as which Python starts with these variables; it ends with this process."""
    env = {name: value for name, value in os.environ.items() if name not in of_python(os.environ)} | dict(start)
    ours, theirs = socket.socketpair()
    folder = Path(tempfile.mkdtemp())
    with theirs, socket.socket(socket.AF_UNIX) as shells:
        shells.bind(str(folder / "socket"))
        shells.listen(64)
        descriptors = [theirs.fileno(), shells.fileno()]
        command = [sys.executable, "-m", __name__, *map(str, descriptors)]
        server = subprocess.Popen(command, cwd=_ROOT, env=env, stdin=subprocess.DEVNULL, pass_fds=descriptors)
    (folder / "start").write_bytes(marshal.dumps({os.fsencode(name): os.fsencode(value) for name, value in start}))
    program = folder / "attest"
    program.write_text(f"#!{sys.executable} -IS\n{Path(__file__).with_name('in_shells.py').read_text()}")
    program.chmod(0o755)

    def end() -> None:
        ours.close()
        server.wait()
        shutil.rmtree(folder)

    atexit.register(end)
    return _Server(ours, str(folder))


def _serve(ours: int, shells: int) -> None:
    """Fork for every request, until whoever started this has gone; returns in a fork that is to run the program."""
    with socket.socket(fileno=ours) as own, socket.socket(fileno=shells) as listening:
        while True:
            ready, _, _ = select.select([own, listening], [], [])
            asking = own if own in ready else listening.accept()[0]
            data, ends, _, _ = socket.recv_fds(asking, _LENGTH, _MOST)
            if not data:
                os._exit(0)
            request = marshal.loads(_read_all(asking.fileno(), int.from_bytes(data, "big")))  # noqa: S302  # ours
            if asking is not own:
                asking.close()
            if os.fork() == 0:
                break
            for end in ends:
                os.close(end)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    *streams, status = ends
    if child := os.fork():
        for end in streams:
            os.close(end)
        os.write(status, child.to_bytes(_LENGTH, "big"))
        os.write(status, os.waitpid(child, 0)[1].to_bytes(_LENGTH, "big"))
        os._exit(0)
    _become(request, streams)


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Make this process what a new one would find: its streams, and nothing else that is open."""
    above = max(*streams, *request["numbers"]) + 64
    moved = [fcntl.fcntl(stream, fcntl.F_DUPFD, above) for stream in streams]
    os.closerange(0, above)
    for number, stream in zip(request["numbers"], moved, strict=True):
        os.dup2(stream, number)
    os.closerange(above, max(moved) + 1)
    if request["new_session"]:
        os.setsid()
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in request["env"].items()})
    for limit, values in request["limits"]:
        resource.setrlimit(limit, values)
    sys.argv = request["arguments"]


def _import() -> None:
    """Import what most commands need."""
    import jsonschema.exceptions  # noqa: F401
    import jsonschema_rs  # noqa: F401

    import attest.cli

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for words in (["verify", "--help"], ["sign", "--help"], ["build", "--help"]):
            attest.cli.main(words)
    gc.collect()
    gc.freeze()


def _end(code: object) -> None:
    """End as Python does, in its order, but without taking apart each module, which is most of what a fork costs."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if isinstance(code, int):
        os._exit(code)


if __name__ == "__main__":
    imports.put_off()
    _import()
    _serve(*map(int, sys.argv[1:]))
    try:
        program()
    except SystemExit as end:
        with contextlib.suppress(Exception):  # what cannot be flushed is reported by Python's own end
            _end(end.code)
        raise
