"""PKCS#12 files (RFC 7292): a private key with its certificates.

Rule: all iterations that the file needs are added up before the passphrase is used; a key that an encrypted part hides
is neither used nor opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest.errors import SignerError
from attest.signers._keyfiles import chains, costs, der, pkcs12_order
from attest.signers._keyfiles.reading import PrivateKeyFile, library_errors

if TYPE_CHECKING:
    from attest.signers._keyfiles.reading import Reading

_DATA: Final = "2a864886f70d010701"
_ENCRYPTED: Final = "2a864886f70d010706"
_KEY, _SHROUDED, _NESTED = (f"2a864886f70d010c0a01{number:02x}" for number in (1, 2, 6))
_MAX_DEPTH: Final = 8
# Bytes of a key: ML-DSA-87 takes 5,000, RSA with 4,096 bits half. To check a much larger RSA key takes minutes.
_MAX_KEY: Final = 5 << 10


class _Needs(NamedTuple):
    """What a file needs: iterations, the keys that can be seen, and whether anything is encrypted or has a MAC.

    `parts` says of each part of the file whether it has such a key.
    """

    iterations: int = 0
    keys: int = 0
    locked: bool = False
    has_mac: bool = False
    parts: tuple[bool, ...] = ()

    def __add__(self, other: _Needs) -> _Needs:  # type: ignore[override]
        return _Needs(
            self.iterations + other.iterations,
            self.keys + other.keys,
            self.locked or other.locked,
            self.has_mac or other.has_mac,
            self.parts + other.parts,
        )


def read(data: bytes, reading: Reading) -> PrivateKeyFile:
    """The private key and its certificates. Raises SignerError as `_keyfiles.read`."""
    try:
        needs = _needs(data, reading)
    except costs.UnknownCost:
        raise costs.unknown(reading) from None
    except (ValueError, IndexError):
        raise reading.unreadable("the PKCS#12 file cannot be read") from None
    costs.demand_iterations(needs.iterations, costs.MAX_ITERATIONS, reading)
    if needs.keys > 1:
        hint = "Write a file with one key: `openssl pkcs12 -in FILE`, then `openssl pkcs12 -export`."
        raise reading.unreadable(f"it contains {needs.keys} private keys, expected one", hint)
    if needs.keys == 0:
        hint = "Export the certificate together with its key: `openssl pkcs12 -export`."
        raise reading.unreadable("it contains no private key, or hides it in an encrypted part", hint)
    if needs.locked:
        passphrase = reading.passphrase()
        return _load(_ordered(data, needs, passphrase, reading), passphrase, reading)
    try:
        return _load(data, None, reading)
    except SignerError:
        if not needs.has_mac:
            raise
    return _load(data, reading.passphrase(), reading)


def _ordered(data: bytes, needs: _Needs, passphrase: bytes, reading: Reading) -> bytes:
    try:
        return pkcs12_order.with_key_first(data, needs.parts, passphrase, reading)
    except costs.UnknownCost:
        raise costs.unknown(reading) from None
    except (ValueError, IndexError):
        raise reading.unreadable("the PKCS#12 file cannot be read") from None


def _load(data: bytes, passphrase: bytes | None, reading: Reading) -> PrivateKeyFile:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    try:
        found = load_pkcs12(data, passphrase)
        certificates = [one.certificate for one in (found.cert, *found.additional_certs) if one is not None]
        ders = [one.public_bytes(Encoding.DER) for one in certificates]
    except UnsupportedAlgorithm:
        raise reading.unsupported("the type of the key, or its encryption, is not supported") from None
    except library_errors():
        if passphrase is not None:
            raise reading.wrong(passphrase) from None
        raise reading.unreadable("the PKCS#12 file cannot be read") from None
    if found.key is None:
        raise reading.unreadable("it contains no private key", "Export the certificate together with its key.")
    return PrivateKeyFile(found.key, chains.of(found.key, ders))


def _needs(data: bytes, reading: Reading) -> _Needs:
    _, content, *mac = der.Value.parse(data).items()
    name, wrapped = content.items()
    if name.oid() != _DATA:
        raise costs.UnknownCost
    needs = _of_mac(mac[0], reading) if mac else _Needs()
    for one in der.Value.parse(wrapped.tagged(0).octets()).items():
        found = _of_content(one, reading)
        needs += found._replace(parts=(found.keys > 0,))
    return needs


def _of_mac(mac: der.Value, reading: Reading) -> _Needs:
    digest, _, *count = mac.items()
    algorithm = digest.items()[0]
    try:
        return _Needs(costs.iterations(algorithm, reading), has_mac=True)  # PBMAC1 (RFC 9579)
    except costs.UnknownCost:
        return _Needs(count[0].number() if count else 1, has_mac=True)


def _of_content(content: der.Value, reading: Reading) -> _Needs:
    name, wrapped = content.items()
    if name.oid() == _DATA:
        return _of_bags(wrapped.tagged(0).octets(), reading)
    if name.oid() != _ENCRYPTED:  # such as for the holder of another key
        raise costs.UnknownCost
    _, encrypted, *_ = wrapped.tagged(0).items()
    return _Needs(costs.iterations(encrypted.items()[1], reading), locked=True)


def _of_bags(data: bytes, reading: Reading, depth: int = 0) -> _Needs:
    needs = _Needs()
    if depth > _MAX_DEPTH:
        raise ValueError
    for bag in der.Value.parse(data).items():
        name, value, *_ = bag.items()
        if name.oid() == _NESTED:
            needs += _of_bags(value.tagged(0).whole, reading, depth + 1)
        elif name.oid() in (_KEY, _SHROUDED):
            key = value.tagged(0)
            if len(key.whole) > _MAX_KEY:
                raise reading.unsupported(f"the key has {len(key.whole):,} bytes, expected at most {_MAX_KEY:,}")
            cost = 0 if name.oid() == _KEY else costs.iterations(key.items()[0], reading)
            needs += _Needs(cost, keys=1, locked=name.oid() == _SHROUDED)
    return needs
