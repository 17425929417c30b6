"""Scenarios of algorithms: each one verified once, and none taken for another."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.vectors.keys import ALICE, DSSE, ED25519_ORDER, ML_DSA, P256, P384, RSA, Key, raw, to_pem
from tests.vectors.parts import (
    STATEMENT,
    anchor,
    bundle,
    case,
    envelope_of,
    pae,
    rejected,
    row,
    signature,
    trust_key,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_RSA_ALGORITHMS = [
    f"{scheme}-{digest}" for scheme in ("rsassa-pss", "rsa-pkcs1v15") for digest in ("sha256", "sha384", "sha512")
]
_KEYS = [ALICE, P256, P384, *[RSA.pinned_to(name) for name in _RSA_ALGORITHMS], *ML_DSA.values()]
_HSM = {
    "HSM-RSA-SHA256": RSA.pinned_to("rsa-pkcs1v15-sha256"),
    "HSM-RSA-SHA384": RSA.pinned_to("rsa-pkcs1v15-sha384"),
    "HSM-RSA-SHA512": RSA.pinned_to("rsa-pkcs1v15-sha512"),
    "HSM-RSA-PSS-SHA256": RSA,
    "HSM-ECDSA-P256": P256,
    "HSM-ECDSA-P384": P384,
}
_INVALID = rejected("threshold-not-met", "signature-invalid")
_DATA = pae(STATEMENT)


def cases() -> Iterator[Scenario]:
    yield from _each_algorithm()
    yield from _encodings()
    yield from _confusion()
    yield from _degenerate()
    yield case(
        "dsse-specification-vector",
        "The one vector of the DSSE specification: its signature is good, its payload is no statement.",
        "DSSE v1.0.2 protocol.md, test vectors",
        rejected("payload-type-unsupported", None),
        envelope={
            "payload": "aGVsbG8gd29ybGQ=",
            "payloadType": "http://example.com/HelloWorld",
            "signatures": [
                {"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}
            ],
        },
        trust=bundle(anchor(DSSE)),
        artifacts=None,
    )


def _each_algorithm() -> Iterator[Scenario]:
    for key in _KEYS:
        yield case(
            f"algorithm-{key.algorithm}",
            f"A signature with {key.algorithm} verifies.",
            "securesystemslib's scheme names",
            verified(None),
            envelope=envelope_of(key),
            trust=bundle(anchor(key)),
        )
    for name, key in _HSM.items():
        yield case(
            f"algorithm-{name.lower()}",
            f"{name} is {key.algorithm}, with a private key that lives in a token.",
            "where the private key lives changes nothing for a verifier",
            verified(None),
            envelope=envelope_of(key),
            trust=bundle(anchor(trust_key(key, algorithm=name, backend="pkcs11"))),
        )
    everyone = [ALICE, P256, P384, RSA.pinned_to("rsa-pkcs1v15-sha256"), ML_DSA["ml-dsa-44"]]
    yield case(
        "algorithms-side-by-side",
        "Keys of five algorithms meet one threshold together.",
        "DSSE v1.0.2 protocol.md: (t, n)",
        verified(*[None] * len(everyone)),
        envelope=envelope_of(*everyone),
        trust=bundle(anchor(*everyone, threshold=len(everyone))),
    )


def _encodings() -> Iterator[Scenario]:
    for key, size in ((P256, 32), (P384, 48)):
        yield case(
            f"ecdsa-as-r-and-s-{key.algorithm.rpartition('-')[2]}",
            "An ECDSA signature is read as r || s as well as in DER.",
            "DSSE v1.0.2 protocol.md: its own vector is r || s",
            verified(None),
            envelope=envelope_of(signature(key, sig=raw(key.sign(_DATA), size))),
            trust=bundle(anchor(key)),
        )
    der = P256.sign(_DATA)
    odd = {
        "ecdsa-der-with-bytes-behind": ("Bytes behind the DER of a signature make it a bad one.", der + b"\x00"),
        "ecdsa-der-with-a-long-length": ("BER is not DER: a length that is longer than it must be.", _ber(der)),
        "ecdsa-as-r-and-s-too-short": ("r || s must be as long as the curve says.", raw(der, 32)[:-1]),
    }
    for name, (title, sig) in odd.items():
        yield case(
            name,
            title,
            row(17),
            _INVALID,
            envelope=envelope_of(signature(P256, sig=sig)),
            trust=bundle(anchor(P256)),
        )
    for length, name in ((0, "no-salt"), (64, "a-long-salt")):
        yield case(
            f"pss-with-{name}",
            "A PSS salt is read at any length.",
            "securesystemslib verifies with an automatic salt length",
            verified(None),
            envelope=envelope_of(signature(RSA, sig=RSA.sign(_DATA, salt=length))),
            trust=bundle(anchor(RSA)),
        )


def _confusion() -> Iterator[Scenario]:
    pkcs1, pss512 = RSA.pinned_to("rsa-pkcs1v15-sha256"), RSA.pinned_to("rsassa-pss-sha512")
    pinned: dict[str, tuple[str, Key, Key]] = {
        "pss-key-with-a-pkcs1-signature": ("A key that is pinned to PSS makes no PKCS #1 v1.5 signature.", RSA, pkcs1),
        "pkcs1-key-with-a-pss-signature": ("A key that is pinned to PKCS #1 v1.5 makes no PSS signature.", pkcs1, RSA),
        "key-pinned-to-another-hash": ("A key that is pinned to SHA-256 makes no SHA-512 signature.", RSA, pss512),
    }
    for name, (title, trusted, signer) in pinned.items():
        yield case(name, title, row(27), _INVALID, envelope=envelope_of(signer), trust=bundle(anchor(trusted)))
    made: dict[str, tuple[str, Key, bytes]] = {
        "p384-key-with-a-sha256-signature": (
            "A P-384 key is pinned to SHA-384.",
            P384,
            P384.private.sign(_DATA, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)),
        ),
        "ml-dsa-signature-with-a-context": (
            "ML-DSA signs the PAE with an empty context; a signature made for another one is not for us.",
            ML_DSA["ml-dsa-44"],
            ML_DSA["ml-dsa-44"].sign(_DATA, context=b"another protocol"),
        ),
        "hmac-with-the-public-key": (
            "A MAC under the public key, which everyone has, is no signature.",
            RSA,
            hmac.digest(RSA.pem.encode(), _DATA, "sha256"),
        ),
    }
    for name, (title, key, sig) in made.items():
        yield case(
            name,
            title,
            row(27),
            _INVALID,
            envelope=envelope_of(signature(key, sig=sig)),
            trust=bundle(anchor(key)),
        )
    yield case(
        "envelope-names-an-algorithm",
        "What an envelope says about algorithms is not read: this one names another, and the key's own counts.",
        row(27),
        verified(None),
        envelope=envelope_of(signature(ALICE, alg="none", scheme="rsassa-pss-sha256")),
    )
    yield case(
        "envelope-says-that-no-algorithm-is-needed",
        "What an envelope says about algorithms is not read: `none` makes nothing good.",
        row(27, 28),
        _INVALID,
        envelope=envelope_of(signature(ALICE, sig=b"", alg="none", scheme="none")),
    )


def _degenerate() -> Iterator[Scenario]:
    zero = utils.encode_dss_signature(0, 0)
    for name, sig in (("ecdsa-of-zeros", zero), ("ecdsa-of-zeros-as-r-and-s", bytes(64))):
        yield case(
            name,
            "r = s = 0 solves the equation of ECDSA for a verifier that doesn't look, and is refused.",
            row(28),
            _INVALID,
            envelope=envelope_of(signature(P256, sig=sig)),
            trust=bundle(anchor(P256)),
        )
    good = ALICE.sign(_DATA)
    larger = (int.from_bytes(good[32:], "little") + ED25519_ORDER).to_bytes(32, "little")
    yield case(
        "ed25519-malleated-signature",
        "S + L satisfies the equation of Ed25519 as S does; RFC 8032 wants S below L.",
        row(17),
        _INVALID,
        envelope=envelope_of(signature(ALICE, sig=good[:32] + larger)),
    )
    # With the neutral element as the key and as R, and with S = 0, the equation holds for every message.
    neutral = b"\x01" + bytes(31)
    spki = bytes.fromhex("302a300506032b6570032100") + neutral
    forged = {"keyid": hashlib.sha256(spki).hexdigest(), "algorithm": "ed25519", "public_key": to_pem(spki)}
    yield case(
        "ed25519-key-of-small-order",
        "Under a key of small order one signature fits every message, so nothing verifies under it.",
        row(26, 27),
        _INVALID,
        envelope=envelope_of(signature(ALICE, sig=neutral + bytes(32), keyid=forged["keyid"])),
        trust=bundle(anchor(forged)),
    )


def _ber(der: bytes) -> bytes:
    """The same sequence with its length in two bytes."""
    return der[:1] + b"\x81" + der[1:]
