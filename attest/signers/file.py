"""`file:PATH[?algorithm=NAME][&with=URI]`: a private key in a file of any common form, or on standard input (`file:-`).

Rule: the file is read at the first use, and a key is never written over.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

from attest._base import files
from attest._base.filenames import meant_file
from attest.errors import InputError, SignerError
from attest.keys import Algorithm, algorithm_named
from attest.signers import _keyfiles, _software, _wrapping
from attest.signers._held import MAX_KEY, HeldSigner
from attest.signers._keyfiles.reading import MAX_PASSPHRASE, passphrase_fault
from attest.signers._secrets import SecretRequest, Secrets
from attest.signers._uri import SignerURI, percent_decode

if TYPE_CHECKING:
    from attest.keys import PublicKey
    from attest.signers._base import BaseSigner

EXAMPLE = "file:release.pem"
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]") if os.name == "nt" else re.compile(r"(?!)")


class FileSigner(HeldSigner):
    """A key in a file, or on standard input, which is read at its first use."""

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        super().__init__(uri, secrets)
        uri.expect_query({"algorithm", "with"})
        self._path = _path(uri)
        self.reads_stdin: bool = files.is_stdin(self._path)
        self.files: tuple[str, ...] = () if self.reads_stdin else (self._path,)

    def _read(self) -> _keyfiles.PrivateKeyFile:
        data = self._stdin() if self.reads_stdin else self._file()
        if "with" in self.uri.query:
            data = self._unwrapped(data)
        elif _wrapping.is_wrapped(data):
            hint = f"Name the key in the token that encrypted it: `{self.uri}?with=URI`."
            raise self._error("key-unreadable", "the key is encrypted by a token", hint)
        found = self._private_key(data, "-" if self.reads_stdin else self._path)
        if "with" not in self.uri.query and not self.reads_stdin:
            files.warn_if_open(self._path)
        return found

    def _file(self) -> bytes:
        try:
            return files.read(self._path, limit=MAX_KEY)
        except InputError as error:
            hint = error.hint if os.path.lexists(self._path) else self._hint()
            raise self._error("key-unreadable", error.message, hint) from None

    def _hint(self) -> str:
        """What to do if there is no such file."""
        return meant_file(self._path) or f"Check the path, or create a key: `attest key generate {self.uri}`."

    def _stdin(self) -> bytes:
        if sys.stdin is None or sys.stdin.isatty():
            hint = f"Send the key through a pipe: `COMMAND | attest ... {self.uri}`."
            raise self._error("key-unreadable", "standard input is a terminal, and has no key", hint)
        try:
            data = files.read_stream(sys.stdin.buffer, MAX_KEY)
        except (OSError, ValueError):
            data = b""
        if data is None:
            raise self._error("key-unreadable", f"standard input is longer than {MAX_KEY >> 10} KiB")
        if not data:
            hint = "It can be read only once: nothing else in the command may read it."
            raise self._error("key-unreadable", "standard input is empty", hint)
        return data

    def _unwrapped(self, data: bytes) -> bytes:
        from attest.signers import open_signer

        try:
            with open_signer(self.uri.query["with"], secrets=self._secrets) as wrapping:
                return _wrapping.unwrap(data, wrapping)
        except InputError as error:
            raise _software.as_signer_error(error, str(self.uri)) from None


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for a `file:` URI."""
    return FileSigner(uri, secrets)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key file that only its owner can read. `secret` encrypts the key.

    `algorithm` is by default that of the URI, or else Ed25519.
    """
    files.demand_new(_path(uri))  # before a passphrase is asked for, and an RSA key takes its time
    if callable(secret):
        secret = secret(SecretRequest.passphrase(_path(uri)))
    if secret is not None and (not secret or passphrase_fault(secret)):
        message = f"expected a passphrase of 1 to {MAX_PASSPHRASE:,} bytes in UTF-8, without NUL"
        raise SignerError("passphrase-missing", message, where=str(uri))
    uri = uri.for_algorithm(algorithm)
    signer = FileSigner(uri, lambda _: secret)
    if signer.reads_stdin:
        hint = "Name a file: `attest key generate file:release.pem`."
        raise SignerError("capability-missing", "no key can be generated on standard input", where=str(uri), hint=hint)
    made = algorithm_named(uri.query.get("algorithm", "ed25519")) if algorithm is None else algorithm
    pem = _software.to_pem(_software.generate(made), secret)
    files.write(_path(uri), pem, mode=0o600, overwrite=False)
    return signer


def private_pem(uri: SignerURI, secrets: Secrets | None) -> tuple[bytes, PublicKey]:
    """The PKCS#8 PEM of a key file, decrypted, and its public key: for wrapping, and nothing else."""
    signer = FileSigner(uri, secrets)
    return _software.to_pem(signer._open()[0].private), signer.public_key


def _path(uri: SignerURI) -> str:
    path = uri.path
    if path.startswith("//"):  # file:///absolute/path and file://localhost/absolute/path, RFC 8089
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise SignerError(
                "signer-uri-invalid", f"expected a file on this machine, found host {host!r}", where=str(uri)
            )
        path = slash + rest
        if _DRIVE.match(rest):  # file:///C:/release.pem, RFC 8089 appendix E.2
            path = rest
    return percent_decode(path, where=str(uri))
