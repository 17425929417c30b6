"""Key files of cosign: PKCS#8, encrypted by NaCl's secretbox with a key that scrypt derives.

Rule: only the parameters that cosign itself accepts are used, and what is written today has PKCS#8 inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, loads_object
from attest.errors import InputError
from attest.signers._keyfiles import plain

if TYPE_CHECKING:
    from attest.errors import SignerError
    from attest.signers._keyfiles.reading import Reading

LABEL: Final = "ENCRYPTED SIGSTORE PRIVATE KEY"
OLD_LABEL: Final = "ENCRYPTED COSIGN PRIVATE KEY"

_COSTS: Final = (1 << 15, 1 << 16, 1 << 17)  # N of scrypt: at most 128 MiB
_BLOCK, _PARALLEL = 8, 1
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 32
_NONCE_BYTES: Final = 24


def read(data: bytes, reading: Reading) -> Any:
    """The private key in the JSON of the PEM block. Raises SignerError as `_keyfiles.read`."""
    return plain.read(_opened(data, reading), reading, pkcs8_only=True)


def read_old(data: bytes, reading: Reading) -> Any:
    """The same under the old label, which cosign has also written around SEC1."""
    return plain.read(_opened(data, reading), reading)


def _opened(data: bytes, reading: Reading) -> bytes:
    cost, salt, nonce, ciphertext = _fields(data, reading)
    passphrase = reading.passphrase()

    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        box = SecretBox(Scrypt(salt, _KEY_BYTES, cost, _BLOCK, _PARALLEL).derive(passphrase))
        return box.decrypt(ciphertext, nonce)
    except CryptoError:
        raise reading.wrong(passphrase) from None
    except MemoryError:
        raise reading.unreadable("scrypt needs more memory than the system gives") from None


def _fields(data: bytes, reading: Reading) -> tuple[int, bytes, bytes, bytes]:
    """N of scrypt, salt, nonce and ciphertext."""
    try:
        document = loads_object(data, what="the key")
        kdf, cipher = document["kdf"], document["cipher"]
        params = kdf["params"]
        names = kdf["name"], cipher["name"]
        salt, nonce, ciphertext = (
            b64decode(text, where="") for text in (kdf["salt"], cipher["nonce"], document["ciphertext"])
        )
        cost = params["N"]
        rest = params["r"], params["p"]
    except (InputError, KeyError, TypeError):
        raise _invalid(reading) from None
    if names != ("scrypt", "nacl/secretbox") or len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        raise _invalid(reading)
    if type(cost) is not int or cost not in _COSTS or rest != (_BLOCK, _PARALLEL):
        allowed = ", ".join(str(one) for one in _COSTS)
        message = f"cosign writes scrypt with N = {allowed}, r = {_BLOCK} and p = {_PARALLEL}; this key does not"
        raise reading.unreadable(message)
    return cost, salt, nonce, ciphertext


def _invalid(reading: Reading) -> SignerError:
    return reading.unreadable("the key of cosign cannot be read", "Create one with `cosign generate-key-pair`.")
