"""The algorithms of Google Cloud KMS that are supported, and what they sign.

Rule: a version has one algorithm, which is Google's to say; nothing here chooses one for an existing key.
"""

from __future__ import annotations

from hashlib import new
from typing import TYPE_CHECKING, Final

from attest.errors import InputError
from attest.keys import ALGORITHMS, Algorithm
from attest.keys.formats import ML_DSA_SPKI
from attest.signers._kms import message_representative

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import PublicKey

# The algorithms of a version that are supported: by Google's names, our names.
SUPPORTED: Final[Mapping[str, str]] = {
    "EC_SIGN_P256_SHA256": "ecdsa-sha2-nistp256",
    "EC_SIGN_P384_SHA384": "ecdsa-sha2-nistp384",
    "EC_SIGN_ED25519": "ed25519",
    **{
        f"RSA_SIGN_{padding}_{sizes}": f"{family}-sha{sizes[-3:]}"
        for padding, family in (("PSS", "rsassa-pss"), ("PKCS1", "rsa-pkcs1v15"))
        for sizes in ("3072_SHA256", "2048_SHA256", "4096_SHA256", "4096_SHA512")
    },
    **{f"PQ_SIGN_ML_DSA_{size}{mu}": f"ml-dsa-{size}" for mu in ("", "_EXTERNAL_MU") for size in (44, 65, 87)},
}
# What a new key gets: the first of each.
NEW: Final[Mapping[str, str]] = {ours: theirs for theirs, ours in reversed(list(SUPPORTED.items()))}


def algorithm_of(name: str) -> Algorithm:
    """Our algorithm for one of SUPPORTED."""
    return ALGORITHMS[SUPPORTED[name]]


def to_sign(name: str, key: PublicKey, data: bytes) -> tuple[str, bytes]:
    """The field of `Digest` and its value for a signature over `data`; an empty field if the data itself is sent."""
    if name.endswith("_EXTERNAL_MU"):
        return "external_mu", message_representative(key, data)
    digest = key.algorithm.digest
    return (digest, new(digest, data).digest()) if digest else ("", data)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli; RFC 3720, section 12.1), the checksum of this API."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def mldsa_spki(algorithm: Algorithm, raw: bytes) -> bytes:
    """The SubjectPublicKeyInfo (DER) of the public key of FIPS 204. Raises InputError `key-invalid`."""
    prefix, size = ML_DSA_SPKI[algorithm.name]
    if len(raw) != size:
        raise InputError("key-invalid", f"expected a public key for {algorithm.name}, found {len(raw):,} bytes")
    return prefix + raw


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC: Final = [_crc_of(byte) for byte in range(256)]
