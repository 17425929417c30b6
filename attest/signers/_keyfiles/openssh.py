"""Private keys of OpenSSH (`openssh-key-v1`), encrypted or not.

Rule: the rounds of bcrypt are counted before the passphrase is requested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.keys.openssh import Fields
from attest.signers._keyfiles import costs
from attest.signers._keyfiles.reading import library_errors

if TYPE_CHECKING:
    from attest.signers._keyfiles.reading import Reading

_MAGIC: Final = b"openssh-key-v1\0"
_MAX_BYTES: Final = 4096  # RSA with 4,096 bits takes 2,500; the library checks larger ones too, which takes long
_CIPHERS: Final = ("aes256-ctr", "aes256-cbc", "aes256-gcm@openssh.com")  # those of cryptography


def read(data: bytes, reading: Reading) -> Any:
    """The private key in the bytes of the PEM block. Raises SignerError as `_keyfiles.read`."""
    if len(data) > _MAX_BYTES:
        raise reading.unsupported(f"the key has {len(data):,} bytes, expected at most {_MAX_BYTES:,} for OpenSSH")
    try:
        cipher, rounds, keys = _header(data)
    except ValueError:
        raise reading.unreadable("the key of OpenSSH cannot be read") from None
    if keys != 1:
        raise reading.unreadable(f"it contains {keys:,} private keys, expected one")
    passphrase = None
    if rounds is not None:
        if cipher not in _CIPHERS:
            hint = "Write a copy with another cipher: `cp FILE COPY`, then `ssh-keygen -p -Z aes256-ctr -f COPY`."
            raise reading.unsupported("the cipher of the key is not supported", hint)
        costs.demand_rounds(rounds, reading)
        passphrase = reading.passphrase()
        if not passphrase:  # which bcrypt does not take: for OpenSSH it means that the key is not encrypted
            raise reading.wrong(passphrase)
    return _load(data, passphrase, reading)


def _header(data: bytes) -> tuple[str, int | None, int]:
    """The cipher, the rounds of bcrypt (None if the key is not encrypted), and the number of keys."""
    fields = Fields(data)
    if fields.take(len(_MAGIC)) != _MAGIC:
        raise ValueError
    cipher, kdf, options = fields.string(), fields.string(), fields.string()
    keys = fields.number()
    if (cipher, kdf, options) == (b"none", b"none", b""):
        return "none", None, keys
    if kdf != b"bcrypt":
        raise ValueError
    parameters = Fields(options)
    parameters.string()  # the salt
    rounds = parameters.number()
    parameters.end()
    return cipher.decode("ascii"), rounds, keys


def _load(data: bytes, passphrase: bytes | None, reading: Reading) -> Any:
    from base64 import encodebytes

    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    pem = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + encodebytes(data) + b"-----END OPENSSH PRIVATE KEY-----\n"
    try:
        return load_ssh_private_key(pem, passphrase)
    except UnsupportedAlgorithm:
        raise reading.unsupported("the type of the key is not supported") from None
    except library_errors():
        if passphrase is not None:
            raise reading.wrong(passphrase) from None
        raise reading.unreadable("the key of OpenSSH cannot be read") from None
