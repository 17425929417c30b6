"""Scenarios of signed trust bundles: what a chain of versions leads to, and everything it is refused for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, CAROL, P256, P384, RSA, STRANGER, Key
from tests.vectors.parts import (
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    row,
    signature,
    trust_key,
    verified,
)
from tests.vectors.scenarios import indented

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.vectors.scenarios import Scenario

KIND = "application/vnd.attest.trust-bundle+json"
TUF = "TUF specification section 5.3: version n + 1 is signed by the roots of n and by its own"
OWN = "design: a trust bundle may itself be signed, and is never taken for signed without it"
# The roots; ALICE signs the attestation, and is the anchor.
A, B, C, D = BOB, CAROL, P256, P384


def cases() -> Iterator[Scenario]:
    yield from _accepted()
    yield from _thresholds()
    yield from _order()


def roots(*keys: Key | Mapping[str, Any], threshold: Any = 1) -> dict[str, Any]:
    return {"threshold": threshold, "keys": [trust_key(one) if isinstance(one, Key) else one for one in keys]}


def version(number: int, *keys: Key | Mapping[str, Any], threshold: Any = 2, **fields: Any) -> bytes:
    return compact(bundle(anchor(ALICE), version=number, roots=roots(*keys, threshold=threshold), **fields))


def signed_version(payload: bytes, *signed: Key | Mapping[str, Any], kind: str = KIND) -> bytes:
    return compact(envelope_of(*signed, payload=payload, payload_type=kind)) + b"\n"


def chain_case(
    name: str, title: str, why: str, expect: Mapping[str, Any], trust: bytes, root: bytes | None = None, **options: Any
) -> Scenario:
    if root is None:
        return case(f"trust-chain-{name}", title, why, expect, trust=trust, **options)
    files = {"trust-root.json": root}
    return case(
        f"trust-chain-{name}", title, why, expect, trust=trust, files=files, trust_root="trust-root.json", **options
    )


def no(code: str) -> dict[str, Any]:
    """A no to the trust bundle, before any signature on the attestation was judged."""
    return {"outcome": "rejected", "code": code}


ONE, TWO, THREE = version(1, A, B, C), version(2, A, B, C), version(3, B, C, D)
FOUR = version(4, C, D, RSA)
S1, S2, S3, S4 = (
    signed_version(ONE, A, B),
    signed_version(TWO, B, C),
    signed_version(THREE, B, C),
    signed_version(FOUR, C, D),
)
ALONE = indented({"mediaType": "application/vnd.attest.trust-roots.v1+json", **roots(A, B, C, threshold=2)})
FEW = "root-threshold-not-met"


def _accepted() -> Iterator[Scenario]:
    yes = verified(None)
    lines: dict[str, tuple[str, bytes, bytes]] = {
        "next-version": ("The next version is signed by the roots before it and by its own.", S2, ONE),
        "from-a-signed-bundle": ("The trust root may be a signed bundle itself.", S2, S1),
        "from-the-last-of-a-history": ("Of a history the last version is the trust root.", S3, S1 + S2),
        "over-a-rotation": ("A root is replaced where enough of the others stay.", S3, TWO),
        "walked": ("Versions are walked one by one, each by the roots of the one before.", S1 + S2 + S3 + S4, ONE),
        "from-the-middle": ("What is older than the trust root is passed over.", S1 + S2 + S3 + S4, THREE),
        "of-the-same-version": ("The trust root itself is accepted by its bytes.", S2, TWO),
        "from-roots-alone": ("The first version is signed by the given roots and by its own.", S1 + S2, ALONE),
        "from-roots-alone-in-the-middle": ("From roots alone a history may begin anywhere.", S2, ALONE),
        "with-signatures-of-strangers": (
            "Signatures that count for nothing take nothing away.",
            signed_version(TWO, STRANGER, ALICE, A, A, B, signature(C, ONE, KIND)),
            ONE,
        ),
        "with-keyids-of-others": (
            "A keyid is a hint and decides nothing.",
            signed_version(TWO, *(signature(key, TWO, KIND, keyid=STRANGER.keyid) for key in (A, B))),
            ONE,
        ),
        "without-keyids": (
            "A keyid may be absent.",
            signed_version(TWO, *(signature(key, TWO, KIND, keyid=None) for key in (A, B))),
            ONE,
        ),
    }
    for name, (title, trust, root) in lines.items():
        yield chain_case(name, title, TUF, yes, trust, root)
    yield chain_case(
        "written-over-several-lines",
        "One envelope may be written as any JSON.",
        OWN,
        yes,
        indented(json.loads(S2)),
        ONE,
    )
    yield chain_case(
        "min-version-met", "The lowest version that is accepted is accepted.", OWN, yes, S2, ONE, trust_min_version=2
    )


def _thresholds() -> Iterator[Scenario]:
    rotated = version(2, C, D, RSA)
    shared = signed_version(TWO, A)
    twice: dict[str, Sequence[Key | Mapping[str, Any]]] = {
        "twice": (A, A),
        "under-two-keyids": (A, signature(A, TWO, KIND, keyid=B.keyid)),
    }
    for name, entries in twice.items():
        yield chain_case(
            f"one-root-{name}", "A root counts once.", row(1, 2), no(FEW), signed_version(TWO, *entries), ONE
        )
    refused: dict[str, tuple[str, bytes, bytes]] = {
        "too-few-old-roots": ("One root before it is too few.", shared, ONE),
        "no-old-roots": ("Its own roots can't vouch for a version.", signed_version(rotated, D, C), ONE),
        "no-own-roots": ("A version must be signed by its own roots too.", signed_version(rotated, A, B), ONE),
        "too-few-own-roots": ("One of its own roots is too few.", signed_version(rotated, A, B, C), ONE),
        "own-threshold-lowered": (
            "A version can't lower the threshold by which it is accepted.",
            signed_version(version(2, A, B, C, threshold=1), A),
            ONE,
        ),
        "own-threshold-raised": (
            "A version needs as many of its own roots as it says itself.",
            signed_version(version(2, A, B, C, threshold=3), A, B),
            ONE,
        ),
        "unsigned": ("An envelope without signatures is signed by nobody.", signed_version(TWO), ONE),
        "signed-by-strangers": ("Strangers are no roots.", signed_version(TWO, STRANGER, ALICE, D), ONE),
        "signed-by-an-anchor": ("An anchor's key is no root.", signed_version(TWO, ALICE, A), ONE),
        "signatures-of-another-version": (
            "A signature is of one version.",
            signed_version(TWO, *(signature(key, ONE, KIND) for key in (A, B))),
            ONE,
        ),
        "signatures-over-another-type": (
            "A root's signature over another type of payload is none of a trust bundle.",
            signed_version(TWO, *(signature(key, TWO, "application/vnd.in-toto+json") for key in (A, B))),
            ONE,
        ),
        "payload-altered": (
            "The exact bytes are what is signed.",
            signed_version(TWO + b" ", *(signature(key, TWO, KIND) for key in (A, B))),
            ONE,
        ),
        "not-by-the-given-roots": ("The first version needs the given roots.", signed_version(FOUR, C, D), ALONE),
        "too-few-of-the-given-roots": ("One given root is too few.", signed_version(THREE, B, D), ALONE),
        "too-few-in-the-middle": (
            "Every version on the way must be signed well enough.",
            S1 + signed_version(TWO, B) + S3 + S4,
            ONE,
        ),
    }
    for name, (title, trust, root) in refused.items():
        yield chain_case(name, title, TUF, no(FEW), trust, root)


def _order() -> Iterator[Scenario]:
    fork = signed_version(version(2, A, B, C, issued="2026-01-01T00:00:00Z"), A, B)
    rows: dict[str, tuple[str, str, bytes, bytes]] = {
        "gap": ("A version can't be left out.", "trust-version-gap", S3, ONE),
        "gap-in-the-middle": ("A version can't be left out on the way.", "trust-version-gap", S2 + S4, ONE),
        "gap-below-the-root": ("A history with a gap is none.", "trust-version-gap", S1 + S3 + S4, THREE),
        "rollback": ("A version older than the trust root is refused.", "trust-rollback", S2, THREE),
        "rollback-of-a-history": (
            "A history that ends before the root is refused.",
            "trust-rollback",
            S1 + S2,
            THREE,
        ),
        "out-of-order": ("A history is oldest first.", "trust-rollback", S2 + S1 + S3, ONE),
        "newest-first": ("A history is oldest first.", "trust-rollback", S3 + S2 + S1, ONE),
        "a-version-twice": ("A version stands once in a history.", "trust-rollback", S2 + S2 + S3, ONE),
        "fork": ("A version as old as the trust root is the trust root.", "trust-fork", fork, TWO),
        "fork-in-a-history": ("So it is on the way.", "trust-fork", fork + S3, TWO),
        "same-version-in-other-bytes": (
            "The bytes are what is compared, not what they mean.",
            "trust-fork",
            S2,
            indented(json.loads(TWO)),
        ),
    }
    for name, (title, code, trust, root) in rows.items():
        yield chain_case(name, title, TUF, no(code), trust, root)
    yield chain_case(
        "below-the-min-version",
        "A lower version than was asked for is refused.",
        OWN,
        no("trust-rollback"),
        S1 + S2,
        ONE,
        trust_min_version=3,
    )
    yield chain_case(
        "plain-below-the-min-version",
        "So it is of a plain bundle.",
        OWN,
        no("trust-rollback"),
        ONE,
        trust_min_version=2,
    )
