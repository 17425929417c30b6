"""The one module that prints: results to standard output, prose to standard error.

Rule: what comes from an input is shown with its control characters escaped, so that no file can draw on a terminal.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import click

from attest._base import files
from attest.cli import formats
from attest.cli._output import results
from attest.cli.formats._text import clean
from attest.errors import InputError, without_private_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from attest.digest import Progress
    from attest.errors import AttestError
    from attest.results.verified import Verified

_NAMED = 3  # of those that have the same error
_REVIEWED = "trust "  # the commands whose output people review before they sign

# Under this key the context of a command has the parameters that were typed, in their order. click says where a value
# is from only once it was accepted, and in version 8.4 not in the errors of a callback.
TYPED: Final = "attest.typed"


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
    """Write bytes to standard output as they are."""
    demand_stdout()
    sys.stdout.flush()
    sys.stdout.buffer.writelines(data)
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
        # A prepared result says how the command ends. If it ends in another way, by a bug say, it is no longer true.
        known = session.result if session.result is not None and session.result.get("code") == error.code else None
        _print(session, known or {**results.failed(session.command, error, code), **session.details})
    error_lines(error)
    for explain in session.reasons:
        explain()


def ended(session: OutputContext, error: AttestError, code: int, **details: Any) -> Completed:
    """End with the exit code of a program that a command ran: the result object has an error, which is not printed."""
    _print(session, {**results.failed(session.command, error, code), **details})
    return Completed(code)


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


_STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow"},
    "hint": {"fg": "cyan"},
}
