"""The command line: one file for each command, found by name and imported when it is used.

Rule: exit 0 is given only to a command that says it is done; whatever falls through is a bug.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from attest import __version__
from attest._base import files, notices, registry
from attest.cli import _commands, _exits, _output
from attest.errors import AttestError, InputError, Rejected, SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMATS = "formats"  # the folder beside the commands that is none


class _Commands(Mapping[str, click.Command]):
    """The commands by name, each imported when it is first asked for."""

    def __getitem__(self, name: str) -> click.Command:
        module = registry.load(__name__, name) if name != _FORMATS else None
        if module is None:
            raise KeyError(name)
        command: click.Command = module.command
        return command

    def __iter__(self) -> Iterator[str]:
        return (name for name in registry.names(__name__) if name != _FORMATS)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Group(_commands.Group):
    """A group whose commands are the modules of this folder, and which must end in a Done."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()  # type: ignore[assignment]  # click only reads it

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        # click has its own way with interrupts and broken pipes, and takes any number returned for an exit code.
        try:
            outcome = super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None
        except OSError as error:
            raise _Unwritable(error) from None
        if not isinstance(outcome, _output.Completed):
            raise TypeError("a command ended without saying that it is done")
        return outcome


class _Interrupted(BaseException):
    """Ctrl-C, before click sees it."""


class _Unwritable(BaseException):
    """An OSError that no command expected: standard output can't be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="attest %(version)s")
def attest() -> None:
    """Build, sign and verify in-toto attestations.

    Exit codes: 0 verified or done; 1 checked, and the answer is no; 2 wrong command line; 3 the input can't be read, so
    nothing was decided; 4 a signer, token or KMS is not available; 70 a bug in attest.
    """


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised, and errors are printed."""
    session = _output.OutputContext()
    try:
        try:
            with notices.heard_by(session.warn):
                code = _run(list(arguments), session)
        except (_Interrupted, KeyboardInterrupt):
            code = _fail(session, AttestError("interrupted", "interrupted"), _exits.INTERRUPTED)
        _output.flush()
    except _Unwritable as broken:
        return _no_output(broken.error)
    except OSError as error:
        return _no_output(error)
    return code


def _run(arguments: list[str], session: _output.OutputContext) -> int:
    try:
        outcome: int | _output.Completed = attest.main(arguments, "attest", standalone_mode=False, obj=session)
    except click.UsageError as error:
        _output.usage_error(error)
        return _exits.USAGE
    except click.Abort:
        return _fail(session, AttestError("interrupted", "interrupted"), _exits.INTERRUPTED)
    except (Rejected, SignerError, InputError) as error:
        if error.code == "name-ambiguous":  # of the command line, wherever it was found out
            _output.error_lines(error)
            return _exits.USAGE
        return _fail(session, error, _exits.code(error))
    except MemoryError:
        short = InputError("out-of-memory", "this input needs more memory than there is")
        return _fail(session, short, _exits.code(short))
    except SystemExit:  # click, when it prints a help page into a pipe that is closed
        raise BrokenPipeError from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001
        return _bug(session, error)
    # An int is click's own way out, after --help and --version: a command's is seen to by the group.
    if isinstance(outcome, int):
        _output.demand_stdout()
        return outcome
    return outcome.exit_code


def _fail(session: _output.OutputContext, error: AttestError, code: int) -> int:
    try:
        _output.failure(session, error, code)
    except OSError:
        raise
    except Exception as fault:  # noqa: BLE001  # a format that can't be made of this result
        if code != _exits.BUG:
            return _bug(session, fault)
        _output.error_lines(error)
    return code


def _bug(session: _output.OutputContext, error: Exception) -> int:
    if os.environ.get("ATTEST_DEBUG") == "1":
        import traceback

        _output.debug("".join(traceback.format_exception(error)))
    # The text of an unforeseen exception may hold anything, a secret included, so only its type is shown.
    message = f"this is a bug in attest ({type(error).__name__})"
    hint = "Run it again with ATTEST_DEBUG=1 and report what it prints, after a look at it."
    return _fail(session, AttestError("bug", message, hint=hint), _exits.BUG)


def _no_output(error: OSError) -> int:
    """Standard output is gone; nothing more can be said there, and the interpreter must not try at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        _output.prose("error", "standard output was closed by its reader (output-failed)")
        return _exits.BROKEN_PIPE
    _output.prose("error", f"standard output can't be written: {files.reason(error)} (output-failed)")
    return _exits.UNREADABLE
