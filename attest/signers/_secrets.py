"""What a signer says when it asks for a secret: which token or file wants it.

Rule: a secret is asked for by name, so that whoever answers can give it to that token or file and to no other.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol


class TokenName(NamedTuple):
    """A token by what it says of itself. Two that are equal are one token, whatever URIs led to it.

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

    `kind` says what is wanted. `where` is the URI of the token that asks, or the path of the key file. `token` is who
    asks, and None for a file. It is a str, so that a callback which only shows it needs to know nothing else.
    """

    kind: Literal["pin", "passphrase"]
    where: str
    token: TokenName | None

    @classmethod
    def pin(cls, where: str, token: TokenName | None = None) -> SecretRequest:
        """The PIN of the token that `where` names; `token` is what it says of itself, once it is there."""
        return cls._made(f"the PIN of {token or where}", "pin", where, token)

    @classmethod
    def passphrase(cls, path: str) -> SecretRequest:
        """The passphrase of a key file."""
        return cls._made(f"the passphrase of {path}", "passphrase", path, None)

    @classmethod
    def _made(cls, text: str, kind: Literal["pin", "passphrase"], where: str, token: TokenName | None) -> SecretRequest:
        made = cls(text)
        made.kind, made.where, made.token = kind, where, token
        return made


class Secrets(Protocol):
    """What a signer asks for a secret: a function, such as `lambda request: getpass(f"{request}: ")`.

    It answers with the secret, or with None if there is none. One that also has a method `expect` is told, as soon as a
    signer is opened, of each token whose PIN it will be asked for.
    """

    def __call__(self, request: SecretRequest, /) -> str | None:
        """The secret that `request` names."""


def announce(secrets: Secrets | None, where: str) -> None:
    """Tell `secrets`, if it wants to know, that the token which `where` names will ask for a PIN."""
    expect = getattr(secrets, "expect", None)
    if expect is not None:
        expect(SecretRequest.pin(where))
