"""A PKCS#12 file with its private key first: nothing is opened then that an encrypted part hides.

Rule: the MAC of the file is verified before its parts change places, and it gets a new one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from attest.signers._keyfiles import costs, der

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.signers._keyfiles.reading import Reading

_DIGESTS: Final = {
    "2b0e03021a": "sha1",
    "608648016503040204": "sha224",
    "608648016503040201": "sha256",
    "608648016503040202": "sha384",
    "608648016503040203": "sha512",
}
_HMACS: Final = {f"2a864886f70d02{7 + at:02x}": name for at, name in enumerate(_DIGESTS.values())}
_SHA256: Final = "608648016503040201"
_SALT: Final = b"attest\0\0"  # of the new MAC, which nobody else sees


def with_key_first(data: bytes, has_key: Sequence[bool], passphrase: bytes, reading: Reading) -> bytes:
    """The same file, with the parts that have the key first: `has_key` is about each part, in order.

    OpenSSL takes the first key that it meets, and opens no other. Raises ValueError and UnknownCost for what cannot be
    read, and SignerError `passphrase-wrong`.
    """
    if sorted(has_key, reverse=True) == list(has_key):
        return data
    version, content, *mac = der.Value.parse(data).items()
    name, wrapped = content.items()
    signed = wrapped.tagged(0).octets()
    parts = list(zip(has_key, der.Value.parse(signed).items(), strict=True))
    ordered = der.sequence(*(part.whole for has, part in sorted(parts, key=lambda one: not one[0])))
    octets = der.encoded(der.OCTETS, ordered)
    made = der.sequence(name.whole, der.encoded(0, octets, kind=2, constructed=True))
    if not mac:
        return der.sequence(version.whole, made)
    form = _verified(mac[0], signed, passphrase)
    if form is None:
        raise reading.wrong(passphrase)
    return der.sequence(version.whole, made, _mac(ordered, form))


def _verified(mac: der.Value, signed: bytes, passphrase: bytes) -> bytes | None:
    """The passphrase as the key derivation of PKCS#12 takes it, if the MAC verifies with it; else None."""
    info, salt, *count = mac.items()
    algorithm, digest = info.items()
    oid = algorithm.items()[0].oid()
    # OpenSSL takes the empty passphrase in both forms, and goes on with the one that fits.
    forms = [f"{passphrase.decode()}\0".encode("utf-16-be")] if passphrase else [b"", b"\0\0"]
    for form in forms:
        if oid in _DIGESTS:
            key = _derived(_DIGESTS[oid], form, salt.octets(), count[0].number() if count else 1)
            expected = hmac.digest(key, signed, _DIGESTS[oid])
        else:
            expected = _pbmac1(algorithm, signed, passphrase)
        if hmac.compare_digest(expected, digest.octets()):
            return form
    return None


def _pbmac1(algorithm: der.Value, signed: bytes, passphrase: bytes) -> bytes:
    """The MAC of RFC 9579: PBKDF2 and HMAC."""
    _, parameters = algorithm.items()
    derivation, scheme = parameters.items()
    salt, count, size, *function = derivation.items()[1].items()
    names = [one.items()[0].oid() for one in (*function, scheme)]
    if not set(names) <= _HMACS.keys() or not 0 < size.number() <= 64:
        raise costs.UnknownCost
    prf = _HMACS[names[0]] if function else "sha1"
    key = hashlib.pbkdf2_hmac(prf, passphrase, salt.octets(), count.number(), size.number())
    return hmac.digest(key, signed, _HMACS[names[-1]])


def _mac(signed: bytes, form: bytes) -> bytes:
    """The MacData over `signed` (RFC 7292 section 4), with one iteration."""
    digest = hmac.digest(_derived("sha256", form, _SALT, 1), signed, "sha256")
    algorithm = der.sequence(der.encoded(der.OID, bytes.fromhex(_SHA256)), b"\x05\x00")
    return der.sequence(der.sequence(algorithm, der.encoded(der.OCTETS, digest)), der.encoded(der.OCTETS, _SALT))


def _derived(name: str, form: bytes, salt: bytes, count: int) -> bytes:
    """The key of a MAC (RFC 7292 appendix B.2): as long as a digest, so that one round of the derivation is enough."""
    make = getattr(hashlib, name)
    block = make().block_size
    value = bytes([3]) * block + _filled(salt, block) + _filled(form, block)
    for _ in range(count):
        value = make(value).digest()
    return bytes(value)


def _filled(text: bytes, block: int) -> bytes:
    """`text`, repeated up to a multiple of `block` bytes."""
    size = -(-len(text) // block) * block
    return (text * (size // len(text) + 1))[:size] if text else b""
