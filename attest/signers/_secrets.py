"""How a signer requests a secret: for which token or file it needs it.

Rule: a request names the token or file, so that the secret goes to that one and to no other.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol


class TokenName(NamedTuple):
    """A token by what it reports about itself. Two equal names are one token, whatever URIs lead to it.

    `place` is the module and slot of a token that has no serial number of its own, and empty otherwise.
    """

    label: str
    serial: str = ""
    manufacturer: str = ""
    model: str = ""
    place: str = ""

    def __str__(self) -> str:
        return f"token {self.label!r} (serial {self.serial})" if self.serial else f"token {self.label!r}"


class SecretRequest(str):
    """The question, as text for a person: "the PIN of token 'release' (serial 0123)", "the passphrase of release.pem".

    `kind` is the kind of secret. `where` is the URI of the token, or the path of the key file, or `-` for a key on
    standard input, or `env:NAME` for one in a variable. `token` is the token itself, and None for a file. `pad` is
    whether the PIN is entered on the PIN pad of the token, and not asked for. `cosign` is whether the key is in the
    format of cosign. A request is a str, so a callback can show it as it is.

    The callback returns None if there is no secret. For a passphrase, "" is the empty one.
    """

    kind: Literal["pin", "passphrase"]
    where: str
    token: TokenName | None
    pad: bool = False
    cosign: bool = False

    @classmethod
    def pin(cls, where: str, token: TokenName | None = None, *, pad: bool = False) -> SecretRequest:
        """The PIN of the token that `where` names; `token` is what it says of itself, once it is there."""
        made = cls._made(f"the PIN of {token or where}", "pin", where, token)
        made.pad = pad
        return made

    @classmethod
    def passphrase(cls, path: str, *, cosign: bool = False) -> SecretRequest:
        """The passphrase of a key file; `path` is `where`."""
        what = "the key on standard input" if path == "-" else path
        made = cls._made(f"the passphrase of {what}", "passphrase", path, None)
        made.cosign = cosign
        return made

    @classmethod
    def _made(cls, text: str, kind: Literal["pin", "passphrase"], where: str, token: TokenName | None) -> SecretRequest:
        made = cls(text)
        made.kind, made.where, made.token = kind, where, token
        return made


class Secrets(Protocol):
    """A function that returns a secret, such as `lambda request: getpass(f"{request}: ")`.

    It returns the secret, or None if there is none. It may have more methods, each of which takes a request:

    - `expect`, called as soon as a signer is opened, for each PIN that may be needed;
    - `found`, called when the token of a PIN is known, before anything is asked for;
    - `use_pad`, called each time the user must enter the PIN on the PIN pad of the token.
    """

    def __call__(self, request: SecretRequest, /) -> str | None:
        """The secret that `request` names."""


def announce(secrets: Secrets | None, where: str) -> None:
    """Call `secrets.expect`, if it exists, for the PIN of the token that `where` names."""
    tell(secrets, "expect", SecretRequest.pin(where))


def tell(secrets: Secrets | None, event: Literal["expect", "found", "use_pad"], request: SecretRequest) -> bool:
    """Call the method of `secrets` for an event. Returns False if it has none."""
    method = getattr(secrets, event, None)
    if method is None:
        return False
    method(request)
    return True
