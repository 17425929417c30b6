"""Keys, and what signs with them: made once a process.

Rule: every key is real, and none is kept in a file of the repository.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import PublicKey, Signature, open_signer
from attest._base.json import dumps
from attest.keys import ALGORITHMS
from attest.signers import BaseSigner, SignerURI, _software

if TYPE_CHECKING:
    from pathlib import Path


def private_key(algorithm: str, number: int = 0) -> Any:
    """The private key `number` for `algorithm`, made once a process; the RSA algorithms share theirs, of 2048 bits."""
    return _made_once("rsa" if "rsa" in algorithm else algorithm, number)


@cache
def _made_once(kind: str, number: int) -> Any:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else _software.generate(ALGORITHMS[kind])


def software_key(algorithm: str, number: int = 0) -> _software.SoftwareKey:
    """`private_key` as attest signs with it."""
    return _software.SoftwareKey.of(private_key(algorithm, number), algorithm)


def public_bytes(private: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """The public half as SubjectPublicKeyInfo, by `cryptography` and not by attest."""
    written: bytes = private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return written


def certificate(private: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """A certificate for the key of `private` that nobody would trust: out of date, and signed by another key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1)
    dated = builder.not_valid_before(datetime(2001, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2002, 1, 1, tzinfo=UTC))
    return dated.sign(private_key("ecdsa-sha2-nistp256"), SHA256()).public_bytes(encoding)


def json_key(scheme: object, public: object, **fields: object) -> bytes:
    """A key as securesystemslib writes it."""
    return dumps({"keytype": "any", "scheme": scheme, "keyval": {"public": public}, **fields})


def file_signer(folder: Path, algorithm: str, number: int = 0) -> BaseSigner:
    """The signer over a file in `folder` with `private_key` in it."""
    path = folder / f"{algorithm}-{number}.pem"
    path.write_bytes(_software.to_pem(private_key(algorithm, number)))
    return open_signer(f"file:{path}?algorithm={algorithm}")


class MemorySigner(BaseSigner):
    """A key that lives as long as the test run: a real one, not marked as simulated."""

    def __init__(self, algorithm: str, number: int) -> None:
        super().__init__(SignerURI.parse(f"memory:{algorithm}-{number}"))
        self._key = software_key(algorithm, number)

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    def sign(self, data: bytes) -> Signature:
        return self._key.sign(data)


ALICE, BOB, MALLORY = (MemorySigner("ed25519", number) for number in (1, 2, 3))
