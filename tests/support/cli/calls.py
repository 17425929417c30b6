"""The command line as tests run it: in this process, as the installed program, in a shell, or on a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import sysconfig
import termios
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, TYPE_CHECKING, Any

from attest.cli import main
from tests.support.cli import forks
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ATTEST = str(Path(sysconfig.get_path("scripts")) / "attest")
SCHEMA = Path(__file__).parents[3] / "schemas" / "result.json"


@dataclass(frozen=True)
class Ran:
    """How a command line ended, and what it printed."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def json(self) -> Any:
        """The one JSON document on standard output; more or less than one is an error."""
        return json.loads(self.stdout)

    @property
    def prose(self) -> list[str]:
        """The lines on standard error."""
        return self.stderr.decode().splitlines()

    def done(self) -> Ran:
        """This, if it ended well and complained of nothing."""
        assert (self.code, self.stderr) == (0, b"")
        return self

    def refused(self, code: int, slug: str, *, hint: bool | None = None, errors: int = 1) -> str:
        """The error's line, having made sure that it is the only one, of this code, and prose through and through."""
        said = [line for line in self.prose if line.startswith("attest: error: ")]
        hints = [line for line in self.prose if line.startswith("attest: hint: ")]
        assert self.code == code, self.prose
        assert len(said) == errors, self.prose
        assert said + hints == sorted(self.prose, key=lambda line: line.startswith("attest: hint: ")), self.prose
        assert slug in said[-1], said
        assert hint is None or bool(hints) is hint, self.prose
        assert b"Traceback" not in self.stderr
        return said[-1]


def call(*arguments: str, stdin: bytes = b"") -> Ran:
    """Run `attest ARGUMENTS...` in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
    finally:
        sys.stdin = before
    return Ran(code, *(stream.buffer.getvalue() for stream in (out, err)))


def trust(line: str) -> Ran:
    """Run `attest trust LINE` in this process; the words of the line are apart by spaces."""
    return call("trust", *line.split())


def program(
    *arguments: str | bytes, stdin: bytes | IO[bytes] = b"", command: Sequence[str] = (), **settings: Any
) -> Ran:
    """Run the installed program, a fork of it where `settings`, those of subprocess, allow that; or another command.

    With `command=[ATTEST]` it is a new process in any case.
    """
    if not isinstance(stdin, bytes):
        stdin, settings = b"", settings | {"stdin": stdin}
    if not command and forks.may_fork(settings):
        return Ran(*forks.run([ATTEST, *arguments], stdin, timeout=60, **settings))
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    if "stdin" not in streams:
        streams["input"] = stdin
    ran: subprocess.CompletedProcess[bytes] = subprocess.run(
        [*(command or [ATTEST]), *arguments], check=False, timeout=60, **streams
    )
    return Ran(ran.returncode, ran.stdout or b"", ran.stderr or b"")


def shell(line: str, *, installed: bool = False, **settings: Any) -> Ran:
    """Run a line as a person would type it; `attest` is a fork, as in `program`, or the program that is `installed`.

    A fork has the shell's files, folder, variables, umask and limits, and not its namespaces.
    """
    folder = sysconfig.get_path("scripts") if installed else forks.folder()
    return program(command=["sh", "-c", f'PATH="{folder}:$PATH"; {line}'], **settings)


def python(*arguments: str, **settings: Any) -> Ran:
    """Run `python ARGUMENTS...`."""
    return program(*arguments, command=[sys.executable], **settings)


def open_terminal() -> tuple[int, int]:
    """Both ends of a new terminal, which there may be none of."""
    try:
        return os.openpty()
    except OSError:
        missing("no terminal can be opened: mount devpts on /dev/pts")


def on_terminal(
    *arguments: str, typed: Iterable[bytes] = (), redirect: IO[bytes] | None = None, columns: int = 80
) -> Ran:
    """Run the program on a terminal, where each prompt gets the next line of `typed`; what is shown is `stdout`."""
    ours, theirs = open_terminal()
    termios.tcsetwinsize(theirs, (24, columns))
    answers, shown = iter(typed), b""
    process = forks.Fork(
        [ATTEST, *arguments], [theirs, redirect.fileno() if redirect else theirs, theirs], new_session=True
    )
    os.close(theirs)
    deadline = Timer(60, process.kill)
    deadline.start()
    while piece := _read(ours):
        shown += piece
        if shown.endswith(b": "):
            os.write(ours, next(answers, b"\x04"))
    code = process.wait()
    deadline.cancel()
    os.close(ours)
    return Ran(code, shown.replace(b"\r\n", b"\n"), b"")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody is at the other end
        return b""
