"""What a signer is: three members that every signer has, and protocols for what some can do besides.

Rule: a class signs because of what it has, and needs nothing of this package above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NotRequired, Protocol, TypedDict

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


class KeyHealth(TypedDict):
    """The state of one place that holds the key, such as a token, as JSON.

    token: the place in words.
    state: `up` if it can sign there; docs/sign/hsm-production.md lists the others.
    reason: why it cannot sign there, or None.
    sessions, connections: how many are open now, and how often it has connected.
    errors: how often each error code occurred.
    warnings: sentences for a person.

    A token also has the URI of the key, the time of its last signature in milliseconds, the number of callers that
    `waiting` counts because they wait for a session, and the calls and copies of its module that hang.
    """

    token: str
    state: str
    reason: str | None
    sessions: int
    connections: int
    errors: dict[str, int]
    warnings: list[str]
    uri: NotRequired[str]
    milliseconds: NotRequired[float | None]
    waiting: NotRequired[int]
    abandoned_calls: NotRequired[int]
    abandoned_instances: NotRequired[int]


class AttributeCheck(NamedTuple):
    """One attribute of a private key: its value (None if the token does not report it) and the required value."""

    name: str
    value: bool | None
    wanted: bool

    @property
    def good(self) -> bool:
        """Whether the attribute has the required value."""
        return self.value is self.wanted


class SupportsHealth(Protocol):
    """Reports the state of each place that holds the key."""

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """Each place, with the checks of the key's attributes there. Connects nothing."""
