"""What a signer is: three members that every signer has, and protocols for what some can do besides.

Rule: a class signs because of what it has, and needs nothing of this package above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Signature
    from attest.errors import SignerError
    from attest.keys import PublicKey
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI


class Scheme(Protocol):
    """What an entry point of `attest.signers` names: a module or an object with this function.

    It may also have `generate_key(uri, algorithm, secret)`, which generates a key pair at `uri` and returns its signer.
    `algorithm` is None for the default of the scheme, and `secret` a passphrase or PIN, a callback, or None.
    """

    def open_signer(self, uri: SignerURI, secrets: Secrets | None) -> Signer:
        """The signer for `uri`, not yet connected to anything."""


class Signer(Protocol):
    """All that `attest.sign` needs, and all that a signer of your own must have. It need not inherit from this.

    An AttestError that a member raises, such as SignerError, is raised by `attest.sign` as it is; any other exception
    becomes the SignerError `signer-failed`. Several threads may call one signer at a time.
    """

    @property
    def public_key(self) -> PublicKey:
        """The public half, pinned to the algorithm that `sign` uses. An attribute or a property."""

    def sign(self, data: bytes) -> Signature:
        """Sign `data` (for an envelope: the PAE): `Signature(public_key.keyid, the bytes)`."""

    def close(self) -> None:
        """Release everything. The caller closes a signer; `attest.sign` does not."""


class SupportsSignMany(Protocol):
    """Signs several at once faster than one after another."""

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        """Sign each of `data`, in this order; for each, its signature or why there is none."""


class SupportsVerify(Protocol):
    """Checks signatures where the key is."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if `signature` is this key's over `data`. Raises Rejected `signature-invalid`."""


class SupportsEncrypt(Protocol):
    """Encrypts with a secret key."""

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Encrypt and authenticate `data`, and authenticate `associated` with it."""


class SupportsDecrypt(Protocol):
    """Decrypts what the same key encrypted."""

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Undo `encrypt`. Raises SignerError `decryption-failed` if anything was changed."""


class SupportsDigest(Protocol):
    """Computes digests where the key is."""

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """The hex digest of `data`."""


class SupportsHealth(Protocol):
    """Reports the state of each place that holds the key."""

    def health(self) -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
        """Each place as a JSON object, with the checks of the key's attributes there."""
