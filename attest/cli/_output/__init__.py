"""What a command prints: results to standard output and, in `messages`, prose to standard error.

Rule: nothing else prints, and what comes from an input is shown with its control characters escaped.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest._base import files
from attest.cli import formats
from attest.cli._output.messages import TYPED as TYPED
from attest.cli._output.messages import WrongUse as WrongUse
from attest.cli._output.messages import WrongValue as WrongValue
from attest.cli._output.messages import alike as alike
from attest.cli._output.messages import counted as counted
from attest.cli._output.messages import debug as debug
from attest.cli._output.messages import error_lines as error_lines
from attest.cli._output.messages import is_terminal as is_terminal
from attest.cli._output.messages import last_of as last_of
from attest.cli._output.messages import progress as progress
from attest.cli._output.messages import prose as prose
from attest.cli._output.messages import same as same
from attest.cli._output.messages import same_code as same_code
from attest.cli._output.messages import usage_error as usage_error
from attest.cli.formats._text import clean
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from attest.errors import AttestError
    from attest.results.verified import Verified

_REVIEWED = "trust "  # the commands whose output people review before they sign


class OutputContext:
    """What the printing of one run depends on."""

    def __init__(self) -> None:
        self.command = ""
        self.format = "text"
        self.result: dict[str, Any] | None = None  # what every format but text prints, if a command has prepared it
        self.details: dict[str, Any] = {}  # what a result has besides the error
        self.warned: set[str] = set()
        self.verbosity = 0  # how many -v there were
        self.reasons: list[Callable[[], None]] = []  # what is printed after the error with which the run ends
        self.at_end = ExitStack()  # what is undone when the run ends

    def warn(self, text: str) -> None:
        """Print a warning, once."""
        if text not in self.warned:
            self.warned.add(text)
            prose("warning", text)


class Completed(NamedTuple):
    """What a command returns when it has succeeded; nothing else becomes exit 0.

    `exit_code` differs from 0 only if the command ran a program that ended so.
    """

    exit_code: int = 0


def done(session: OutputContext, text: Iterable[str] = (), **details: Any) -> Completed:
    """Print lines of text or, with `--format json`, the one result object with `details`."""
    if session.format != "text":
        from attest.cli._output import results  # which text does without

        _print(session, results.done(session.command, **details))
    else:
        lines(text, brief=is_brief(session))
    return Completed()


def undone(session: OutputContext, text: Iterable[str], **details: Any) -> None:
    """`done` for a command that raises afterwards: `details` go into the one result object, beside the error."""
    if session.format != "text":
        session.details = details
    else:
        lines(text, brief=is_brief(session))


def verified(session: OutputContext, text: Iterable[str], proofs: Sequence[Verified]) -> Completed:
    """`done` for verification, which must have at least one Verified; without one it is a bug."""
    from attest.results.verified import demand_verified

    if not [demand_verified(proof) for proof in proofs] or session.result is None:
        raise TypeError("nothing was verified")
    if session.format != "text":
        _print(session, session.result)
    else:
        lines(text, brief=is_brief(session))
    return Completed()


def is_stdout(output: str | None) -> bool:
    """Whether the value of `--output` means standard output."""
    return output is None or output == "-"


def product(session: OutputContext, output: str | None, data: bytes, *, inputs: Iterable[str] = ()) -> None:
    """Write what a command made, unless `made` puts it into the result object."""
    if session.format == "text" or not is_stdout(output):
        document(output, data, inputs=inputs)


def made(session: OutputContext, output: str | None, name: str, value: Callable[[], Any], **details: Any) -> Completed:
    """End a command whose product is written to `output`: text prints nothing more.

    The result object has the name of the `file`, or `value` under `name` if the product goes to standard output. It is
    asked for only then: a statement with a large SBOM costs much as a value.
    """
    if session.format == "text":
        return Completed()
    return done(session, **made_details(output, name, value), **details)


def made_details(output: str | None, name: str, value: Callable[[], Any]) -> dict[str, Any]:
    """How a result object names a product, see `made`."""
    return {name: value()} if is_stdout(output) else {"file": output}


def is_brief(session: OutputContext) -> bool:
    """Whether long lists are shortened: a person reads the text, does not decide by it, and gave no -v."""
    whole = session.verbosity or session.command.startswith(_REVIEWED)
    return session.format == "text" and not whole and is_terminal(sys.stdout)


def lines(text: Iterable[str], *, brief: bool = False) -> None:
    """Print lines to standard output: on a terminal in its width and with colour and, if `brief`, lists shortened."""
    shown: Iterable[str] = map(clean, text)
    if is_terminal(sys.stdout):
        from attest.cli._output import terminal  # which a pipe does without

        shown = terminal.laid_out(shown, brief=brief)
    write("".join(f"{line}\n" for line in shown).encode("utf-8", "backslashreplace"))


def write(*data: bytes) -> None:
    """Write bytes to standard output as they are, and all of them. Raises OSError."""
    demand_stdout()
    sys.stdout.flush()
    for piece in data:
        left = memoryview(piece)
        while left:
            # With PYTHONUNBUFFERED a call may write a part: on a disk that is almost full, or when it is interrupted.
            written = sys.stdout.buffer.write(left)
            if written is None:  # a pipe that does not wait, and is full
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            left = left[written:]
    sys.stdout.buffer.flush()


def demand_stdout() -> None:
    """Raises OSError if the program was started without a standard output."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def flush() -> None:
    """Make sure that everything is written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def document(output: str | None, data: bytes, *, inputs: Iterable[str] = (), overwrite: bool = True) -> None:
    """Write a document to the file `output`, or to standard output for None and `-`; never over one of `inputs`."""
    end = b"" if data.endswith(b"\n") else b"\n"
    if output is None or output == "-":  # as is_stdout, which a type checker does not see through
        write(data, end)
        return
    exactly(output, data, end, inputs=inputs, overwrite=overwrite)


def exactly(output: str, *data: bytes, inputs: Iterable[str], overwrite: bool = True) -> None:
    """Write bytes as they are to the file `output`, never over one of `inputs`."""
    not_over(output, inputs)
    files.write(output, *data, overwrite=overwrite)


def not_over(output: str, inputs: Iterable[str]) -> None:
    """Raises UsageError if the file `output` is one of `inputs`, or exists already in a directory that is one."""
    if not os.path.isfile(output):
        return
    from pathlib import Path

    for name in ("/dev/stdin" if name == "-" else name for name in inputs):
        if not os.path.exists(name):
            continue
        inside = os.path.isdir(name) and Path(os.path.realpath(output)).is_relative_to(os.path.realpath(name))
        if inside or os.path.samefile(name, output):
            raise click.UsageError(f"the output {output} is also an input; choose another name")


def failure(session: OutputContext, error: AttestError, code: int) -> None:
    """Print an error and its hint, and in a format other than text the one document too."""
    if session.format != "text":
        from attest.cli._output import results

        # A prepared result says how the command ends. If it ends in another way, by a bug say, it is no longer true.
        known = session.result if session.result is not None and session.result.get("code") == error.code else None
        _print(session, known or {**results.failed(session.command, error, code), **session.details})
    error_lines(error)
    for explain in session.reasons:
        explain()


def ended(session: OutputContext, error: AttestError, code: int, **details: Any) -> Completed:
    """End with the exit code of a program that a command ran: the result object has an error, which is not printed."""
    from attest.cli._output import results

    _print(session, {**results.failed(session.command, error, code), **details})
    return Completed(code)


def _print(session: OutputContext, result: dict[str, Any]) -> None:
    write(formats.render(session.format, result))
    more = formats.appended(session.format, result)
    if more is None:
        return
    variable, data = more
    if name := os.environ.get(variable):
        try:
            files.append(name, data)
        except InputError as error:
            prose("warning", f"{error} (from {variable})")
