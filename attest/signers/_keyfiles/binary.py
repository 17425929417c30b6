"""Key files in DER: which of the binary forms it is, and encrypted PKCS#8.

Rule: the structure decides, so that no form is tried after another one has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest.errors import InputError
from attest.signers._keyfiles import costs, der, plain
from attest.signers._keyfiles.reading import PrivateKeyFile

if TYPE_CHECKING:
    from attest.signers._keyfiles.reading import Reading


def is_der(data: bytes) -> bool:
    """Whether `data` begins as DER does."""
    return data.startswith(b"\x30")


def is_pkcs12(data: bytes) -> bool:
    """Whether `data` is a PFX: version 3, and what is in it (RFC 7292 section 4)."""
    return is_der(data) and _form(data) == "pkcs12"


def read(data: bytes, reading: Reading) -> PrivateKeyFile:
    """The private key in DER, with the certificates of a PKCS#12 file. Raises SignerError as `_keyfiles.read`."""
    match _form(data):
        case "pkcs12":
            from attest.signers._keyfiles import pkcs12

            return pkcs12.read(data, reading)
        case "encrypted":
            return PrivateKeyFile(read_encrypted(data, reading))
        case "plain":
            return PrivateKeyFile(plain.read(data, reading))
        case "public":
            raise reading.unreadable("it contains no private key", public_hint(data))
    raise reading.unreadable("this is not a private key in DER", "docs/sign/files.md lists what attest reads.")


def public_hint(data: bytes) -> str:
    """What to do about a file with a public key or a certificate instead, and which key it is."""
    from attest.keys import PublicKey  # only to word an error

    try:
        key = PublicKey.parse(data)
    except InputError:
        return "Give the private key: this is a public key or a certificate."
    return f"Give the private key: the file has the public key {key.algorithm.name} {key.keyid}."


def read_encrypted(data: bytes, reading: Reading) -> Any:
    """The private key in an EncryptedPrivateKeyInfo (RFC 5958 section 3). Raises SignerError."""
    try:
        algorithm, _ = der.Value.parse(data).items()
        number = costs.iterations(algorithm, reading)
        limit = costs.MAX_PBES1 if costs.is_pbes1(algorithm) else costs.MAX_ITERATIONS
    except costs.UnknownCost:
        raise costs.unknown(reading) from None
    except ValueError:
        raise reading.unreadable("the encrypted key cannot be read") from None
    costs.demand_iterations(number, limit, reading)
    return plain.decrypt(data, reading)


def _form(data: bytes) -> str:
    try:
        first, *others = der.Value.parse(data).items()
        if first.is_a(der.INTEGER):
            is_pfx = first.number() == 3 and others[0].items()[0].is_a(der.OID)  # the version
            return "pkcs12" if is_pfx else "plain"
        if first.is_a(der.SEQUENCE):
            return "public" if others[-1].is_bits else "encrypted"
    except (ValueError, IndexError):
        pass
    return ""
