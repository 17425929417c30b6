"""How a key checks a signature: first its form, and with large data hashed once for all keys if possible.

Rule: the form and the cached digests only save work; only the library that checks a signature can accept it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.keys.formats import ED25519_SPKI

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.envelope import LargePae
    from attest.keys import Algorithm

    Digests = dict[str, bytes]  # of one piece of data, by the name of the hash
    Data = bytes | LargePae
    Accepts = Callable[[bytes, Data, Digests | None], bool]

# One try takes about as long as a check with Ed25519 or ECDSA P-256, or as a hash of this many bytes.
STEP: Final = 32 << 10
_LARGE: Final = 16 << 10  # below this size, a separate hash costs more than it saves
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_ML_DSA: Final = {"44": (2420, 2), "65": (3309, 3), "87": (4627, 4)}  # bytes of a signature, and tries


class Checker(NamedTuple):
    """How one key checks signatures.

    `accepts` returns whether the key made a signature over exactly some data; it uses and fills `digests` of the data,
    if given. `fits` returns whether a signature has the form of signatures by the key, at no cost. A check counts as
    `tries`, and with `hashes_all` as one more for each STEP of the data.
    """

    accepts: Accepts
    fits: Callable[[bytes], bool]
    tries: int
    hashes_all: bool


def checker(algorithm: Algorithm, spki: bytes) -> Checker:
    """The checker of a key."""
    return _FAMILIES[algorithm.family](algorithm, spki)


def rsa_padding(algorithm: Algorithm, *, for_signing: bool) -> Any:
    """The padding of an RSA algorithm: new PSS salts are as long as the digest, and a check accepts any length."""
    from cryptography.hazmat.primitives.asymmetric import padding

    if algorithm.family == "rsa-pkcs1v15":
        return padding.PKCS1v15()
    salt = padding.PSS.DIGEST_LENGTH if for_signing else padding.PSS.AUTO
    return padding.PSS(padding.MGF1(_hash(algorithm.digest)), salt)


def _hash(name: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    return getattr(hashes, name.upper())()


def _ed25519(algorithm: Algorithm, spki: bytes) -> Checker:
    from attest.keys import libsodium

    accepts = libsodium.verifying(spki[len(ED25519_SPKI) :])

    def fits(signature: bytes) -> bool:
        # RFC 8032, 5.1.7: a number that is not below the order is invalid, before anything is hashed.
        return len(signature) == 64 and int.from_bytes(signature[32:], "little") < _ED25519_ORDER

    return Checker(accepts, fits, tries=1, hashes_all=True)


def _ml_dsa(algorithm: Algorithm, spki: bytes) -> Checker:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key: Any = load_der_public_key(spki)
    size, tries = _ML_DSA[algorithm.parameter]

    def accepts(signature: bytes, data: Data, digests: Digests | None) -> bool:
        try:
            key.verify(signature, bytes(data))
        except (InvalidSignature, ValueError):
            return False
        return True

    return Checker(accepts, lambda signature: len(signature) == size, tries, hashes_all=True)


def _rsa(algorithm: Algorithm, spki: bytes) -> Checker:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key: Any = load_der_public_key(spki)
    size = (key.key_size + 7) // 8
    padding = rsa_padding(algorithm, for_signing=False)
    schemes = _Schemes(algorithm.digest)

    def accepts(signature: bytes, data: Data, digests: Digests | None) -> bool:
        if len(signature) != size:  # RFC 8017, 8.1.2 and 8.2.2; OpenSSL lets PSS without leading zeros pass
            return False
        scheme, hashed = schemes.of(data, digests)
        try:
            key.verify(signature, hashed, padding, scheme)
        except (InvalidSignature, ValueError):
            return False
        return True

    return Checker(accepts, lambda signature: len(signature) == size, 1 + (key.key_size >> 12) ** 2, hashes_all=False)


def _ecdsa(algorithm: Algorithm, spki: bytes) -> Checker:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key: Any = load_der_public_key(spki)
    size = (key.curve.key_size + 7) // 8
    schemes = _Schemes(algorithm.digest)
    plain, hashed = ec.ECDSA(schemes.plain), ec.ECDSA(schemes.hashed)

    def is_good(signature: bytes, data: bytes, scheme: Any) -> bool:
        try:
            key.verify(signature, data, scheme)
        except (InvalidSignature, ValueError):
            return False
        return True

    def accepts(signature: bytes, data: Data, digests: Digests | None) -> bool:
        is_der = _is_der(signature)
        # IEEE P1363: r || s, each as long as the field. Some tools write it, and so does the vector of the DSSE spec.
        is_pair = len(signature) == 2 * size
        if not is_der and not is_pair:
            return False
        hash_, hashed_data = schemes.of(data, digests)
        scheme = plain if hash_ is schemes.plain else hashed
        if is_der and is_good(signature, hashed_data, scheme):
            return True
        if not is_pair:
            return False
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        return is_good(encode_dss_signature(r, s), hashed_data, scheme)

    def fits(signature: bytes) -> bool:
        return len(signature) == 2 * size or (_is_der(signature) and len(signature) <= 2 * size + 8)

    return Checker(accepts, fits, 1 if size <= 32 else 5, hashes_all=False)


def _is_der(signature: bytes) -> bool:
    """Whether it can be the DER of an ECDSA signature: a SEQUENCE of all that follows, which begins with an INTEGER."""
    return 8 <= len(signature) < 130 and signature[0] == 0x30 and signature[1] == len(signature) - 2


class _Schemes:
    """A hash as the library takes it: with the data, or with the digest of data that is large."""

    def __init__(self, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        self._name = name
        self.plain = _hash(name)
        self.hashed = Prehashed(self.plain)

    def of(self, data: Data, digests: Digests | None) -> tuple[Any, bytes]:
        """The scheme for this data, and the data or digest to check with it."""
        if digests is None or len(data) <= _LARGE:
            return self.plain, bytes(data)
        digest = digests.get(self._name)
        if digest is None:
            digest = hashlib.new(self._name, data).digest() if isinstance(data, bytes) else data.digest(self._name)
            digests[self._name] = digest
        return self.hashed, digest


_FAMILIES: Final[Mapping[str, Callable[[Algorithm, bytes], Checker]]] = {
    "ed25519": _ed25519,
    "ecdsa": _ecdsa,
    "rsassa-pss": _rsa,
    "rsa-pkcs1v15": _rsa,
    "ml-dsa": _ml_dsa,
}
