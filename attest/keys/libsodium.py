"""Ed25519 (RFC 8032) by libsodium, which is twice as fast as OpenSSL, through the module that PyNaCl is built on.

Rule: the result of libsodium alone decides, and where the module does not exist a documented function does the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.envelope import LargePae

_SIGNATURE: Final = 64
_KEY: Final = 32
_LARGE: Final = 8 << 10  # above this OpenSSL signs faster, because it hashes faster


def verifying(key: bytes) -> Callable[[bytes, bytes | LargePae, Any], bool]:
    """What says whether a public key made a signature (the first argument) over data (the second)."""
    found = _module()
    if found is None:
        return _verifying_by_bindings(key)
    ffi, lib = found
    check: Callable[..., int] = lib.crypto_sign_open
    nothing, fits = ffi.NULL, len(key) == _KEY

    def accepts(signature: bytes, data: bytes | LargePae, digests: Any = None) -> bool:
        if not fits or len(signature) != _SIGNATURE:
            return False
        signed = signature + data
        return check(nothing, nothing, signed, len(signed), key) == 0  # and does not write the data anywhere

    return accepts


def signing(private: Any) -> Callable[[bytes], bytes]:
    """What signs with an Ed25519PrivateKey of `cryptography`: the same bytes as its own `sign`."""
    by_openssl: Callable[[bytes], bytes] = private.sign
    found = _module()
    if found is None:
        return by_openssl
    ffi, lib = found
    # The public key is in it too, and made from the seed: with another one, signatures would reveal the private key.
    secret = ffi.new("unsigned char[]", 2 * _KEY)
    if lib.crypto_sign_seed_keypair(ffi.new("unsigned char[]", _KEY), secret, private.private_bytes_raw()) != 0:
        return by_openssl

    def sign(data: bytes) -> bytes:
        if len(data) > _LARGE or data.__class__ is not bytes:
            return by_openssl(data)
        signed = ffi.new("unsigned char[]", _SIGNATURE + len(data))
        if lib.crypto_sign(signed, ffi.NULL, data, len(data), secret) != 0:
            raise SignerError("signature-faulty", "libsodium did not make a signature")
        return bytes(ffi.buffer(signed, _SIGNATURE))

    return sign


@cache
def _module() -> tuple[Any, Any] | None:
    """cffi and libsodium: `nacl.bindings` imports 16 modules, and copies what it verifies twice."""
    try:
        from nacl._sodium import ffi, lib
    except ImportError:
        return None
    return (ffi, lib) if lib.sodium_init() >= 0 else None


def _verifying_by_bindings(key: bytes) -> Callable[[bytes, bytes | LargePae, Any], bool]:
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    def accepts(signature: bytes, data: bytes | LargePae, digests: Any = None) -> bool:
        if len(key) != _KEY or len(signature) != _SIGNATURE:
            return False
        try:
            crypto_sign_open(signature + data, key)
        except (BadSignatureError, ValueError):
            return False
        return True

    return accepts
