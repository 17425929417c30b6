"""What `open_signer` returns: a signer with a URI and a method for every capability.

Rule: a capability that is missing is an error with a name, never a substitute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn, Self

from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Signature
    from attest.keys import PublicKey
    from attest.signers._protocol import AttributeCheck, KeyHealth
    from attest.signers._uri import SignerURI

OPTIONAL: Final = ("verify", "encrypt", "decrypt", "digest")


class BaseSigner(ABC):
    """A private key, named by a URI. Every signer has `sign` and `public_key`; `capabilities` lists the other methods.

    Every method raises SignerError if the key is not available or refuses the operation, and `capability-missing` if
    the signer does not support it. A signer is a context manager that closes itself.
    """

    files: tuple[str, ...] = ()  # files that the signer reads, and that no command may overwrite
    asks: ClassVar[bool] = False  # whether it may ask a person for a secret
    waits: bool = True  # whether it waits for a lost token; not if another signer of the same key can sign meanwhile
    variables: tuple[str, ...] = ()  # environment variables that hold its key, and that no other program gets
    reads_stdin: bool = False  # so nothing else can

    def __init__(self, uri: SignerURI) -> None:
        self.uri: SignerURI = uri
        self.closed: bool = False

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do: sign, verify, encrypt, decrypt, digest."""
        return frozenset({"sign"})

    @property
    @abstractmethod
    def public_key(self) -> PublicKey:
        """The public half, pinned to the algorithm that `sign` uses."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The X.509 certificates (DER, that of the key first) that are kept with the key; empty if there are none."""
        return ()

    @property
    def version_uri(self) -> str | None:
        """The signer URI of exactly the version of the key that signs; None if the keys of the scheme have none.

        Raises SignerError as `public_key`.
        """
        return None

    def shown_public_key(self) -> PublicKey | None:
        """The public half as everyone can read it, without a PIN; None if there is no such thing.

        Nothing proves that `sign` uses the private half of this key. Raises SignerError.
        """
        return None

    @abstractmethod
    def sign(self, data: bytes) -> Signature:
        """Sign `data` (for an envelope: the PAE); the signature carries the key's keyid."""

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        """Sign each of `data`, in this order; for each, its signature or why there is none.

        After an error, the rest is not tried: a signer that is not available would wait for its deadline each time, and
        a token counts wrong PINs.
        """
        made: list[Signature | SignerError] = []
        for one in data:
            try:
                made.append(self.sign(one))
            except SignerError as error:
                return [*made, error, *(copy(error) for _ in data[len(made) + 1 :])]
        return made

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

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """The state of each place that holds the key, with the checks of its attributes; empty if there is only one."""
        return []

    def settle(self) -> None:  # noqa: B027
        """Wait until each place that holds the key is connected or has failed, and not only the first that can sign."""

    def close(self) -> None:
        """Release everything; a closed signer cannot be used again (`signer-closed`)."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled; open it again by its URI")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.uri)!r})"

    def _error(self, code: str, message: str, hint: str | None = None) -> SignerError:
        """A SignerError that names this signer."""
        return SignerError(code, message, where=str(self.uri), hint=hint)

    def _demand_open(self) -> None:
        if self.closed:
            raise self._error("signer-closed", "the signer is closed")

    def _lacks(self, capability: str) -> NoReturn:
        has = ", ".join(sorted(self.capabilities))
        raise self._error("capability-missing", f"the signer cannot {capability}; it can {has}")
