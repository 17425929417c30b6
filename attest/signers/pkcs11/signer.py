"""`pkcs11:...`: keys in tokens, by RFC 7512 URIs, through pools, reconnects and failover.

Rule: if the key is not available, that is an error; no other key ever signs instead.
"""

from __future__ import annotations

import os
import threading
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from attest._base import notices
from attest.digest import COMMON
from attest.envelope import Signature
from attest.errors import Rejected, SignerError
from attest.keys import AES_ALGORITHMS, algorithm_named
from attest.signers._base import BaseSigner
from attest.signers._secrets import announce
from attest.signers.pkcs11 import settings
from attest.signers.pkcs11.cryptoki import forks
from attest.signers.pkcs11.tokens.pins import PinSource
from attest.signers.pkcs11.uri import Pkcs11URI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.keys import Algorithm, PublicKey
    from attest.signers._protocol import AttributeCheck, KeyHealth
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI
    from attest.signers.pkcs11.failover.group import FailoverGroup
    from attest.signers.pkcs11.failover.member import GroupMember
    from attest.signers.pkcs11.tokens.token import TokenConnection

_RSA_DEFAULT: Final = "rsassa-pss-sha256"  # of PublicKey.parse, without an algorithm
_GENERATING: Final = 120.0  # seconds: a token takes long to generate an RSA key


class Pkcs11Signer(BaseSigner):
    """A key in a token, or the same key in several; connects at its first use."""

    asks = True

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        super().__init__(uri)
        first = Pkcs11URI.parse(uri.text)
        self._uris = [first, *(Pkcs11URI.parse(text) for text in first.query.get("failover", "").split())]
        self._is_cipher = first.type == "secret-key"
        self.secrets = secrets
        self._policy = settings.policy(first)
        self._prefer = settings.prefer(first)
        self._timeout = settings.timeout(first)
        self._lock = threading.Lock()
        self._group: FailoverGroup | None = None
        self._connections: list[TokenConnection] = []
        self._process = os.getpid()
        self.files: tuple[str, ...] = tuple(
            uri.public_key_file for uri in self._uris if uri.public_key_file is not None
        )
        for member in self._uris:
            settings.check(member)
            for name in member.ignored:
                notices.warn(f"{member}: vendor attribute {name!r} is ignored")
            if member.pin_file is None:
                announce(secrets, str(member))

    @property
    def public_key(self) -> PublicKey:
        """The key in the token, pinned from the first connection on.

        Raises SignerError: `module-not-found`, `module-invalid`, `module-failed`, `token-not-found`, `token-ambiguous`,
        `pin-missing`, `pin-wrong`, `pin-locked`, `pin-expired`, `login-failed`, `key-not-found`, `key-ambiguous`,
        `key-not-allowed`, `key-unsupported`, `key-unreadable`, `key-mismatch`, `mechanism-missing`, `token-busy`,
        `token-lost`, `token-timeout` or `token-refused`.
        """
        if self._is_cipher:
            self._lacks("sign")
        return self._connected().public_key

    def check(self) -> None:
        """Connect, and check the key in every token. Raises SignerError as `public_key` does."""
        self._connected().perform(lambda _: None)

    def shown_public_key(self) -> PublicKey | None:
        """The public key that the first token shows without a PIN, as everyone can read and perhaps write it.

        None if it shows none, or several. Raises SignerError.
        """
        from attest.signers.pkcs11.cryptoki.calls import Deadline
        from attest.signers.pkcs11.keys.showing import shown_key
        from attest.signers.pkcs11.tokens.connections import acquire, release

        self._demand_open()
        if self._is_cipher or self._uris[0].public_key_file is not None:
            return None
        connection = acquire(self._uris[0])
        try:
            return shown_key(self._uris[0], connection, Deadline(self._timeout))
        finally:
            release([connection], self._timeout)

    @property
    def capabilities(self) -> frozenset[str]:
        """A key pair signs and verifies; a secret key, named with `type=secret-key`, encrypts and decrypts."""
        return frozenset({"encrypt", "decrypt", "digest"} if self._is_cipher else {"sign", "verify", "digest"})

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature in the token (C_Verify). Raises Rejected `signature-invalid`, or SignerError as `sign`."""
        if self._is_cipher:
            self._lacks("verify")
        if not self._connected().perform(lambda member: member.verify(signature, data)):
            raise Rejected(
                "signature-invalid", "the token reports that its key did not make the signature", where=str(self.uri)
            )

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Nonce, ciphertext and tag of AES-GCM in the token. Raises SignerError."""
        return self._cipher("encrypt", lambda member: member.encrypt(data, associated))  # type: ignore[no-any-return]

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Undo `encrypt`. Raises SignerError `decryption-failed` if anything was changed."""
        return self._cipher("decrypt", lambda member: member.decrypt(data, associated))  # type: ignore[no-any-return]

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """A hex digest that the token computes. Raises SignerError `mechanism-missing` if it cannot."""
        if algorithm not in COMMON:
            message = f"expected a digest algorithm from {', '.join(COMMON)}, found {algorithm!r}"
            raise SignerError("mechanism-missing", message, where=str(self.uri))
        digest: str = self._connected().perform(lambda member: member.digest(data, algorithm))
        return digest

    def _cipher(self, capability: str, act: Callable[[Any], Any]) -> Any:
        if not self._is_cipher:
            self._lacks(capability)
        return self._connected().perform(act)

    def sign(self, data: bytes) -> Signature:
        """Sign in a token; the signature was verified with the public key. Raises SignerError as `public_key` does."""
        if self._is_cipher:
            self._lacks("sign")
        group = self._connected()
        signature = group.sign(data)
        return Signature(group.public_key.keyid, signature)

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        """Sign each of `data` in a token, which makes the next signatures while the last ones are verified here."""
        if len(data) < 2:
            return super().sign_many(data)
        from attest.signers.pkcs11.failover.chunks import sign_many

        if self._is_cipher:
            self._lacks("sign")
        try:
            group = self._connected()
            keyid = group.public_key.keyid
        except SignerError as error:
            return [copy(error) for _ in data]
        made = sign_many(group, data)
        return [one if isinstance(one, SignerError) else Signature(keyid, one) for one in made]

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """The state of each token that holds the key, and its attributes there; connects nothing."""
        return [(member.health(), member.checks) for member in (self._group.members if self._group else ())]

    def settle(self) -> None:
        """Connect every token of the group, and wait until each of them is connected or has failed.

        Raises SignerError as `public_key` does, also if a token holds another key than the others.
        """
        self._connected().settle()

    @property
    def failovers(self) -> int:
        """How often a member could not sign and another one was used."""
        return self._group.failovers if self._group else 0

    def close(self) -> None:
        """Wait for operations in progress, and release the tokens."""
        with forks.gate.held(), self._lock:
            self.closed = True
            group, self._group = self._group, None
            connections, self._connections = self._connections, []
        if group is not None and self._process == os.getpid():
            from attest.signers.pkcs11.tokens.connections import release

            group.close()
            release(connections, self._timeout)

    def _connected(self) -> FailoverGroup:
        group = self._group
        if group is not None and self._process == os.getpid():
            return group
        with forks.gate.held(), self._lock:
            self._demand_open()
            if self._group is None or self._process != os.getpid():
                # A child of fork starts anew: sessions and threads are not inherited.
                self._process = os.getpid()
                self._connections = []
                self._group = self._make_group()
            return self._group

    def _make_group(self) -> FailoverGroup:
        from attest.signers.pkcs11.failover.group import FailoverGroup
        from attest.signers.pkcs11.tokens.connections import acquire

        kind: type[GroupMember]
        if self._is_cipher:
            from attest.signers.pkcs11.failover.cipher import CipherMember

            kind = CipherMember
        else:
            from attest.signers.pkcs11.failover.signing_member import SigningMember

            kind = SigningMember
        group = FailoverGroup([], prefer=self._prefer, timeout=self._timeout, waits=self.waits)  # type: ignore[arg-type]
        for uri in self._uris:
            connection = acquire(uri)
            self._connections.append(connection)
            group.members.append(
                kind(
                    uri,
                    connection,
                    PinSource(uri, self.secrets),
                    algorithm=uri.query.get("x-algorithm"),
                    policy=settings.policy(uri, self._policy),
                    timeout=self._timeout,
                    group=group,
                )
            )
        return group


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Generate a key pair in the token; the default is ECDSA P-256. `secret` is or returns the PIN if no file has it.

    The private key is sensitive, not extractable, and can only sign. Raises SignerError, also `key-exists`.
    """
    from attest.signers.pkcs11.tokens.connections import acquire, release

    parsed = Pkcs11URI.parse(uri.text)
    settings.check(parsed)
    if parsed.object is None and parsed.id is None:
        raise settings.wrong(parsed, "a new key requires a name: object= or id=")
    chosen = _algorithm(parsed, algorithm)
    label, identifier = parsed.object, parsed.id or os.urandom(8)
    signer = Pkcs11Signer(_naming(uri, parsed, chosen), secret if callable(secret) else lambda _: secret)
    demand, make = _steps(chosen, label, identifier)
    timeout = settings.timeout(parsed)
    connection = acquire(parsed)
    try:
        connection.change(PinSource(parsed, signer.secrets), demand, make, timeout=timeout, longer=_GENERATING)
        _demand_usable(signer, label, identifier)
    except SignerError as error:
        signer.close()
        raise error if error.where else error.at(str(uri)) from None
    finally:
        release([connection], timeout)
    return signer


def _algorithm(uri: Pkcs11URI, algorithm: Algorithm | None) -> Algorithm | int:
    """The algorithm of a new key pair, or the number of bits of a new secret key."""
    named = uri.query.get("x-algorithm")
    if uri.type == "secret-key":
        if named not in (None, *AES_ALGORITHMS):
            raise settings.wrong(uri, f"expected one of {', '.join(AES_ALGORITHMS)} for x-algorithm, found {named!r}")
        return AES_ALGORITHMS[named or "HSM-AES-256-GCM"]
    if algorithm is None:
        return algorithm_named(named or "ecdsa-sha2-nistp256")
    if named is not None and algorithm_named(named) != algorithm:
        raise settings.wrong(uri, f"expected algorithm {algorithm.name}, found x-algorithm={named}")
    return algorithm


def _naming(uri: SignerURI, parsed: Pkcs11URI, chosen: Algorithm | int) -> SignerURI:
    """The URI with `x-algorithm`, where the type of the key alone would lead to another algorithm."""
    if isinstance(chosen, int) or not chosen.family.startswith("rsa") or "x-algorithm" in parsed.query:
        return uri
    if chosen.name == _RSA_DEFAULT:
        return uri
    _, mark, query = uri.text.partition("?")
    separator = "&" if query else "" if mark else "?"
    return type(uri).parse(f"{uri.text}{separator}x-algorithm={chosen.name}")


def _steps(
    chosen: Algorithm | int, label: str | None, identifier: bytes
) -> tuple[Callable[[Any], None], Callable[[Any], None]]:
    """What must be true before the requested key is generated, and its generation; each takes a session."""
    from attest.signers.pkcs11.keys import generation

    if isinstance(chosen, int):
        return (
            lambda session: generation.demand_secret_key(session, label, identifier),
            lambda session: generation.make_secret_key(session, chosen, label, identifier),
        )
    return (
        lambda session: generation.demand_key_pair(session, chosen, label, identifier),
        lambda session: generation.make_key_pair(session, chosen, label, identifier),
    )


def _demand_usable(signer: Pkcs11Signer, label: str | None, identifier: bytes) -> None:
    """Use the new key once. Raises SignerError, which names the key, because it is in the token now."""
    try:
        signer.check()
    except SignerError as error:
        name = Pkcs11URI("", object=label, id=identifier).describe_object()
        message = f"{error.message}; the token has the new key with {name}"
        raise SignerError(error.code, message, where=error.where, hint=error.hint) from None
