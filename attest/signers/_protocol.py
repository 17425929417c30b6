"""What every signer offers, and what it says when it is asked for something it hasn't got.

Rule: a capability that isn't there is an error with a name, never a substitute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from attest.errors import SignerError

if TYPE_CHECKING:
    from attest.envelope import Signature
    from attest.keys import PublicKey
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI


class Scheme(Protocol):
    """What an entry point of `attest.signers` names: a module or an object with this function.

    It may also have `generate_key(uri, algorithm, secret)`, which makes a key pair where `uri` says and returns its
    signer. `algorithm` is None for the scheme's own default, and `secret` a passphrase or PIN, a callback, or None.
    """

    def open_signer(self, uri: SignerURI, secrets: Secrets | None) -> Any:
        """The signer for `uri`, not yet connected to anything."""


class Signer(ABC):
    """A private key somewhere. `sign` and `public_key` are always there; `capabilities` names what else is.

    Every method raises SignerError where the key isn't available or refuses.
    """

    files: tuple[str, ...] = ()  # what it reads, and nobody should write to

    def __init__(self, uri: SignerURI) -> None:
        self.uri = uri
        self.closed = False

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can: sign, verify, encrypt, decrypt, digest."""
        return frozenset({"sign"})

    @property
    @abstractmethod
    def public_key(self) -> PublicKey:
        """The public half, pinned to the algorithm that `sign` uses."""

    @abstractmethod
    def sign(self, data: bytes) -> Signature:
        """Sign `data` (for an envelope: the PAE); the signature carries the key's keyid."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature where the key is. Raises Rejected `signature-invalid`."""
        self._lacks("verify")

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Encrypt and authenticate `data`, and authenticate `associated` with it."""
        self._lacks("encrypt")

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Undo `encrypt`, or raise if anything was changed."""
        self._lacks("decrypt")

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """The hex digest of `data`, computed where the key is."""
        self._lacks("digest")

    def health(self) -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
        """How each place is that holds the key, with the checks of its attributes; empty where there is one place."""
        return []

    def close(self) -> None:
        """Let go of everything held; a signer that is closed can't be used again (`signer-closed`)."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer holds a private key, and is not pickled; open it again by its URI")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.uri)!r})"

    def _demand_open(self) -> None:
        if self.closed:
            raise SignerError("signer-closed", "this signer was closed", where=str(self.uri))

    def _lacks(self, capability: str) -> NoReturn:
        has = ", ".join(sorted(self.capabilities))
        raise SignerError("capability-missing", f"this signer can't {capability}; it can {has}", where=str(self.uri))
