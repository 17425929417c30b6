"""`file:PATH[?algorithm=NAME][&with=URI]`: a private key in a PKCS#8 file, encrypted or not, or wrapped by a token.

Rule: the file is read at the first use, and a key is never written over.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from attest._base import files
from attest.errors import InputError, SignerError
from attest.keys import ALGORITHMS, Algorithm, PublicKey
from attest.signers import _software, _wrapping
from attest.signers._base import BaseSigner
from attest.signers._secrets import SecretRequest, Secrets
from attest.signers._uri import SignerURI, percent_decode

if TYPE_CHECKING:
    from attest.envelope import Signature

EXAMPLE = "file:release.pem"

_MAX_KEY_FILE = 64 << 10
_MAX_PASSPHRASE = 1023  # what OpenSSL takes


class FileSigner(BaseSigner):
    """A key file, opened at its first use."""

    asks = True

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        super().__init__(uri)
        uri.expect_query({"algorithm", "with"})
        self._path = _path(uri)
        self.files = (self._path,)
        self._secrets = secrets
        self._lock = threading.Lock()
        self._opened: _software.SoftwareKey | None = None

    @property
    def public_key(self) -> PublicKey:
        """The public key. Raises SignerError `key-unreadable`, `passphrase-missing` or `passphrase-wrong`.

        It also raises SignerError with the codes of InputError in `PublicKey.parse`.
        """
        return self._key.public_key

    def sign(self, data: bytes) -> Signature:
        """Sign `data`; raises SignerError as `public_key` does."""
        return self._key.sign(data)

    def close(self) -> None:
        """Forget the key."""
        super().close()
        self._opened = None

    @property
    def _key(self) -> _software.SoftwareKey:
        # One thread at a time: the callback is called for a passphrase only once.
        with self._lock:
            self._demand_open()
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> _software.SoftwareKey:
        where = str(self.uri)
        try:
            data = files.read(self._path, limit=_MAX_KEY_FILE)
        except InputError as error:
            raise SignerError(
                "key-unreadable",
                error.message,
                where=where,
                hint=None if os.path.lexists(self._path) else f"Create a key: `attest key generate {where}`.",
            ) from None
        if "with" in self.uri.query:
            data = self._unwrapped(data)
        elif _wrapping.is_wrapped(data):
            hint = f"Name the key in the token that encrypted it: `{where}?with=URI`."
            raise SignerError("key-unreadable", "the key is encrypted by a token", where=where, hint=hint)
        private = _software.from_pem(data, self._passphrase, where=where)
        if "with" not in self.uri.query:
            files.warn_if_open(self._path)
        try:
            return _software.SoftwareKey.of(private, self.uri.query.get("algorithm"))
        except InputError as error:
            raise _software.as_signer_error(error, where) from None

    def _unwrapped(self, data: bytes) -> bytes:
        from attest.signers import open_signer

        try:
            with open_signer(self.uri.query["with"], secrets=self._secrets) as wrapping:
                return _wrapping.unwrap(data, wrapping)
        except InputError as error:
            raise _software.as_signer_error(error, str(self.uri)) from None

    def _passphrase(self) -> str | None:
        return self._secrets(SecretRequest.passphrase(self._path)) if self._secrets else None


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for a `file:` URI."""
    return FileSigner(uri, secrets)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key file that only its owner can read. The default is Ed25519; `secret` encrypts the key."""
    if callable(secret):
        secret = secret(SecretRequest.passphrase(_path(uri)))
    if secret is not None and not _is_passphrase(secret):
        message = f"expected a passphrase of 1 to {_MAX_PASSPHRASE:,} bytes"
        raise SignerError("passphrase-missing", message, where=str(uri))
    signer = FileSigner(uri, lambda _: secret)
    made = algorithm or ALGORITHMS["ed25519"]
    pem = _software.to_pem(_software.generate(made), secret)
    files.write(_path(uri), pem, mode=0o600, overwrite=False)
    return signer


def private_pem(uri: SignerURI, secrets: Secrets | None) -> tuple[bytes, PublicKey]:
    """The PKCS#8 PEM of a key file, decrypted, and its public key: for wrapping, and nothing else."""
    signer = FileSigner(uri, secrets)
    return _software.to_pem(signer._open().private), signer.public_key


def _is_passphrase(secret: str) -> bool:
    try:
        return 0 < len(secret.encode()) <= _MAX_PASSPHRASE
    except UnicodeEncodeError:
        return False


def _path(uri: SignerURI) -> str:
    path = uri.path
    if path.startswith("//"):  # file:///absolute/path and file://localhost/absolute/path, RFC 8089
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise SignerError(
                "signer-uri-invalid", f"expected a file on this machine, found host {host!r}", where=str(uri)
            )
        path = slash + rest
    return percent_decode(path, where=str(uri))
