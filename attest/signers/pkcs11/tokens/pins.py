"""Where the PIN of a token comes from: the file that a URI names, or the callback of the signer.

Rule: a PIN is in a `Pin` from when it is known, so that no repr, log line or traceback shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base import files, notices
from attest.errors import InputError, SignerError
from attest.signers._secrets import SecretRequest, tell
from attest.signers.pkcs11 import settings

if TYPE_CHECKING:
    from attest.signers._secrets import Secrets, TokenName
    from attest.signers.pkcs11.uri import Pkcs11URI


class Pin:
    """A PIN that does not show itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def encode(self) -> bytes:
        """The PIN as C_Login takes it."""
        return self._text.encode()

    def __repr__(self) -> str:
        return "Pin(...)"


class PinSource:
    """How one signer gets the PIN of its token, and what it allows to be done with it.

    `named` says that the URI names a file with the PIN, `kept` that the PIN may stay in memory once it is known, and
    `last_try` that it may be sent although a wrong one would lock the token.
    """

    def __init__(self, uri: Pkcs11URI, secrets: Secrets | None) -> None:
        self._uri = uri
        self._secrets = secrets
        self.named = uri.pin_file is not None
        self.kept = settings.pin_cache(uri)
        self.last_try = settings.pin_last_try(uri)

    def __call__(self, token: TokenName) -> Pin | None:
        """The PIN for `token`, or None if there is none. Raises SignerError `pin-missing` for a file without one."""
        path = self._uri.pin_file
        if path is not None:
            return _pin_in(path)
        given = None if self._secrets is None else self._secrets(self._request(token))
        return None if given is None else Pin(given)

    def found(self, token: TokenName, *, pad: bool) -> None:
        """Tell the callback to which token the URI leads: it may have to know before it can answer for another one."""
        if not self.named:
            tell(self._secrets, "found", self._request(token, pad=pad))

    def use_pad(self, token: TokenName) -> None:
        """Tell the user to enter the PIN on the token's PIN pad."""
        if not tell(self._secrets, "use_pad", self._request(token, pad=True)):
            notices.warn(f"enter the PIN of {token} on its PIN pad")

    def _request(self, token: TokenName, *, pad: bool = False) -> SecretRequest:
        return SecretRequest.pin(str(self._uri), token, pad=pad)

    def __repr__(self) -> str:
        return "PinSource(...)"


def _pin_in(path: str) -> Pin:
    try:
        pin = _decoded(files.read(path, limit=4096))
    except InputError as error:
        message = error.message.replace("the file", "the PIN file", 1)
        hint = error.hint or "Correct `pin-source` in the signer URI."
        raise SignerError("pin-missing", message, where=path, hint=hint) from None
    if pin is None:
        raise SignerError("pin-missing", "the PIN file is not UTF-8", where=path)
    if not pin.encode():
        raise SignerError("pin-missing", "the PIN file is empty", where=path)
    files.warn_if_open(path)
    return pin


def _decoded(data: bytes) -> Pin | None:
    """The PIN in a file, or None if it is not UTF-8; the error of Python would show the content."""
    try:
        # One line end, which editors add; everything else may be part of the PIN.
        return Pin(data.decode().removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        return None
