"""Prose on standard error: errors with their hints, warnings, wrong command lines, and how far something is.

Rule: what comes from an input is shown with its control characters escaped, so that no file can draw on a terminal.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

import click

from attest.cli.formats._text import clean
from attest.errors import without_private_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest.cli._output import OutputContext
    from attest.digest import Progress
    from attest.errors import AttestError

_NAMED = 3  # of those that have the same error
_STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow"},
    "hint": {"fg": "cyan"},
}

# Under this key the context of a command has the parameters that were typed, in their order. click says where a value
# is from only once it was accepted, and in version 8.4 not in the errors of a callback.
TYPED: Final = "attest.typed"


def error_lines(error: AttestError, also: str = "") -> None:
    """Print an error with its code and what else it is about, and its hint."""
    prose("error", f"{error} ({error.code}){also}")
    if error.hint:
        prose("hint", error.hint)


def same(names: Iterable[str], number: int, words: str = "the same for") -> str:
    """What is said after an error about the `number` others that have it too, of which `names` are some."""
    known = list(islice(names, _NAMED))
    more = f"{number - len(known):,} more" if number > len(known) else ""
    shown = ", ".join(known) + (" and " if known and more else "") + more
    return f"; {words} {shown}" if shown else ""


def same_code(names: Iterable[str], number: int) -> str:
    """`same` for others whose message may differ."""
    return same(names, number, "this code also for")


def alike(session: OutputContext, errors: Iterable[AttestError]) -> None:
    """Print errors, those with the same message on one line; with `--verbose` each on its own line."""
    groups: dict[tuple[str, str, str | None], list[AttestError]] = {}
    for error in errors:
        if session.verbosity:
            error_lines(error)
        else:
            groups.setdefault((error.code, error.message, error.hint), []).append(error)
    for first, *others in groups.values():
        place = f": {(first.where or '').partition(': ')[2]}"  # of the signer, say, which is the same for all files
        error_lines(first, same((other.where.removesuffix(place) for other in others if other.where), len(others)))


def last_of(session: OutputContext, errors: Iterable[AttestError], last: AttestError) -> AttestError:
    """`last`, with which a command ends, when the other errors have been printed."""
    alike(session, (error for error in errors if error is not last))
    return last


class WrongUse(click.UsageError):
    """A wrong command line, with a hint that says more than the help page."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class WrongValue(click.BadParameter):
    """A wrong value of an option or argument, with the hint that an error of the library has for it."""

    def __init__(
        self,
        error: AttestError,
        ctx: click.Context | None = None,
        param: click.Parameter | None = None,
        param_hint: str | None = None,
    ) -> None:
        super().__init__(str(error), ctx, param, param_hint)
        self.hint = error.hint


def usage_error(error: click.UsageError) -> None:
    """Print a wrong command line as every other error is printed."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True, color=_colour())
        return
    text = " ".join(error.format_message().rstrip(".").split())  # click lists choices one a line
    param, ctx = getattr(error, "param", None), error.ctx
    if param is not None and ctx is not None and param in ctx.meta.get(TYPED, ()):
        text = text.replace(f" (env var: '{param.envvar}')", "")  # click names it wherever the value is from
    prose("error", text[:1].lower() + text[1:] if text[1:2].islower() else text)  # click begins with a capital
    if isinstance(error, WrongUse | WrongValue) and error.hint is not None:
        prose("hint", error.hint)
    elif error.ctx is not None:
        what = "commands" if isinstance(error, click.NoSuchCommand) else "options"
        prose("hint", f"Run `{error.ctx.command_path} --help` to list the {what}.")


def prose(kind: str, text: str) -> None:
    """One line `attest: KIND: TEXT` on standard error."""
    label = click.style(f"attest: {kind}:", **_STYLES.get(kind, {}))
    with suppress(OSError):  # if standard error cannot be written, there is no other place
        click.echo(f"{label} {clean(without_private_keys(text))}", err=True, color=_colour())


def debug(text: str) -> None:
    """Several lines for developers, on standard error."""
    with suppress(OSError):
        click.echo("\n".join(map(clean, text.splitlines())), err=True)


def progress(paths: Iterable[str], label: str) -> AbstractContextManager[Progress | None]:
    """How many bytes of the files among `paths` are done, on a terminal and after a second; otherwise None."""
    if not _may_draw():
        return nullcontext()
    from attest.cli._output import progress_line  # which a pipe does without

    total = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    return progress_line.shown(label, total or None, None)


def counted(session: OutputContext, label: str, unit: str) -> AbstractContextManager[Progress | None]:
    """How many things called `unit` are done, as `progress` shows it; with -v, the log shows each of them."""
    if session.verbosity or not _may_draw():
        return nullcontext()
    from attest.cli._output import progress_line

    return progress_line.shown(label, None, unit)


def _may_draw() -> bool:
    """Whether standard error is a terminal that can erase a line."""
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether the stream is there, as it is not if it was closed when Python began, and a terminal."""
    return stream is not None and stream.isatty()


def _colour() -> bool | None:
    if not is_terminal(sys.stderr):
        return False
    from attest.cli._output import terminal

    return terminal.colour()
