"""Where secrets come from on the command line: a named file, the environment, or a prompt.

Rule: a secret is read when it is needed, none is the value of an option, and the PIN in one variable goes to one token.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from attest._base import files
from attest.cli import _commands, _output
from attest.cli.formats._text import clean
from attest.errors import InputError, SignerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.signers import SecretRequest, TokenName

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>
PLAIN: Final = "ATTEST_PIN"
COSIGN: Final = "COSIGN_PASSWORD"  # of cosign: set and empty, it is the empty passphrase

# The tokens of a group need their PINs at the same time. An earlier one must identify itself in this time.
_SECONDS: Final = 1.0


# Signers that sign at the same time prompt one after the other.
_prompting = threading.Lock()


def variables(token: TokenName) -> list[str]:
    """The variables that may hold the PIN of `token`, by its serial number and by its label."""
    return [f"{PLAIN}_{_spelt(name)}" for name in (token.serial, token.label) if name]


def pin_is_given() -> bool:
    """Whether the environment has a PIN for any token."""
    return any(name == PLAIN or name.startswith(f"{PLAIN}_") for name in os.environ)


def is_ours(variable: str) -> bool:
    """Whether a variable is a secret for attest itself, which the command of `attest run` does not get."""
    return variable in (PLAIN, "ATTEST_PASSPHRASE") or variable.startswith((f"{PLAIN}_", "ATTEST_VAULT_"))


def secrets(passphrase_file: str | None, *, twice: bool = False) -> Answers:
    """The callback that provides a secret: from the named file, the environment, or a prompt.

    A PIN is read from ATTEST_PIN_<TOKEN> and ATTEST_PIN, and a passphrase from ATTEST_PASSPHRASE, for a key of cosign
    then from COSIGN_PASSWORD. The prompt for a new passphrase appears `twice`.
    """
    forbid_inspection()
    return Answers(passphrase_file, twice)


class Answers:
    """What `secrets` returns. `expect` names the tokens that will need a PIN, so that each gets its own.

    `used` are the variables of other programs from which a secret was read.
    """

    def __init__(self, passphrase_file: str | None, twice: bool) -> None:
        self.used: set[str] = set()
        self._passphrase_file = passphrase_file
        self._twice = twice
        self._entered: dict[str, str] = {}
        self._pins = Pins()
        self.expect, self.found = self._pins.expect, self._pins.found

    def __call__(self, what: SecretRequest) -> str | None:
        refusal = None
        if what.kind == "passphrase" and self._passphrase_file is not None:
            return _first_line(self._passphrase_file)
        try:
            given = self._pins.find(what) if what.kind == "pin" else self._passphrase(what)
        except SignerError as error:
            given, refusal = None, error
        if given is not None:
            return given
        if _output.is_terminal(sys.stdin) and _output.is_terminal(sys.stderr):
            return self._prompt(what)
        if refusal is not None:
            # Another token of the group may sign, and then the error would not be printed.
            _output.prose("warning", refusal.message)
            raise refusal
        return None

    def _passphrase(self, what: SecretRequest) -> str | None:
        given = _commands.variable("ATTEST_PASSPHRASE")
        if given is None and what.cosign and (given := os.environ.get(COSIGN)) is not None:
            self.used.add(COSIGN)
        return given

    def _prompt(self, what: SecretRequest) -> str:
        """What the user enters; the passphrase of a file is requested once, although a command may need it twice."""
        may_be_empty = what.kind == "passphrase" and not self._twice
        with _prompting, _terminal_kept():
            file = os.path.realpath(what.where)
            if may_be_empty and file in self._entered:
                return self._entered[file]
            answer: str = click.prompt(
                f"Enter {clean(str(what))}",
                default="" if may_be_empty else None,
                show_default=False,
                hide_input=True,
                err=True,
                confirmation_prompt=self._twice,
            )
            if may_be_empty:
                self._entered[file] = answer
        return answer

    def use_pad(self, what: SecretRequest) -> None:
        """Tell the user, on standard error: the token waits for a PIN that no program gives it."""
        _output.prose("note", f"enter {clean(str(what))} on its PIN pad")


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Ctrl-C reaches the main thread only. A prompt in another thread never ends then and cannot restore the echo."""
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
    """The passphrase in a file. The empty first line, or an empty file, is the empty passphrase."""
    try:
        lines = files.read(path, limit=4096).decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("passphrase-missing", "the passphrase file is not UTF-8", where=path) from None
    if not lines or not lines[0]:
        return ""
    files.warn_if_open(path)
    return lines[0]


class Pins:
    """Finds PINs in `environ`, by default that of the process."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._named: list[str] = []
        self._tokens: dict[str, TokenName] = {}
        self._owners: dict[str, TokenName] = {}
        self._with_pad: set[TokenName] = set()
        self._change = threading.Condition()

    def expect(self, request: SecretRequest) -> None:
        """A token that will need a PIN, in the order in which tokens are named.

        Raises UsageError if a variable for PINs is set but empty.
        """
        for name in self._environ:
            if name == PLAIN or name.startswith(f"{PLAIN}_"):
                _commands.variable(name, self._environ)
        with self._change:
            if request.where not in self._named:
                self._named.append(request.where)

    def found(self, request: SecretRequest) -> TokenName:
        """A token that was named is known now; returns it. Those that wait for it can go on.

        No variable is for a token whose PIN is entered on its PIN pad, so ATTEST_PIN is for the next one.
        """
        from attest.signers import TokenName

        token = request.token or TokenName("")
        self.expect(request)
        with self._change:
            self._tokens[request.where] = token
            if request.pad:
                self._with_pad.add(token)
            self._change.notify_all()
        return token

    def find(self, request: SecretRequest) -> str | None:
        """The PIN for the token that needs it, or None if no variable is set that could contain it.

        Raises SignerError `pin-missing`, which names the variable to set, if the one that is set is for another token.
        """
        token = self.found(request)
        with self._change:
            for variable in variables(token):
                if variable in self._environ:
                    self._wait_for_earlier(request.where)
                    owner = self._owners.setdefault(variable, token)
                    if owner != token:
                        raise self._refusal(variable, token, owner)
                    return self._environ[variable]
            if PLAIN not in self._environ:
                return None
            for name in self._wait_for_earlier(request.where):
                other = self._tokens.get(name)
                if other in self._with_pad:
                    continue
                if other is None or (other != token and not any(own in self._environ for own in variables(other))):
                    raise self._refusal(PLAIN, token, other or name)
            return self._environ[PLAIN]

    def _wait_for_earlier(self, where: str) -> list[str]:
        """Wait for the tokens named before `where`, so that the order does not depend on timing; returns them."""
        earlier = self._named[: self._named.index(where)]
        self._change.wait_for(lambda: all(name in self._tokens for name in earlier), _SECONDS)
        return earlier

    def _refusal(self, variable: str, token: TokenName, owner: TokenName | str) -> SignerError:
        free = [name for name in variables(token) if name not in self._owners]
        instead = " or ".join([*reversed(free), "pin-source=file:PATH in its URI"])
        message = f"no PIN was sent to {token}: {variable} is the PIN of {owner}"
        return SignerError("pin-missing", message, hint=f"Give each token its own PIN: {instead}.")


def _spelt(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def forbid_inspection() -> None:
    """On Linux: forbid other processes of the user to trace this one or to read its memory, and core dumps.

    Processes with CAP_SYS_PTRACE (root, as a rule) still can. It does not affect programs that this one starts: the
    kernel gives each new program its own setting.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):  # a libc without prctl
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
