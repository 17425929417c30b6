"""Where secrets come from on the command line: a file that was named, the environment, or a person at a terminal.

Rule: a secret is asked for when it is needed, and no secret is an option's value.
"""

from __future__ import annotations

import atexit
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _output
from attest.cli._pins import Pins
from attest.cli._process import forbid_inspection
from attest.cli.formats._text import clean
from attest.errors import InputError, SignerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers import SecretRequest, Secrets

# Signers that sign at the same time ask one after the other.
_asking = threading.Lock()


def secrets(passphrase_file: str | None, *, twice: bool = False) -> Secrets:
    """The callback that answers for a secret: the file named, the environment, or a person at a terminal.

    A PIN is looked for in ATTEST_PIN_<TOKEN> and ATTEST_PIN, and a passphrase in ATTEST_PASSPHRASE. A person is asked
    `twice` for a new one.
    """
    forbid_inspection()
    return _Answers(passphrase_file, twice)


class _Answers:
    """What `secrets` returns. It is told of the tokens that will ask, so that a PIN goes to the right one."""

    def __init__(self, passphrase_file: str | None, twice: bool) -> None:
        self._passphrase_file = passphrase_file
        self._twice = twice
        self._pins = Pins()
        self.expect = self._pins.expect

    def __call__(self, what: SecretRequest) -> str | None:
        refusal = None
        if what.kind == "passphrase" and self._passphrase_file is not None:
            return _first_line(self._passphrase_file)
        try:
            given = self._pins.find(what) if what.kind == "pin" else _commands.variable("ATTEST_PASSPHRASE")
        except SignerError as error:
            given, refusal = None, error
        if given is not None:
            return given
        if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            with _asking, _terminal_kept():
                prompt = f"Enter {clean(str(what))}"
                answer: str = click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=self._twice)
            return answer
        if refusal is not None:
            # Another token of its group may sign, and then this would be seen by nobody.
            _output.prose("warning", refusal.message)
            raise refusal
        return None


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Ctrl-C goes to the main thread: another one that asks never ends then, and can't make the terminal echo again."""
    if threading.current_thread() is threading.main_thread():
        yield
        return
    import termios

    terminal = sys.stdin.fileno()
    restore = partial(termios.tcsetattr, terminal, termios.TCSADRAIN, termios.tcgetattr(terminal))
    atexit.register(restore)
    try:
        yield
    finally:
        atexit.unregister(restore)


def _first_line(path: str) -> str:
    try:
        lines = files.read(path, limit=4096).decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("passphrase-missing", "this file is not UTF-8", where=path) from None
    if not lines or not lines[0]:
        raise InputError("passphrase-missing", "the first line of this file holds no passphrase", where=path)
    files.warn_if_open(path)
    return lines[0]
