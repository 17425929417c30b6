"""A public key as OpenSSH encodes it (RFC 4253 section 6.6), and the fields that this encoding is made of.

Rule: one key has one encoding; a wrong length, a number with needless zeros, and bytes left over are refused.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final

from attest._base.json import b64encode
from attest.errors import InputError
from attest.keys.formats import ED25519_SPKI, MAX_RSA_BITS

# The DER of an EC SubjectPublicKeyInfo up to its point (RFC 5480 section 2), by the curve's name in OpenSSH.
EC_SPKI: Final = {
    "nistp256": (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), 65),
    "nistp384": (bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"), 97),
}
_EC: Final = {f"ecdsa-sha2-{curve}".encode(): curve for curve in EC_SPKI}


class Fields:
    """Reads fields (RFC 4251 section 5) one after another. Every method raises ValueError for what is not there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("the data ends too early")
        self._at += size
        return taken

    def number(self) -> int:
        """A uint32."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A string: its length, and so many bytes."""
        return self.take(self.number())

    def positive(self, bits: int) -> int:
        """An mpint that is above zero, in its shortest form, and has at most `bits` bits."""
        data = self.string()
        # The first bit is the sign: one zero byte comes first exactly if the next byte has its first bit set.
        if not data or data[0] & 0x80 or (data[0] == 0 and (len(data) == 1 or not data[1] & 0x80)):
            raise ValueError("not a positive number in its shortest form")
        if len(data) > bits // 8 + 1:
            raise ValueError("the number is too large")
        return int.from_bytes(data, "big")

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise ValueError("there are bytes left over")


def string(data: bytes) -> bytes:
    """`data` as a string (RFC 4251 section 5)."""
    return struct.pack(">I", len(data)) + data


def spki_of(blob: bytes, what: str) -> bytes:
    """The DER SubjectPublicKeyInfo of a key as OpenSSH encodes it.

    Raises InputError `key-invalid`, or `key-unsupported` for certificates, FIDO keys and types that attest lacks.
    """
    try:
        return _spki(Fields(blob), what)
    except ValueError as error:
        raise InputError("key-invalid", f"{what} is not an OpenSSH public key: {error}") from None


def type_of(blob: bytes) -> str:
    """The type that an encoded key begins with. Raises ValueError."""
    return Fields(blob).string().decode("ascii")


def fingerprint(blob: bytes) -> str:
    """What `ssh-keygen -l` and `ssh-add -l` print for an encoded key."""
    return f"SHA256:{b64encode(hashlib.sha256(blob).digest()).rstrip('=')}"


def blob_of(spki: bytes) -> bytes:
    """A DER SubjectPublicKeyInfo that was read, as OpenSSH encodes the key. Raises ValueError for ML-DSA."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if spki.startswith(ED25519_SPKI):
        return string(b"ssh-ed25519") + string(spki[len(ED25519_SPKI) :])
    for curve, (prefix, _) in EC_SPKI.items():
        if spki.startswith(prefix):
            return string(b"ecdsa-sha2-" + curve.encode()) + string(curve.encode()) + string(spki[len(prefix) :])
    key = load_der_public_key(spki)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("OpenSSH has no such keys")
    numbers = key.public_numbers()
    return string(b"ssh-rsa") + _mpint(numbers.e) + _mpint(numbers.n)


def rsa_spki(n: int, e: int) -> bytes:
    """The DER SubjectPublicKeyInfo of an RSA key. Raises ValueError for numbers that no RSA key has."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key: Any = RSAPublicNumbers(e, n).public_key()
    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made


def _mpint(value: int) -> bytes:
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _spki(fields: Fields, what: str) -> bytes:
    name = fields.string()
    if name == b"ssh-ed25519":
        key = fields.string()
        fields.end()
        if len(key) != 32:
            raise ValueError("an Ed25519 key has 32 bytes")
        return ED25519_SPKI + key
    if name in _EC:
        curve, point = fields.string(), fields.string()
        fields.end()
        prefix, size = EC_SPKI[_EC[name]]
        if curve != _EC[name].encode() or len(point) != size or point[0] != 4:
            raise ValueError("the curve or the point does not fit the type")
        return prefix + point
    if name == b"ssh-rsa":
        # Larger than any key that is used: whether it is too large is decided where it is for every format.
        e, n = fields.positive(4 * MAX_RSA_BITS), fields.positive(4 * MAX_RSA_BITS)
        fields.end()
        return rsa_spki(n, e)
    raise InputError("key-unsupported", f"the type of {what} is not supported: {_shown(name)}", hint=_hint(name))


def _shown(name: bytes) -> str:
    text = name[:64].decode("ascii", "replace")
    return text if text.isprintable() else repr(text)


def _hint(name: bytes) -> str | None:
    if b"-cert-v" in name:
        return "Give the key itself, not its certificate: the file without `-cert` in its name."
    if name.startswith(b"sk-"):
        return "A security key (FIDO) adds its own data to what it signs. Use an ed25519, ecdsa or rsa key."
    return None
