"""The command line: one file for each command, found by name and imported when it is used.

Rule: a command exits with 0 only if it returned `Completed`; anything else that it returns is a bug.

A group of commands is a folder like this one (`trust/`, `key/`, ...), with one subcommand a file. What commands share
begins with an underscore: `_options/`, `_inputs/` (what they read), `_output/` (what they print), `_commands/`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from attest import __version__
from attest._base import files, notices
from attest.cli import _commands, _output
from attest.cli._output import exits
from attest.errors import AttestError, InputError, Rejected, SignerError, out_of_memory

if TYPE_CHECKING:
    from collections.abc import Sequence


# For `attest --help`, which would import all commands for these texts; each is the `short_help` of its command.
_SUMMARIES: Final = {
    "build": "Build an in-toto statement about files.",
    "completion": "Print the script that completes words in a shell.",
    "convert": "Convert attestations for other programs.",
    "demo": "Try attest in a new directory.",
    "doctor": "Show what is installed here, and what is missing.",
    "explain": "Explain the code of an error, and what to do.",
    "inspect": "Show the content of an attestation without verifying it.",
    "key": "Generate, export, test and encrypt keys.",
    "merge": "Combine signatures over the same payload.",
    "oci": "Attach attestations to images, and find them.",
    "policy": "List rules, check a policy, explain a result.",
    "predicate": "List and show predicate types, and check predicates.",
    "run": "Run a command and attest its inputs and outputs.",
    "sign": "Sign statements, or add signatures to envelopes.",
    "signer": "List and check signers.",
    "trust": "Create, change, sign, show and check trust bundles.",
    "verify": "Verify attestations against a trust bundle.",
}


# With the variable that click looks for otherwise, a command completes words instead of doing its work.
_NO_VARIABLE: Final = "\0"


class _Group(_commands.Group):
    """The program itself, which must end with a Completed."""

    def invoke(self, ctx: click.Context) -> Any:
        # click handles interrupts and broken pipes in its own way, and takes a returned number for an exit code.
        try:
            outcome = super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None
        except OSError as error:
            raise _Unwritable(error) from None
        if not isinstance(outcome, _output.Completed):
            raise TypeError("a command did not return Completed")
        return outcome


class _Interrupted(BaseException):
    """Ctrl-C, before click sees it."""


class _Unwritable(BaseException):
    """An OSError that no command expected: standard output cannot be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


@click.group(
    cls=_Group,
    package=__name__,
    besides=("formats",),
    summaries=_SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, "-V", "--version", message="attest %(version)s")
def attest() -> None:
    """Build, sign and verify in-toto attestations.

    Exit codes: 0 success; 1 verification failed, or a check found problems; 2 wrong command line; 3 input cannot be
    read, nothing was decided; 4 signer, token, KMS or registry not available; 70 internal error.

    `attest explain CODE` says what an exit code, or the code in brackets after an error, means, and what to do.
    """


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised, and errors are printed."""
    session = _output.OutputContext()
    try:
        try:
            with session.at_end, notices.heard_by(session.warn):
                code = _run(list(arguments), session)
        except (_Interrupted, KeyboardInterrupt):
            code = _fail(session, AttestError("interrupted", "interrupted"), exits.INTERRUPTED)
        _output.flush()
    except _Unwritable as broken:
        return _no_output(broken.error)
    except OSError as error:
        return _no_output(error)
    return code


def _run(arguments: list[str], session: _output.OutputContext) -> int:
    try:
        outcome: int | _output.Completed = attest.main(
            arguments, "attest", complete_var=_NO_VARIABLE, standalone_mode=False, obj=session
        )
    except click.UsageError as error:
        _output.usage_error(error)
        return exits.USAGE
    except click.Abort:
        return _fail(session, AttestError("interrupted", "interrupted"), exits.INTERRUPTED)
    except (Rejected, SignerError, InputError) as error:
        if error.code == "name-ambiguous":  # an error in the command line, though only the library notices it
            _output.error_lines(error)
            return exits.USAGE
        return _fail(session, error, exits.code(error))
    except MemoryError:
        short = out_of_memory()
        return _fail(session, short, exits.code(short))
    except SystemExit:  # click, when it prints a help page into a pipe that is closed
        raise BrokenPipeError from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001
        return _bug(session, error)
    # An int is click's own exit, after --help and --version; the group refuses one that a command returns.
    if isinstance(outcome, int):
        _output.demand_stdout()
        return outcome
    return outcome.exit_code


def _fail(session: _output.OutputContext, error: AttestError, code: int) -> int:
    try:
        _output.failure(session, error, code)
    except OSError:
        raise
    except Exception as fault:  # noqa: BLE001  # a format that cannot show this result
        if code != exits.BUG:
            return _bug(session, fault)
        _output.error_lines(error)
    return code


def _bug(session: _output.OutputContext, error: Exception) -> int:
    if os.environ.get("ATTEST_DEBUG") == "1":
        import traceback

        _output.debug("".join(traceback.format_exception(error)))
    # The text of an unforeseen exception may contain a secret, so only its type is shown.
    message = f"internal error ({type(error).__name__})"
    rest = "remove secrets from the output, and report it with that of `attest doctor`"
    hint = f"Run the command again with ATTEST_DEBUG=1, {rest}."
    return _fail(session, AttestError("bug", message, hint=hint), exits.BUG)


def _no_output(error: OSError) -> int:
    """Standard output is gone: nothing more can be printed there, and the interpreter must not flush it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        _output.prose("error", "the reader closed standard output (output-failed)")
        return exits.BROKEN_PIPE
    _output.prose("error", f"standard output cannot be written: {files.reason(error)} (output-failed)")
    return exits.UNREADABLE
