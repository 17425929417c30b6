"""Private keys in this process's memory, for the schemes that have them there.

Rule: what is written is always the modern form: PKCS#8, DER signatures, PSS salts as long as the digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest.envelope import Signature
from attest.errors import InputError, SignerError
from attest.keys import Algorithm, PublicKey
from attest.keys.checks import rsa_padding
from attest.keys.formats import ED25519_SPKI, NEW_RSA_BITS

if TYPE_CHECKING:
    from collections.abc import Callable


class SoftwareKey:
    """A private key that `cryptography` holds, pinned to one algorithm."""

    def __init__(self, private: Any, public_key: PublicKey) -> None:
        self.public_key = public_key
        self.private = private
        self._sign = _signing(private, public_key.algorithm)

    @classmethod
    def of(cls, private: Any, algorithm: str | None, *, simulated: bool = False, what: str = "the key") -> SoftwareKey:
        """Raises InputError as `PublicKey.parse` does."""
        public = PublicKey.parse(_spki(private), algorithm=algorithm, what=what)
        return cls(private, PublicKey(public.algorithm, public.spki, simulated=simulated))

    def sign(self, data: bytes) -> Signature:
        """The signature over `data`."""
        return Signature(self.public_key.keyid, self._sign(data))

    def __repr__(self) -> str:
        return f"SoftwareKey({self.public_key.keyid!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a private key cannot be pickled")


def generate(algorithm: Algorithm) -> Any:
    """A fresh private key for `algorithm`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match algorithm.family:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa":
            return ec.generate_private_key(curve(algorithm))
        case "ml-dsa":
            return mldsa_class(algorithm).generate()
    return rsa.generate_private_key(65537, NEW_RSA_BITS)


def curve(algorithm: Algorithm) -> Any:
    """The curve of an ECDSA algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return {"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1}[algorithm.parameter]()


def mldsa_class(algorithm: Algorithm) -> Any:
    """The private-key class of an ML-DSA algorithm."""
    from cryptography.hazmat.primitives.asymmetric import mldsa

    return getattr(mldsa, f"MLDSA{algorithm.parameter}PrivateKey")


def to_pem(private: Any, passphrase: str | None = None) -> bytes:
    """PKCS#8 PEM, encrypted if there is a passphrase."""
    from cryptography.hazmat.primitives import serialization

    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return private.private_bytes(  # type: ignore[no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _spki(private: Any) -> bytes:
    """The SubjectPublicKeyInfo of a private key, in DER."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = private.public_key()
    if isinstance(private, Ed25519PrivateKey):  # as in `_keyfiles.plain`, without the modules for key files
        return ED25519_SPKI + public.public_bytes_raw()  # type: ignore[no-any-return]
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]


def _signing(private: Any, algorithm: Algorithm) -> Callable[[bytes], bytes]:
    if algorithm.family == "ed25519":
        from attest.keys import libsodium

        return libsodium.signing(private)
    if algorithm.family == "ml-dsa":
        return private.sign  # type: ignore[no-any-return]
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = getattr(hashes, algorithm.digest.upper())()
    if algorithm.family == "ecdsa":
        scheme = ec.ECDSA(digest)
        return lambda data: private.sign(data, scheme)
    padding = rsa_padding(algorithm, for_signing=True)
    return lambda data: private.sign(data, padding, digest)


def as_signer_error(error: InputError, where: str) -> SignerError:
    """An InputError about the content of a key, as an error of the signer that holds it."""
    return SignerError(error.code, error.message, where=where, hint=error.hint)
