"""Private keys that `cryptography` loads: PKCS#8, PKCS#1 and SEC1, and PKCS#8 that is encrypted.

Rule: the empty passphrase is not the same as none, and an RSA key is checked only if it is not too large.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from attest.keys.formats import MAX_RSA_BITS
from attest.signers._keyfiles import der
from attest.signers._keyfiles.reading import library_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.errors import SignerError
    from attest.signers._keyfiles.reading import Reading

# `cryptography` takes b"" for no passphrase. PBKDF2 and scrypt begin with HMAC, which fills a short key with zeros (RFC
# 2104 section 2), and the key derivation of PKCS#12 repeats the passphrase and the NUL behind it (RFC 7292 appendix
# B.2): so one NUL gives the same key as the empty passphrase. A NUL is in no passphrase that we accept.
_EMPTY: Final = b"\0"

# The DER of an Ed25519 key in PKCS#8 up to its 32 bytes (RFC 8410 section 7): version 0, no attributes, no public key.
_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")


def read(data: bytes, reading: Reading, *, pkcs8_only: bool = False) -> Any:
    """The private key in PKCS#8 (RFC 5208 and RFC 5958), PKCS#1 or SEC1, in DER. Raises SignerError."""
    if data.startswith(_ED25519) and len(data) == len(_ED25519) + 32:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        # Below it would be the same key, but with all modules for key files, SSH and bcrypt among them: 18 ms.
        with suppress(UnsupportedAlgorithm):
            return Ed25519PrivateKey.from_private_bytes(data[len(_ED25519) :])

    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        version, second, *others = der.Value.parse(data).items()
        is_pkcs8 = second.is_a(der.SEQUENCE)
        if pkcs8_only and not is_pkcs8:
            raise ValueError
        is_v2 = is_pkcs8 and version.number() == 1
        if is_pkcs8 and not others:
            raise ValueError
    except ValueError:
        raise _malformed(reading) from None
    if is_v2:
        return _read_v2(second.whole, others, reading)
    return _loaded(load_der_private_key, data, None, _malformed(reading), reading)


def decrypt(data: bytes, reading: Reading) -> Any:
    """The private key in encrypted PKCS#8, in DER, whose cost is known. Raises SignerError."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    passphrase = reading.passphrase()
    return _loaded(load_der_private_key, data, passphrase or _EMPTY, reading.wrong(passphrase), reading)


def read_traditional(pem: bytes, reading: Reading) -> Any:
    """The private key in PEM with Proc-Type and DEK-Info (RFC 1421), as OpenSSL wrote it. Raises SignerError."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    passphrase = reading.passphrase()
    if not passphrase:  # OpenSSL refuses to write such a file
        raise reading.wrong(passphrase)
    return _loaded(load_pem_private_key, pem, passphrase, reading.wrong(passphrase), reading)


def _read_v2(algorithm: bytes, others: list[der.Value], reading: Reading) -> Any:
    """PKCS#8 with the public key in it (RFC 5958), which `cryptography` does not read: read without, and compared."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

    public = next((other for other in others if (other.kind, other.tag) == (2, 1)), None)
    v1 = der.sequence(b"\x02\x01\x00", algorithm, others[0].whole)
    private = _loaded(load_der_private_key, v1, None, _malformed(reading), reading)
    if public is not None:
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        # [1] IMPLICIT BIT STRING: the same content as the BIT STRING of the SubjectPublicKeyInfo.
        if der.Value.parse(spki).items()[1].content != public.content:
            raise reading.unreadable("the public key in the file is not that of the private key")
    return private


def _checked(private: Any, reading: Reading) -> Any:
    """`private`, if it is an RSA key after a check of its numbers, which takes a minute for a very large key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(private, RSAPrivateKey):
        return private
    if private.key_size > MAX_RSA_BITS:
        message = f"the key has {private.key_size:,} bits, expected at most {MAX_RSA_BITS:,} for RSA"
        raise reading.unsupported(message)
    try:
        return private.private_numbers().private_key()
    except ValueError:
        raise reading.unreadable("the numbers of the RSA key contradict each other") from None


def _loaded(
    load: Callable[..., Any], data: bytes, passphrase: bytes | None, fault: SignerError, reading: Reading
) -> Any:
    """The key that a function of `cryptography` loads; `fault` if it cannot."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        private = load(data, passphrase, unsafe_skip_rsa_key_validation=True)  # `_checked` does it
    except UnsupportedAlgorithm:
        raise reading.unsupported("the type of the key, or its encryption, is not supported") from None
    except library_errors():
        raise fault from None
    return _checked(private, reading)


def _malformed(reading: Reading) -> SignerError:
    return reading.unreadable("the private key cannot be read: it is damaged, or has another form than it says")
