"""Signed trust bundles as the tests use them: roots, versions in their envelopes, and a history of ten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest import Envelope, TrustBundle, sign
from attest._base.json import dumps
from attest.trust.anchors.roots import MEDIA_TYPE, TrustRoots
from attest.trust.history import PAYLOAD_TYPE, accept, read
from tests.support.making.bundles import anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MemorySigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest import Signer

R1, R2, R3, R4, R5 = (MemorySigner("ed25519", number) for number in range(11, 16))


def roots(*owners: Signer | dict[str, Any], threshold: int = 1, **fields: Any) -> dict[str, Any]:
    """`roots` as they stand in a trust bundle."""
    keys = [owner if isinstance(owner, dict) else key(owner) for owner in owners]
    return {"threshold": threshold, "keys": keys, **fields}


def version(number: int, *owners: Signer | dict[str, Any], threshold: int = 1, **fields: Any) -> TrustBundle:
    """A version of the usual trust bundle with these roots."""
    return bundle(version=number, roots=roots(*owners, threshold=threshold), **fields)


def envelope(of: TrustBundle | bytes, *signers: Signer, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The envelope of a version with the signatures of anybody, on one line."""
    unsigned = Envelope(of if isinstance(of, bytes) else of.raw, payload_type)
    return (sign(unsigned, signers) if signers else unsigned).to_json() + b"\n"


def roots_file(*owners: Signer, threshold: int = 1) -> bytes:
    """A file of roots alone."""
    return dumps({"mediaType": MEDIA_TYPE, **roots(*owners, threshold=threshold)})


def given_roots(*owners: Signer, threshold: int = 1) -> TrustRoots:
    """That file, read."""
    return TrustRoots.from_json(roots_file(*owners, threshold=threshold))


def follow(data: bytes, root: TrustBundle | TrustRoots | None, **options: Any) -> TrustBundle:
    """The bundle that a file leads to from a root."""
    return accept(read(data), root, **options).bundle


# Two versions with one root of three rotated, and their envelopes, signed by as few as it takes.
V1, V2 = version(1, R1, R2, R3, threshold=2), version(2, R2, R3, R4, threshold=2)
S1, S2 = envelope(V1, R1, R2), envelope(V2, R2, R3)

# Ten versions of two of three roots: one root is rotated at version 4, and another at version 8.
_SETS = [(R1, R2, R3)] * 3 + [(R2, R3, R4)] * 4 + [(R3, R4, R5)] * 3


def history() -> tuple[list[TrustBundle], list[bytes]]:
    """Ten versions with two rotations of roots, and their envelopes; each signed by as few roots as it takes."""
    versions: list[TrustBundle] = []
    lines: list[bytes] = []
    before: Sequence[Signer] = _SETS[0]
    for number, owners in enumerate(_SETS, start=1):
        anchors = {"release": anchor(ALICE), **({"nightly": anchor(BOB)} if number % 2 else {})}
        made = version(number, *owners, threshold=2, anchors=anchors)
        common = [owner for owner in owners if owner in before]
        versions.append(made)
        lines.append(envelope(made, *common[:2]))
        before = owners
    return versions, lines
