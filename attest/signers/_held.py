"""Signers whose private key is read from somewhere, and then held in the memory of this process.

Rule: the key is read once, at the first use, and its passphrase is requested at most once.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from attest._base.threads import ForkLock
from attest.errors import InputError
from attest.signers import _keyfiles, _software
from attest.signers._base import BaseSigner
from attest.signers._secrets import SecretRequest

if TYPE_CHECKING:
    from attest.envelope import Signature
    from attest.keys import PublicKey
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

MAX_KEY: int = 64 << 10  # bytes


class HeldSigner(BaseSigner):
    """A key that is read at its first use. A scheme defines `_read`."""

    asks = True

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        super().__init__(uri)
        uri.algorithm()  # a wrong one is a wrong command line, before the key is read
        self._secrets = secrets
        self._lock = ForkLock()
        self._opened: tuple[_software.SoftwareKey, tuple[bytes, ...]] | None = None

    @property
    def public_key(self) -> PublicKey:
        """The public key. Raises SignerError `key-unreadable`, `passphrase-missing` or `passphrase-wrong`.

        It also raises SignerError with the codes of InputError in `PublicKey.parse`.
        """
        return self._open()[0].public_key

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The X.509 certificates (DER) beside the key: its own first, then those above it; () if there is none for it.

        Raises SignerError as `public_key` does.
        """
        return self._open()[1]

    def sign(self, data: bytes) -> Signature:
        """Sign `data`; raises SignerError as `public_key` does."""
        return self._open()[0].sign(data)

    def close(self) -> None:
        """Forget the key."""
        super().close()
        self._opened = None

    @abstractmethod
    def _read(self) -> _keyfiles.PrivateKeyFile:
        """The private key and its certificates. Raises SignerError."""

    def _open(self) -> tuple[_software.SoftwareKey, tuple[bytes, ...]]:
        self._demand_open()
        opened = self._opened
        if opened is not None:  # as nearly always, and a lock costs something
            return opened
        with self._lock:
            self._demand_open()
            if self._opened is None:
                found = self._read()
                try:
                    key = _software.SoftwareKey.of(found.private, self.uri.query.get("algorithm"))
                except InputError as error:
                    raise _software.as_signer_error(error, str(self.uri)) from None
                self._opened = key, found.certificates
            return self._opened

    def _private_key(self, data: bytes, name: str) -> _keyfiles.PrivateKeyFile:
        """The key in `data`; `name` is what a request for its passphrase shows. Raises as `_read`."""
        request = SecretRequest.passphrase(name, cosign=_keyfiles.is_cosign(data))
        ask = self._secrets or (lambda _: None)
        return _keyfiles.read(data, lambda: ask(request), where=str(self.uri))
