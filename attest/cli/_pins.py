"""The PINs in the environment: ATTEST_PIN_<TOKEN> for a token by name, ATTEST_PIN for one that has none of its own.

Rule: the PIN in one variable is given to one token, whatever else asks.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Final

from attest.cli import _commands
from attest.errors import SignerError
from attest.signers import TokenName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.signers import SecretRequest

PLAIN: Final = "ATTEST_PIN"

# Tokens of a group are asked at the same time. One that was named earlier says within this time who it is, or never.
_SECONDS: Final = 1.0


def variables(token: TokenName) -> list[str]:
    """The variables that may hold the PIN of `token`, by its serial number and by its label."""
    return [f"{PLAIN}_{_spelt(name)}" for name in (token.serial, token.label) if name]


def is_ours(variable: str) -> bool:
    """Whether a variable is a secret for attest's own use, which the command of `attest run` is not given."""
    return variable in (PLAIN, "ATTEST_PASSPHRASE") or variable.startswith(f"{PLAIN}_")


class Pins:
    """Answers for PINs from `environ`, the process's own by default."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._named: list[str] = []
        self._tokens: dict[str, TokenName] = {}
        self._owners: dict[str, TokenName] = {}
        self._change = threading.Condition()

    def expect(self, request: SecretRequest) -> None:
        """A token that will ask, in the order in which tokens are named.

        Raises UsageError where a variable for PINs is set but empty.
        """
        for name in self._environ:
            if name == PLAIN or name.startswith(f"{PLAIN}_"):
                _commands.variable(name, self._environ)
        with self._change:
            if request.where not in self._named:
                self._named.append(request.where)

    def find(self, request: SecretRequest) -> str | None:
        """The PIN for the token that asks, or None where no variable is set that could hold it.

        Raises SignerError `pin-missing`, which names the variable to set, where what is set is another token's.
        """
        token = request.token or TokenName("")
        self.expect(request)
        with self._change:
            self._tokens[request.where] = token
            self._change.notify_all()
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
                if other is None or (other != token and not any(own in self._environ for own in variables(other))):
                    raise self._refusal(PLAIN, token, other or name)
            return self._environ[PLAIN]

    def _wait_for_earlier(self, where: str) -> list[str]:
        """Let those that were named before `where` go first, or the order would be chance; returns them."""
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
