"""Key files that no usual tool writes: with any cost for the passphrase, and with several keys in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from asn1crypto import core, parser, pkcs12, tsp
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from nacl.secret import SecretBox

from attest._base.json import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

PLAIN = NoEncryption()
# asn1crypto reads timestamps only if this is imported before the first PKCS#12 file is read.
_ = tsp


def pkcs8(key: Any, encoding: Encoding = Encoding.PEM, passphrase: str | None = None) -> bytes:
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else PLAIN
    written: bytes = key.private_bytes(encoding, PrivateFormat.PKCS8, lock)
    return written


def openssh(key: Any, passphrase: str | None = None, rounds: int | None = None) -> bytes:
    """A key of OpenSSH, with another number of rounds than it was encrypted with."""
    lock: KeySerializationEncryption = PLAIN
    if passphrase:
        lock = PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(1).build(passphrase.encode())
    written: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock)
    if rounds is None:
        return written
    inner = base64.b64decode(b"".join(written.splitlines()[1:-1]))
    # After the salt: the rounds, and the number of keys.
    assert inner.count(b"\0\0\0\1\0\0\0\1") == 1
    return in_pem("OPENSSH PRIVATE KEY", inner.replace(b"\0\0\0\1\0\0\0\1", rounds.to_bytes(4, "big") + b"\0\0\0\1"))


def in_pem(label: str, data: bytes) -> bytes:
    text = base64.encodebytes(data)
    return f"-----BEGIN {label}-----\n".encode() + text + f"-----END {label}-----\n".encode()


def pbes2(iterations: int) -> bytes:
    """What looks like encrypted PKCS#8, whose key takes that many iterations of PBKDF2."""
    parameters = sequence(octets(b"salt" * 4), integer(iterations))
    return _pbes2(sequence(oid("1.2.840.113549.1.5.12"), parameters))


def scrypt(cost: int, block: int = 8, parallel: int = 1) -> bytes:
    """The same with scrypt."""
    parameters = sequence(octets(b"salt" * 4), integer(cost), integer(block), integer(parallel))
    return _pbes2(sequence(oid("1.3.6.1.4.1.11591.4.11"), parameters))


def pbes1(iterations: int) -> bytes:
    """The same with the key derivation of PKCS#12."""
    parameters = sequence(octets(b"saltsalt"), integer(iterations))
    return sequence(sequence(oid("1.2.840.113549.1.12.1.3"), parameters), octets(bytes(48)))


def _pbes2(derivation: bytes) -> bytes:
    cipher = sequence(oid("2.16.840.1.101.3.4.1.42"), octets(bytes(16)))
    algorithm = sequence(oid("1.2.840.113549.1.5.13"), sequence(derivation, cipher))
    return sequence(algorithm, octets(bytes(48)))


def sequence(*parts: bytes) -> bytes:
    return bytes(parser.emit(0, 1, 16, b"".join(parts)))


def integer(number: int) -> bytes:
    return bytes(core.Integer(number).dump())


def octets(data: bytes) -> bytes:
    return bytes(core.OctetString(data).dump())


def oid(text: str) -> bytes:
    return bytes(core.ObjectIdentifier(text).dump())


def pfx(key: Any, certificates: Sequence[Certificate] = (), passphrase: str | None = None) -> bytes:
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else PLAIN
    first, *others = certificates or (None,)
    return serialize_key_and_certificates(b"release", key, first, others or None, lock)


def pfx_with(data: bytes, *, mac_iterations: int | None = None, repeated: int = 1) -> bytes:
    """A PKCS#12 file with another cost of its MAC, or with its content several times."""
    found = pkcs12.Pfx.load(data)
    if mac_iterations is not None:
        found["mac_data"]["iterations"] = mac_iterations
    if repeated > 1:
        safe = pkcs12.AuthenticatedSafe.load(found["auth_safe"]["content"].native)
        again = pkcs12.AuthenticatedSafe([one for one in safe for _ in range(repeated)])
        found["auth_safe"]["content"] = again.dump(force=True)
    return bytes(found.dump(force=True))


def pfx_hiding(key: Any, hidden: Any, passphrase: str, *, mac: bool = True, hidden_first: bool = True) -> bytes:
    """A PKCS#12 file with a part that is encrypted and has another key in it, beside the one that can be seen.

    Without a `hidden` key, there is one whose passphrase would take 2,000,000,000 iterations. The `mac` is that of RFC
    9579, or none.
    """
    visible = pkcs12.Pfx.load(pfx(key, passphrase=passphrase))
    [part] = pkcs12.AuthenticatedSafe.load(visible["auth_safe"]["content"].native)
    if hidden is None:
        bag = sequence(oid("1.2.840.113549.1.12.10.1.2"), _explicit(pbes2(2_000_000_000)))
    else:
        bag = sequence(oid("1.2.840.113549.1.12.10.1.1"), _explicit(pkcs8(hidden, Encoding.DER)))
    salt, vector = b"saltsalt", bytes(16)
    parameters = sequence(octets(salt), integer(1), sequence(oid("1.2.840.113549.2.9"), b"\5\0"))
    scheme = sequence(
        sequence(oid("1.2.840.113549.1.5.12"), parameters), sequence(oid("2.16.840.1.101.3.4.1.42"), octets(vector))
    )
    text = sequence(bag)
    text += bytes([16 - len(text) % 16]) * (16 - len(text) % 16)
    lock = Cipher(AES(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 1, 32)), CBC(vector)).encryptor()
    content = sequence(
        oid("1.2.840.113549.1.7.1"),
        sequence(oid("1.2.840.113549.1.5.13"), scheme),
        bytes(parser.emit(2, 0, 0, lock.update(text) + lock.finalize())),
    )
    encrypted = sequence(oid("1.2.840.113549.1.7.6"), _explicit(sequence(integer(0), content)))
    parts = [encrypted, part.dump()]
    safe = sequence(*(parts if hidden_first else reversed(parts)))
    made = [integer(3), sequence(oid("1.2.840.113549.1.7.1"), _explicit(octets(safe)))]
    return sequence(*made, *([_pbmac1(safe, passphrase)] if mac else []))


def _pbmac1(data: bytes, passphrase: str) -> bytes:
    salt = b"another salt"
    key = hashlib.pbkdf2_hmac("sha512", passphrase.encode(), salt, 3, 20)
    prf, scheme = (sequence(oid(f"1.2.840.113549.2.{number}"), b"\5\0") for number in (11, 9))
    derivation = sequence(oid("1.2.840.113549.1.5.12"), sequence(octets(salt), integer(3), integer(20), prf))
    algorithm = sequence(oid("1.2.840.113549.1.5.14"), sequence(derivation, scheme))
    return sequence(sequence(algorithm, octets(hmac.digest(key, data, "sha256"))), octets(b"unused"))


def _explicit(data: bytes) -> bytes:
    return bytes(parser.emit(2, 1, 0, data))


def cosign(key: Any, passphrase: str, cost: int = 1 << 15, label: str = "ENCRYPTED SIGSTORE PRIVATE KEY") -> bytes:
    """A key file of cosign; with another cost than it takes, the passphrase does not open it."""
    salt, nonce = b"salt" * 8, b"nonce..." * 3
    box = SecretBox(Scrypt(salt, 32, min(cost, 1 << 15), 8, 1).derive(passphrase.encode()))
    sealed = box.encrypt(pkcs8(key, Encoding.DER), nonce).ciphertext
    document = {
        "kdf": {"name": "scrypt", "params": {"N": cost, "r": 8, "p": 1}, "salt": base64.b64encode(salt).decode()},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(sealed).decode(),
    }
    return in_pem(label, dumps(document))
