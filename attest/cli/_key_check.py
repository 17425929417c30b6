"""A test signature: what `key check` and `signer check` have in common.

Rule: nobody can take the bytes that are signed for a payload.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from attest._base.times import format_time
from attest.errors import SignerError
from attest.keys.formats import load_certificate

if TYPE_CHECKING:
    from attest.keys import PublicKey
    from attest.signers import BaseSigner

_DATA = b"attest check: not a DSSE payload"


class KeyCheck(NamedTuple):
    """The key of a signer, and how many milliseconds connecting and signing took."""

    key: PublicKey
    connected: float
    signed: float


def run(signer: BaseSigner) -> KeyCheck:
    """Sign and verify with `signer`. Raises SignerError as it does, and `signature-faulty`."""
    began = time.perf_counter()
    key = signer.public_key
    connected = time.perf_counter()
    signature = signer.sign(_DATA)
    signed = time.perf_counter()
    if not key.accepts(signature.sig, _DATA):
        message = "the signer's own public key does not verify its signature"
        raise SignerError("signature-faulty", message, where=str(signer.uri))
    return KeyCheck(key, round((connected - began) * 1000, 3), round((signed - connected) * 1000, 3))


def describe(key: PublicKey) -> dict[str, object]:
    """The key in a result object."""
    return {"keyid": key.keyid, "algorithm": key.algorithm.name, "simulated": key.simulated}


def certificates(signer: BaseSigner) -> list[dict[str, str]]:
    """The certificates that are kept with the key, in a result object. They are shown and not verified."""
    found = map(load_certificate, signer.certificates)
    return [
        {"subject": one.subject.rfc4514_string(), "not_after": format_time(one.not_valid_after_utc)} for one in found
    ]


def lines(key: PublicKey, version: str | None = None) -> list[str]:
    """The key in text, and the signer URI of its version."""
    named = [] if version is None else [f"  version     {version}"]
    return [f"  algorithm   {key.algorithm.name}", f"  keyid       {key.keyid}", *named]
