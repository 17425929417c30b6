"""Answers of an ssh-agent, and keys as OpenSSH encodes them: what is read has one encoding, and the rest is refused.

Rule: a key that was read is written as the same bytes, and a signature that was read is the one that was sent.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attest import PublicKey
from attest.keys import ALGORITHMS, openssh
from attest.signers.ssh_agent import protocol
from tests.fuzz.oracle import attempt
from tests.vectors.keys import ALICE, P256, P384, RSA

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = (ALICE, P256, P384, RSA)


def check(data: bytes) -> None:
    try:
        blobs = protocol.keys_in(data)
    except ValueError:
        blobs = [data]
    else:
        assert sum(map(len, blobs)) < len(data)
    for blob in blobs:
        known(blob)
    try:
        name, signature = protocol.signature_in(data)
    except ValueError:
        return
    assert data.startswith(b"\x0e")
    assert data.endswith(openssh.string(name) + openssh.string(signature))
    for algorithm in ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"):
        try:
            der = protocol.in_dsse(signature, ALGORITHMS[algorithm])
        except ValueError:
            continue
        assert b"".join(map(number, decode_dss_signature(der))) == signature


def known(blob: bytes) -> None:
    """A key that is read has one encoding, and is the same key as the type of the encoding says."""
    spki = attempt(lambda: openssh.spki_of(blob, "the key"))
    key = None if spki is None else attempt(lambda: PublicKey.parse(spki))
    if key is not None:
        assert openssh.blob_of(key.spki) == blob
        assert openssh.type_of(blob).replace("ssh-", "") in key.algorithm.name


def number(value: int) -> bytes:
    return openssh.string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def seeds() -> Iterator[bytes]:
    blobs = [openssh.blob_of(key.spki) for key in KEYS]
    yield from blobs
    listed = b"".join(openssh.string(blob) + openssh.string(b"a comment") for blob in blobs)
    yield b"\x0c" + struct.pack(">I", len(blobs)) + listed
    yield b"\x0c" + bytes(4)
    yield b"\x05"
    pair = number(1 << 255) + number(5)
    for name, signature in ((b"ssh-ed25519", bytes(64)), (b"ecdsa-sha2-nistp256", pair), (b"rsa-sha2-256", bytes(256))):
        yield b"\x0e" + openssh.string(openssh.string(name) + openssh.string(signature))
