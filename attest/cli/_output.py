"""The one module that prints: results to standard output, prose to standard error.

Rule: what comes from an input is shown with its control characters escaped, so that no file can draw on a terminal.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest.cli import _result, formats
from attest.cli.formats._text import clean
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest.digest import Progress
    from attest.errors import AttestError
    from attest.results.verified import Verified

# Below this many bytes a progress bar would be gone before it is read.
_WORTH_A_BAR = 64 << 20


@dataclass
class OutputContext:
    """What the printing of one run depends on."""

    command: str = ""
    format: str = "text"
    result: dict[str, Any] | None = None  # what every format but text prints, where a command has worked it out
    details: dict[str, Any] = field(default_factory=dict)  # and what is printed beside the error, where one comes
    warned: set[str] = field(default_factory=set)

    def warn(self, text: str) -> None:
        """Print a warning, once."""
        if text not in self.warned:
            self.warned.add(text)
            prose("warning", text)


@dataclass(frozen=True)
class Completed:
    """Said by a command that has done what was asked; nothing else becomes exit 0.

    `exit_code` is another one only where a command runs a program and hands on how that one ended.
    """

    exit_code: int = 0


def done(session: OutputContext, text: Iterable[str] = (), **details: Any) -> Completed:
    """Print lines of text or, with `--format json`, the one result object with `details`, and be done."""
    if session.format != "text":
        _print(session, _result.done(session.command, **details))
    else:
        lines(text)
    return Completed()


def undone(session: OutputContext, text: Iterable[str], **details: Any) -> None:
    """`done` for a command that raises behind it: `details` go into the one result object, beside the error."""
    if session.format != "text":
        session.details = details
    else:
        lines(text)


def verified(session: OutputContext, text: Iterable[str], proofs: Sequence[Verified]) -> Completed:
    """`done` for verification, which has something to show for it: at least one Verified, or it is a bug."""
    from attest.results.verified import demand

    if not [demand(proof) for proof in proofs] or session.result is None:
        raise TypeError("nothing was verified")
    if session.format != "text":
        _print(session, session.result)
    else:
        lines(text)
    return Completed()


def lines(text: Iterable[str]) -> None:
    """Print lines to standard output."""
    write("".join(f"{clean(line)}\n" for line in text).encode("utf-8", "backslashreplace"))


def write(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    demand_stdout()
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def demand_stdout() -> None:
    """Raises OSError where the program was started without a standard output."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def flush() -> None:
    """Make sure that everything is written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def document(output: str | None, data: bytes, *, inputs: Iterable[str] = (), overwrite: bool = True) -> None:
    """Write a document to the file `output`, or to standard output for None and `-`; never over one of `inputs`."""
    text = data if data.endswith(b"\n") else data + b"\n"
    if output is None or output == "-":
        write(text)
        return
    not_over(output, inputs)
    files.write(output, text, overwrite=overwrite)


def not_over(output: str, inputs: Iterable[str]) -> None:
    """Raises UsageError where the file `output` is one of `inputs`, or is there already in a folder that is one."""
    if not os.path.isfile(output):
        return
    for name in ("/dev/stdin" if name == "-" else name for name in inputs):
        if not os.path.exists(name):
            continue
        inside = os.path.isdir(name) and Path(os.path.realpath(output)).is_relative_to(os.path.realpath(name))
        if inside or os.path.samefile(name, output):
            raise click.UsageError(f"the output {output} is also an input; choose another name")


def failure(session: OutputContext, error: AttestError, code: int) -> None:
    """Print an error: a sentence, a hint, and in another format than text the one document."""
    if session.format != "text":
        # What a command has worked out says how it ends; if it ends otherwise, as by a bug, that is no longer true.
        known = session.result if session.result is not None and session.result.get("code") == error.code else None
        _print(session, known or {**_result.failed(session.command, error, code), **session.details})
    error_lines(error)


def error_lines(error: AttestError) -> None:
    """An error as prose: a sentence with its code, and a hint."""
    prose("error", f"{error} ({error.code})")
    if error.hint:
        prose("hint", error.hint)


def last_of(errors: Iterable[AttestError], last: AttestError) -> AttestError:
    """`last`, with which a command ends, when the other errors have been printed."""
    for error in errors:
        if error is not last:
            error_lines(error)
    return last


def usage_error(error: click.UsageError) -> None:
    """Print a wrong command line as every other error is printed."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True, color=_colour())
        return
    prose("error", error.format_message().rstrip("."))
    if error.ctx is not None:
        prose("hint", f"`{error.ctx.command_path} --help` lists what can be said.")


def prose(kind: str, text: str) -> None:
    """One line `attest: KIND: TEXT` on standard error."""
    label = click.style(f"attest: {kind}:", **_STYLES[kind])
    with suppress(OSError):  # where standard error can't be written there is nowhere left to say it
        click.echo(f"{label} {clean(text)}", err=True, color=_colour())


def debug(text: str) -> None:
    """Several lines for developers, on standard error."""
    with suppress(OSError):
        click.echo("\n".join(map(clean, text.splitlines())), err=True)


@contextmanager
def progress(paths: Iterable[str], label: str) -> Iterator[Progress | None]:
    """A progress bar over the bytes of the files among `paths`, on a terminal and if worth one; otherwise None."""
    total = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr, color=_colour()) as bar:
        yield bar.update


def _colour() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def _print(session: OutputContext, result: dict[str, Any]) -> None:
    write(formats.render(session.format, result))
    more = formats.appended(session.format, result)
    if more is None:
        return
    variable, data = more
    name = os.environ.get(variable)
    if name:
        try:
            files.append(name, data)
        except InputError as error:
            prose("warning", f"what {variable} names: {error}")


_STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow"},
    "hint": {"fg": "cyan"},
    "note": {},
}
