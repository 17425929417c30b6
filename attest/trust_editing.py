"""Changes to a trust bundle: each takes one and returns the next, a version higher and validated whole.

Rule: history is never deleted, and nothing here makes a compromised key count again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from attest._codec import format_time
from attest.errors import InputError
from attest.keys import SIMULATED_PREFIX
from attest.trust import MEDIA_TYPE, TrustBundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from attest.keys import PublicKey


def describe_key(key: PublicKey, **fields: str | None) -> dict[str, Any]:
    """The entry of an anchor's `keys` for `key`, active. `fields` are put beside it, those that are None left out."""
    marks = {"backend": "sim"} if key.simulated else {}
    entry = {"keyid": key.keyid, "algorithm": key.algorithm.name, "public_key": key.to_pem(), **marks}
    return {**entry, **{name: text for name, text in fields.items() if text is not None}, "status": "active"}


def create(
    anchor: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    expires: str | None = None,
    roots: Mapping[str, Any] | None = None,
    **limits: Any,
) -> TrustBundle:
    """Version 1 of a trust bundle with one anchor and, if given, `roots` (`threshold` and `keys`, as they stand there).

    `limits` are the anchor's fields, those that are None left out.
    """
    document: dict[str, Any] = {"mediaType": MEDIA_TYPE, "version": 1, "issued": format_time(now)}
    if expires is not None:
        document["expires"] = expires
    if roots is not None:
        document["roots"] = dict(roots)
    document["anchors"] = {anchor: _anchor(keys, limits)}
    return TrustBundle.from_document(document)


def add(
    bundle: TrustBundle, anchor: str, keys: Sequence[Mapping[str, Any]], *, now: datetime, **limits: Any
) -> TrustBundle:
    """The next version, with `keys` added to the anchor, which is made if it isn't there; `limits` replace its own.

    Raises InputError `key-duplicate` for a key that the anchor has already, whatever its status, and `key-compromised`
    for one that any anchor calls compromised.
    """
    document = _next(bundle, now)
    anchors = document["anchors"]
    lost = {candidate.public_key.keyid for candidate in bundle.candidates if candidate.compromised}
    lost = {keyid.removeprefix(SIMULATED_PREFIX) for keyid in lost}
    for entry in keys:
        if entry["keyid"].removeprefix(SIMULATED_PREFIX) in lost:
            raise InputError("key-compromised", f"the key {entry['keyid']} was revoked, and stays so")
    if anchor not in anchors:
        anchors[anchor] = _anchor(keys, limits)
    else:
        own = anchors[anchor]
        own.update({name: value for name, value in limits.items() if value is not None})
        own["keys"] = [*own["keys"], *keys]
    return TrustBundle.from_document(document)


def without_signers(bundle: TrustBundle) -> TrustBundle:
    """The same version as it is given to verifiers: no key says where its private half is."""
    document = copy.deepcopy(dict(bundle.document))
    holders = [*document["anchors"].values(), *([document["roots"]] if "roots" in document else [])]
    for holder in holders:
        for key in holder["keys"]:
            if key.pop("signer", "").startswith("sim:"):
                key["backend"] = "sim"  # the signer may have been the only mark of a simulated key
    return TrustBundle.from_document(document)


def _next(bundle: TrustBundle, now: datetime) -> dict[str, Any]:
    document = copy.deepcopy(dict(bundle.document))
    document["version"] += 1
    document["issued"] = format_time(now)
    return document


def _anchor(keys: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in limits.items() if value is not None}
    return {"threshold": named.pop("threshold", 1), **named, "keys": list(keys)}
