"""Private key files of every form, plain and encrypted: what is read signs with its own key, and costs little.

Rule: a passphrase is requested at most once, is in no text, and nothing is derived above the limits.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cryptography.x509 import load_der_x509_certificate

from attest.errors import InputError, SignerError
from attest.signers import _keyfiles
from attest.signers._keyfiles import cosign as reader
from attest.signers._keyfiles import costs
from attest.signers._software import SoftwareKey
from tests.fuzz.oracle import attempt
from tests.support.making.certified import authority, leaf
from tests.support.making.keyfiles import cosign, openssh, pbes1, pbes2, pfx, pkcs8, scrypt
from tests.support.making.keys import private_key, public_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2"
# Low enough for thousands of inputs a second.
LIMITS: dict[str, Any] = {"MAX_ITERATIONS": 50_000, "MAX_PBES1": 10_000, "MAX_ROUNDS": 2, "MAX_SCRYPT": 1 << 12}


def check(data: bytes) -> None:
    with patch.multiple(costs, **LIMITS), patch.object(reader, "_COSTS", (1 << 4,)):
        found = [_read(data, passphrase) for passphrase in (None, "", SECRET)]
    for one in found:
        if one is None:
            continue
        key = attempt(lambda one=one: SoftwareKey.of(one.private, None), InputError)  # type: ignore[misc]
        if key is not None:
            key.public_key.verify(key.sign(b"data").sig, b"data")
        if one.certificates:
            first = load_der_x509_certificate(one.certificates[0])
            assert first.public_key() == one.private.public_key()
    # What is read without a passphrase is the same with one.
    plain = found[0]
    assert plain is None or all(one is not None and same(one, plain) for one in found)


def _read(data: bytes, passphrase: str | None) -> _keyfiles.PrivateKeyFile | None:
    asked: list[None] = []
    texts: list[str] = []

    def ask() -> str | None:
        asked.append(None)
        return passphrase

    def read() -> _keyfiles.PrivateKeyFile:
        try:
            return _keyfiles.read(data, ask, where="key")
        except SignerError as error:
            texts.append(f"{error} {error.hint}")
            raise

    found = attempt(read, SignerError)
    assert len(asked) <= 1
    assert SECRET not in "".join(texts) or SECRET.encode() in data
    return found


def same(one: _keyfiles.PrivateKeyFile, other: _keyfiles.PrivateKeyFile) -> bool:
    return public_bytes(one.private) == public_bytes(other.private) and one.certificates == other.certificates


def seeds() -> Iterator[bytes]:
    ca = authority("Acme CA")
    chain = [leaf("Release", ca), ca]
    certificates = [one.certificate for one in chain]
    keys = [private_key("ed25519"), private_key("ecdsa-sha2-nistp256")]  # RSA is slow
    for key in keys:
        yield pkcs8(key)
        yield openssh(key)
    yield pkcs8(private_key("ml-dsa-44"))
    yield pkcs8(keys[0]) + pkcs8(keys[1])
    yield pkcs8(chain[0].key) + "".join(one.pem for one in chain).encode()
    yield base64.b64encode(pkcs8(keys[0]))
    yield pkcs8(keys[0]).replace(b"\n", b"\\n")
    yield openssh(keys[0], SECRET)
    with patch.object(reader, "_COSTS", (1 << 4,)):
        yield cosign(keys[0], SECRET, 1 << 4)
        yield cosign(keys[1], "", 1 << 4, "ENCRYPTED COSIGN PRIVATE KEY")
    yield from (pbes2(2048), pbes1(2048), scrypt(16), pbes2(1 << 40), scrypt(1 << 30))
    yield pfx(chain[0].key, certificates)
    yield pfx(chain[0].key, certificates, SECRET)
