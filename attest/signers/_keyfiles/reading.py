"""What reading a key file needs: how its passphrase is requested, and the errors that name the file.

Rule: no error quotes the file, the passphrase or the text of a library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.expected import demand
from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PASSPHRASE: Final = 1023  # bytes: what OpenSSL takes


class PrivateKeyFile(NamedTuple):
    """A private key of `cryptography`, and X.509 certificates in DER, that of the key first; () if there are none."""

    private: Any
    certificates: tuple[bytes, ...] = ()


class Reading:
    """What all readers of key files need."""

    def __init__(self, where: str, ask: Callable[[], str | None]) -> None:
        self.where = where
        self._ask = ask

    def passphrase(self) -> bytes:
        """The passphrase in UTF-8; b"" is the empty one. Raises SignerError `passphrase-missing` or `-wrong`."""
        given = self._ask()
        if given is None:
            hint = (
                "Use --passphrase-file (an empty file for the empty passphrase), ATTEST_PASSPHRASE or a terminal. "
                "In Python, use the callback `secrets`."
            )
            raise self._error("passphrase-missing", "the key is encrypted and needs a passphrase", hint)
        demand(given, str, "passphrase", "text, or None if there is none")
        fault = passphrase_fault(given)
        if fault is not None:
            hint = "Check what --passphrase-file names, or ATTEST_PASSPHRASE has."
            raise self._error("passphrase-wrong", f"the passphrase {fault}", hint)
        return given.encode()

    def wrong(self, passphrase: bytes) -> SignerError:
        """The error for a passphrase that does not open the key."""
        if not passphrase:
            hint = "The passphrase that was given is empty: look at the file of --passphrase-file."
            return self._error("passphrase-wrong", "the key is not encrypted with the empty passphrase", hint)
        hint = "Check that the passphrase belongs to this file, and that it has no additional space or line."
        return self._error("passphrase-wrong", "wrong passphrase for the key, or the key was changed", hint)

    def unreadable(self, message: str, hint: str | None = None) -> SignerError:
        """The error for what cannot be read as a private key."""
        return self._error("key-unreadable", message, hint)

    def unsupported(self, message: str, hint: str | None = None) -> SignerError:
        """The error for a key, or an encryption, that attest does not support."""
        return self._error("key-unsupported", message, hint)

    def _error(self, code: str, message: str, hint: str | None = None) -> SignerError:
        return SignerError(code, message, where=self.where, hint=hint)


def library_errors() -> tuple[type[Exception], ...]:
    """What `cryptography` raises for a key that it cannot load; InternalError for an Ed25519 key of a wrong length."""
    from cryptography.exceptions import InternalError, InvalidTag

    return ValueError, TypeError, OverflowError, InternalError, InvalidTag


def passphrase_fault(given: str) -> str | None:
    """Why `given` cannot be a passphrase, as the end of a sentence; None if it can. The empty one can."""
    try:
        size = len(given.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    if "\0" in given:
        return "contains a NUL character"
    if size > MAX_PASSPHRASE:
        return f"has {size:,} bytes, expected at most {MAX_PASSPHRASE:,}"
    return None
