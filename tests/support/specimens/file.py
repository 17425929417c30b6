"""Key files: one for each algorithm, and one for each way to write a private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from attest.keys import ALGORITHMS
from tests.support.making.keys import private_key

if TYPE_CHECKING:
    from pathlib import Path

_PASSPHRASE = "correct horse"
_PLAIN = NoEncryption()
_LOCKED = BestAvailableEncryption(_PASSPHRASE.encode())

MISSING = "key-unreadable"


def specimens(folder: Path) -> list[str]:
    forms: list[tuple[str, Encoding, KeySerializationEncryption]] = [
        ("pem", Encoding.PEM, _PLAIN),
        ("der", Encoding.DER, _PLAIN),
        ("locked.pem", Encoding.PEM, _LOCKED),
        ("locked.der", Encoding.DER, _LOCKED),
    ]
    uris = []
    for algorithm in ALGORITHMS:
        for suffix, encoding, encryption in forms if algorithm == "ed25519" else forms[:1]:
            path = folder / f"{algorithm}.{suffix}"
            path.write_bytes(private_key(algorithm).private_bytes(encoding, PrivateFormat.PKCS8, encryption))
            uris.append(f"file:{path}?algorithm={algorithm}")
    return uris


def missing(folder: Path) -> str:
    return f"file:{folder / 'missing.pem'}"


def secrets(what: str) -> str | None:
    return _PASSPHRASE
