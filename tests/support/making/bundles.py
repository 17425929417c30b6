"""Trust bundles: their parts as they stand in one, whole bundles, and the times that the tests use with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attest import PublicKey, Signer, TrustBundle
from attest._base.json import dumps
from attest.trust import editing
from attest.trust.bundle import MEDIA_TYPE
from attest.trust.editing import describe_key
from tests.support.making.keys import ALICE

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PAST, FUTURE = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"


def key(owner: Signer | PublicKey, **fields: Any) -> dict[str, Any]:
    """The entry of an anchor's `keys`."""
    return describe_key(owner if isinstance(owner, PublicKey) else owner.public_key) | fields


def anchor(*keys: Signer | dict[str, Any], threshold: int = 1, **limits: Any) -> dict[str, Any]:
    """An anchor as it stands in a trust bundle."""
    return {
        "threshold": threshold,
        "keys": [entry if isinstance(entry, dict) else key(entry) for entry in keys],
        **limits,
    }


def bundle_document(anchors: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A trust bundle's JSON; ALICE's key alone in the anchor `release` unless told otherwise."""
    chosen = {"release": anchor(ALICE)} if anchors is None else anchors
    return {"mediaType": MEDIA_TYPE, "version": 1, "anchors": chosen, **fields}


def bundle(anchors: dict[str, Any] | None = None, **fields: Any) -> TrustBundle:
    """That trust bundle, read back from its bytes."""
    return TrustBundle.from_json(dumps(bundle_document(anchors, **fields)))


def trust_in(*keys: PublicKey, threshold: int = 1, **limits: Any) -> TrustBundle:
    """A trust bundle with `keys` under the one anchor `release`."""
    return editing.create(
        "release", [editing.describe_key(key) for key in keys], now=NOW, threshold=threshold, **limits
    )
