"""What anybody can make a verifier spend: foreign signatures, many names, tiny values. CPU time of one verification."""

from __future__ import annotations

import secrets
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import attest
from attest import AttestError, Envelope, PublicKey, Signature
from attest.envelope import PAYLOAD_TYPE
from attest.limits import MAX_SIGNATURES
from attest.trust.anchors.owners import Owners
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import MemorySigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest import TrustBundle

SECONDS: Final = 15.0
KEYS, PAYLOAD = 100, b"{" + b" " * (1 << 20) + b"}"
LIMITS: Final = {"ecdsa-sha2-nistp256": 1, "rsassa-pss-sha256": 1, "ed25519": 2, "ml-dsa-65": 2}
MEASURES: Final = {
    algorithm: Measure("18.6", f"64 foreign signatures, 100 keys: {algorithm}", "s", at_most=limit)
    for algorithm, limit in LIMITS.items()
} | {
    "globs": Measure("18.6", "twice the names for 100 anchors with globs: the cost", at_most=2.5),
    "ties": Measure("18.6", "twice the names that all anchors tie for: the cost", at_most=2.5),
    "long name": Measure("18.6", "a name of twice the length: the cost", at_most=2.5),
    "tiny values": Measure("11.19", "16 MiB of empty JSON objects, to be refused", "s", at_most=2),
}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """The least of a few rounds."""
    share = seconds / 8
    for algorithm in LIMITS:
        envelope, trust = Envelope(PAYLOAD, PAYLOAD_TYPE, foreign(algorithm)), many_keys(algorithm)
        yield algorithm, least(partial(refuse, envelope, trust), share)
    globs = [f"pkg:pypi/{at}-*/lib-*" for at in range(5)]
    many = Owners({f"a{at}": [f"{at}-*-{glob}" for glob in ("*", "x*", *globs)] for at in range(100)})
    tied = Owners({f"a{at}": ["lib-*", "*-lib"] for at in range(100)})
    names = [f"{at % 100}-lib-{at}-lib" for at in range(4_000)]
    yield "globs", growth(lambda half: [many.who(name) for name in names[: 2_000 * half]], share)
    yield "ties", growth(lambda half: [tied.who(f"lib-{name}") for name in names[: 2_000 * half]], share)
    yield "long name", growth(lambda half: many.who("7-" + "-x" * 20_000 * half), share)
    tiny = b"[" + b"{}," * ((16 << 20) // 3 - 1) + b"{}]"
    yield "tiny values", least(partial(refuse, tiny, many_keys("ed25519")), share)


def many_keys(algorithm: str) -> TrustBundle:
    """A trust bundle with 100 keys of this kind, of which nobody needs the private half."""
    if not algorithm.startswith("rsa"):
        return bundle({"a": anchor(*[MemorySigner(algorithm, 100 + at) for at in range(KEYS)])})
    made = [RSAPublicNumbers(65537, secrets.randbits(3072) | 1 << 3071 | 1).public_key() for _ in range(KEYS)]
    spki = [key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in made]
    signer = MemorySigner(algorithm, 0).public_key
    return bundle({"a": anchor(*[described(PublicKey(signer.algorithm, der)) for der in spki])})


def described(key: PublicKey) -> dict[str, Any]:
    """A key as a trust bundle lists it."""
    return attest.trust.editing.describe_key(key)


def foreign(algorithm: str) -> tuple[Signature, ...]:
    """Signatures of the right form by a key that no trust bundle has, over other data."""
    if algorithm.startswith("rsa"):
        return tuple(Signature("", b"\x7f" + secrets.token_bytes(383)) for _ in range(MAX_SIGNATURES))
    owner = MemorySigner(algorithm, 7)
    return tuple(Signature("", owner.sign(b"%d" % at).sig) for at in range(MAX_SIGNATURES))


def refuse(envelope: Envelope | bytes, trust: TrustBundle) -> None:
    """Verify what cannot verify."""
    try:
        attest.verify(envelope, trust, artifacts=None, now=NOW)
    except AttestError:
        return
    raise AssertionError("it verified")


def least(call: Callable[[], object], seconds: float) -> float:
    """CPU seconds of the cheapest call."""
    return min(by_turns({"it": call}, calls=1, rounds=2, seconds=seconds, clock=process_time)["it"])


def growth(call: Callable[[int], object], seconds: float) -> float:
    """What twice the work costs, in the cost of one."""
    measured = by_turns({"one": lambda: call(1), "two": lambda: call(2)}, calls=1, seconds=seconds, clock=process_time)
    return min(measured["two"]) / min(measured["one"])
