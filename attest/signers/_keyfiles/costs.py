"""What a passphrase may cost: the parameters that a key file sets for the derivation of a key.

Rule: a file that asks for more than its limit is refused before anything is derived, with the number and the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from attest.errors import SignerError
    from attest.signers._keyfiles import der
    from attest.signers._keyfiles.reading import Reading

# Each is at most about 5 seconds on a slow machine. docs/reference/limits.md lists them, docs/adr/0055 what is usual.
MAX_ITERATIONS: Final = 3_000_000  # of PBKDF2, in a PKCS#12 file all of them together
MAX_PBES1: Final = 600_000  # of the key derivation of PKCS#12 outside a PKCS#12 file, which is slower
MAX_ROUNDS: Final = 256  # of bcrypt
MAX_SCRYPT_MEMORY: Final = 256 << 20  # bytes
MAX_SCRYPT: Final = 1 << 22  # N * r * p

_PBES2: Final = "2a864886f70d01050d"
_PBMAC1: Final = "2a864886f70d01050e"
_PBKDF2: Final = "2a864886f70d01050c"
_SCRYPT: Final = "2b06010401da47040b"
_PBES1: Final = frozenset(f"2a864886f70d0105{number:02x}" for number in (1, 3, 4, 6, 10, 11))
_PKCS12_PBE: Final = frozenset(f"2a864886f70d010c01{number:02x}" for number in range(1, 7))
_CONVERT: Final = "Write a copy with usual encryption: `openssl pkcs8 -topk8 -in FILE -out COPY`."


class UnknownCost(ValueError):
    """An encryption that is not known, so that its cost is not known either."""


def iterations(algorithm: der.Value, reading: Reading) -> int:
    """The iterations of a password-based AlgorithmIdentifier (RFC 8018; PKCS#12), 0 for scrypt within its limits.

    Raises ValueError for what is malformed, UnknownCost, and SignerError for scrypt above its limits.
    """
    name, *parameters = algorithm.items()
    oid = name.oid()
    if oid in _PBES1 or oid in _PKCS12_PBE:
        [parameter] = parameters
        _, count = parameter.items()
        return _positive(count.number())
    if oid not in (_PBES2, _PBMAC1):
        raise UnknownCost
    [parameter] = parameters
    derivation, _ = parameter.items()
    name, parameter = derivation.items()
    if name.oid() == _SCRYPT:
        _, *numbers = parameter.items()
        cost, block, parallel = (_positive(number.number()) for number in numbers[:3])
        demand_scrypt(cost, block, parallel, reading)
        return 0
    if name.oid() != _PBKDF2:
        raise UnknownCost
    _, count, *_ = parameter.items()
    return _positive(count.number())


def unknown(reading: Reading) -> SignerError:
    """The SignerError for an UnknownCost."""
    return reading.unsupported("the encryption of the key is not supported", _CONVERT)


def is_pbes1(algorithm: der.Value) -> bool:
    """Whether an AlgorithmIdentifier is one of the first PKCS#5, or of PKCS#12."""
    return algorithm.items()[0].oid() in (_PBES1 | _PKCS12_PBE)


def demand_iterations(number: int, limit: int, reading: Reading) -> None:
    """Raises SignerError `key-unreadable` above `limit`."""
    if number > limit:
        raise _too_costly(f"{_shown(number)} iterations", f"{limit:,}", reading, _CONVERT)


def demand_rounds(number: int, reading: Reading) -> None:
    """Raises SignerError `key-unreadable` for more rounds of bcrypt than MAX_ROUNDS."""
    if number > MAX_ROUNDS:
        hint = "Write a copy with fewer rounds: `cp FILE COPY`, then `ssh-keygen -p -a 64 -f COPY`."
        raise _too_costly(f"{_shown(number)} rounds of bcrypt", f"{MAX_ROUNDS:,}", reading, hint)


def demand_scrypt(cost: int, block: int, parallel: int, reading: Reading) -> None:
    """Raises SignerError `key-unreadable` for scrypt (N, r, p) that takes too much memory or time."""
    memory = 128 * block * (cost + parallel)
    if memory > MAX_SCRYPT_MEMORY:
        shown = f"{_shown(memory >> 20)} MiB of memory for scrypt"
        raise _too_costly(shown, f"{MAX_SCRYPT_MEMORY >> 20} MiB", reading, _CONVERT)
    if cost * block * parallel > MAX_SCRYPT:
        shown = f"scrypt with N*r*p = {_shown(cost * block * parallel)}"
        raise _too_costly(shown, f"{MAX_SCRYPT:,}", reading, _CONVERT)


def _too_costly(asks: str, limit: str, reading: Reading, hint: str) -> SignerError:
    return reading.unreadable(f"decrypting the key needs {asks}, which is above the limit of {limit}", hint)


def _positive(number: int) -> int:
    if number < 1:
        raise ValueError
    return number


def _shown(number: int) -> str:
    return f"{number:,}" if number < 10**15 else "over 10^15"
