"""Runs a command as a shell would: with our input and output, its signals and its exit status its own.

Rule: nothing of the command's is touched or read; what is recorded of it is what it was called with and how it ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import files
from attest.building.run import masking
from attest.errors import InputError, unsupported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

NOT_FOUND: Final = "command-not-found"
NOT_EXECUTABLE: Final = "command-not-executable"

# From a terminal these reach the whole group, and so the command; a sender to this process alone meets what a
# shell does: it waits for the command.
_WAITED_OUT = (signal.SIGINT, *([signal.SIGQUIT] if hasattr(signal, "SIGQUIT") else ()))
_PASSED_ON = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else ()))


class CommandResult(NamedTuple):
    """How a command ended: its exit status as a shell has it (128 + N for a signal), and when it ran."""

    command: tuple[str, ...]
    status: int
    signal: str | None
    started: datetime
    finished: datetime

    @property
    def succeeded(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0


def demand_system() -> None:
    """Raises SignerError `system-unsupported` where a file cannot be opened without following links to it."""
    if not hasattr(os, "O_NOFOLLOW") or os.open not in os.supports_dir_fd:
        raise unsupported("attest run", "Run the command by itself, then use `attest build` and `attest sign`.")


def run(
    command: Sequence[str], *, environment: Mapping[str, str], tracer: Sequence[str] = (), stdout: int | None = None
) -> CommandResult:
    """Run `command` with this process's standard input, output and error, and wait for its end.

    SIGTERM and SIGHUP are passed on to it; Ctrl-C is left to it. To be called in the main thread for that. `tracer` is
    put before the command, and must become it. `stdout` is a descriptor for the command's standard output. Raises
    InputError `command-not-found` and `command-not-executable`, where a shell has the exit statuses 127 and 126, and
    `command-invalid` for what cannot be passed on or recorded. Raises SignerError `system-unsupported` on Windows.
    """
    demand_system()
    demand_text(command, "command-invalid")
    started = datetime.now(UTC)
    with _signals() as passed_on:
        try:
            process = subprocess.Popen([*tracer, *command], env=dict(environment), stdout=stdout)  # noqa: S603
        except OSError as error:
            raise _unstartable(command[0], error) from None
        passed_on.to(process)
        code = process.wait()
    finished = datetime.now(UTC)
    if code >= 0:
        return CommandResult(tuple(command), code, None, started, finished)
    return CommandResult(tuple(command), 128 - code, _signal_name(-code), started, finished)


def named_variables(
    names: Iterable[str],
    environment: Mapping[str, str],
    *,
    public: Collection[str] = (),
    secret: Collection[str] = (),
) -> dict[str, str]:
    """The variables of `environment` that are named and set, in the order of their names.

    Raises InputError `env-secret` for a name like that of a secret (TOKEN, SECRET, PASSWORD, a KEY or PIN, ...), for a
    value that has the form of one (a token, a private key, a URL with a password, `Password=`) and for one with the
    value of another secret variable in it, unless the name is in `public`, and for each in `secret`; `env-invalid` for
    what a statement cannot contain.
    """
    found = {}
    masker = masking.Masker(environment, public)
    for name in sorted(set(names)):
        if name in secret:
            message = f"the variable {name} is not recorded: it holds the key of a signer"
            raise InputError("env-secret", message, hint=f"Leave out --env {name}.")
        if name not in public and masking.is_secret_name(name):
            raise _secret(name, "its name looks like that of a secret")
        value = environment.get(name)
        if value is None:
            continue
        demand_text((name, value), "env-invalid", where=name)
        if name not in public and (kind := masker.secret_in(value)):
            raise _secret(name, f"its value contains a secret: {kind}")
        found[name] = value
    return found


def demand_text(texts: Iterable[str], code: str, *, where: str | None = None) -> None:
    """Raises InputError with this code for text that is not UTF-8 or has a NUL in it.

    The text is not quoted, because it may be a secret: `where` says which it is, or else its number.
    """
    for number, text in enumerate(texts, start=1):
        try:
            text.encode()
        except UnicodeEncodeError:
            message = "the text is not UTF-8 and cannot be recorded"
            raise InputError(code, message, where=where or f"word {number}") from None
        if "\0" in text:
            raise InputError(code, "the text contains a NUL character", where=where or f"word {number}")


def _secret(name: str, why: str) -> InputError:
    hint = f"Use --not-secret {name} if its value is not secret. Recorded values can be read by anyone."
    return InputError("env-secret", f"the variable {name} is not recorded: {why}", hint=hint)


def _unstartable(name: str, error: OSError) -> InputError:
    message = f"the command cannot be started: {files.reason(error)}"
    if isinstance(error, FileNotFoundError):
        return InputError(NOT_FOUND, message, where=name)
    return InputError(NOT_EXECUTABLE, message, where=name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _PassedOn:
    """Signals for the command, kept until there is one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on what came so far, and what will come."""
        self._process = process
        while self._early:
            process.send_signal(self._early.pop(0))

    def __call__(self, number: int, _: Any) -> None:
        if self._process is None:
            self._early.append(number)
        else:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


@contextmanager
def _signals() -> Iterator[_PassedOn]:
    """Our own handlers while a command runs. A signal that is ignored stays so, here and in the command."""
    passed_on = _PassedOn()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (*_WAITED_OUT, *_PASSED_ON):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                # A handler, and not SIG_IGN, which the command would inherit.
                before[number] = signal.signal(number, passed_on if number in _PASSED_ON else _wait_on)
    try:
        yield passed_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_on(number: int, frame: Any) -> None:
    """The command has got it too, and decides what it means."""
