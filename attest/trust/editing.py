"""Changes to a trust bundle: each takes a bundle and returns the next version, which is checked as a whole.

Rule: history is never deleted, and nothing here makes a compromised key count again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from attest._base.times import format_time, parse_time
from attest.errors import InputError
from attest.signers._uri import is_simulated
from attest.trust.bundle import MEDIA_TYPE, TrustBundle
from attest.trust.entries import (
    AUTHORITIES,
    ROOTS,
    Holder,
    IdentitySelector,
    KeyOrIdentity,
    bare,
    called,
    completed,
    compromised,
    compromised_identities,
    covers,
    demand,
    describe_identity,
    describe_key,
    entries_of,
    find,
    held,
    holders,
    identity_text,
    kind_of,
    member_text,
    members,
    moment_of,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from attest.trust.anchors import Status

__all__ = [
    "ROOTS",
    "Holder",
    "IdentitySelector",
    "KeyOrIdentity",
    "add",
    "bare",
    "called",
    "completed",
    "create",
    "demand",
    "describe_identity",
    "describe_key",
    "find",
    "held",
    "holders",
    "limit",
    "numbered",
    "retire",
    "revoke",
    "rotate",
    "without_signers",
]


def create(
    anchor: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    identities: Sequence[Mapping[str, Any]] = (),
    authorities: Mapping[str, Mapping[str, Any]] | None = None,
    expires: str | None = None,
    roots: Mapping[str, Any] | None = None,
    **limits: Any,
) -> TrustBundle:
    """Version 1 of a trust bundle with one anchor and, if given, `roots` (an object with `threshold` and `keys`).

    `authorities` are those that `identities` name, by name. `limits` are the other fields of the anchor; those that are
    None are left out.
    """
    document: dict[str, Any] = {"mediaType": MEDIA_TYPE, "version": 1, "issued": format_time(now)}
    if expires is not None:
        document["expires"] = expires
    if roots is not None:
        document["roots"] = dict(roots)
    if authorities:
        document["authorities"] = dict(authorities)
    document["anchors"] = {anchor: _anchor(keys, identities, limits)}
    return TrustBundle.from_document(document)


def add(
    bundle: TrustBundle,
    anchor: Holder,
    keys: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    identities: Sequence[Mapping[str, Any]] = (),
    authorities: Mapping[str, Mapping[str, Any]] | None = None,
    **limits: Any,
) -> TrustBundle:
    """The next version, with `keys` and `identities` added to the anchor, which is created if it does not exist.

    `authorities` are new ones, by name. `limits` replace those of the anchor. Raises InputError `key-duplicate` or
    `identity-duplicate` for one that the anchor already has, whatever its status, `key-compromised` or
    `identity-compromised` for one that is compromised in any anchor, and `authority-exists`.
    """
    document = next_document(bundle, now)
    for name, entry in (authorities or {}).items():
        put_authority(document, AUTHORITIES, name, entry)
    _append(document, anchor, keys, limits, identities)
    return TrustBundle.from_document(document)


def limit(
    bundle: TrustBundle,
    anchor: Holder,
    limits: Mapping[str, Any],
    *,
    removed: Collection[str] = (),
    expires: str | None = None,
    now: datetime,
) -> TrustBundle:
    """The next version, in which an anchor has other limits, or `bundle` itself if the anchor has them already.

    `limits` are fields of the anchor; None leaves one as it is. Those in `removed` do not limit any more. `expires` is
    a new end of the bundle. Raises InputError `anchor-unknown` if a limit is given, and what reading a bundle raises:
    `threshold-unreachable` if there are too few keys.
    """
    document = next_document(bundle, now)
    if expires is not None:
        document["expires"] = expires
    given = {name: value for name, value in limits.items() if value is not None}
    own = held(document, anchor) if given or removed else {}
    own.update(given)
    for name in removed:
        own.pop(name, None)
    before = {**bundle.document, "version": document["version"], "issued": document["issued"]}
    return bundle if document == before else TrustBundle.from_document(document)


def put_authority(document: dict[str, Any], field: str, name: str, entry: Mapping[str, Any]) -> None:
    """Add an authority to a field of a document. Raises InputError `authority-exists`."""
    listed = document.get(field, {})
    if name in listed:
        hint = "Choose another name, or replace it: attest trust authority add --replace."
        raise InputError("authority-exists", f"the trust bundle already has an authority {name!r}", hint=hint)
    document[field] = {**listed, name: entry}


def retire(
    bundle: TrustBundle,
    anchor: Holder,
    member: KeyOrIdentity,
    *,
    now: datetime,
    at: datetime | None = None,
    reason: str | None = None,
) -> TrustBundle:
    """The next version, in which a key or an identity of the anchor is retired since `at` or, without it, `now`.

    Raises InputError `anchor-unknown`, `key-unknown`, `key-retired` or `key-compromised` for a key that already has
    this status, the same codes for an identity and `identity-ambiguous`, and `time-invalid` for a time in the future.
    """
    document = next_document(bundle, now)
    _restate(_active(document, anchor, member), "retired", _past(at, now), reason)
    return TrustBundle.from_document(document)


def revoke(
    bundle: TrustBundle, member: KeyOrIdentity, *, now: datetime, at: datetime | None = None, reason: str | None = None
) -> TrustBundle:
    """The next version, in which a key, or all identities that are selected, are compromised everywhere, finally.

    It succeeds even if an anchor can then no longer reach its threshold: such an anchor accepts nothing. Raises
    InputError `key-unknown`, `key-compromised` for a key that is already compromised everywhere, the same codes for
    identities, and `time-invalid`.
    """
    document = next_document(bundle, now)
    entries = [entry for anchor in holders(document) for entry in entries_of(document, anchor, member)]
    if not entries:
        raise unknown(member, "the trust bundle")
    sound = [entry for entry in entries if entry.get("status") != "compromised"]
    if not sound:
        raise InputError(f"{kind_of(member)}-compromised", f"{member_text(member)} is already compromised")
    for entry in sound:
        _restate(entry, "compromised", _past(at, now), reason)
    return TrustBundle.from_document(document)


def rotate(
    bundle: TrustBundle,
    anchor: Holder,
    keyid: str,
    key: Mapping[str, Any],
    *,
    now: datetime,
    overlap: timedelta,
    reason: str | None = None,
) -> TrustBundle:
    """The next version, in which `key` counts from `now` on, and the key that it replaces until `overlap` has passed.

    The old key never counts longer than before; without an overlap it is retired. A root has no validity period, so
    it has no overlap: the old root can sign this version, as a root of the previous one, and none after it. Raises
    InputError as `add` for the new key, and as `retire` for the old one. An identity has no key to replace: add another
    one, and retire the old one.
    """
    document = next_document(bundle, now)
    old = _active(document, anchor, keyid)
    if not overlap or anchor is ROOTS:
        _restate(old, "retired", now, reason)
    else:
        if reason is not None:
            _restate(old, "active", None, reason)
        end = now + overlap
        if "not_after" not in old or end < parse_time(old["not_after"], where="/not_after"):
            old["not_after"] = format_time(end)
    begin = {} if anchor is ROOTS else {"not_before": format_time(max(now, moment_of(key.get("not_before")) or now))}
    _append(document, anchor, [{**key, **begin}], {}, ())
    return TrustBundle.from_document(document)


def numbered(bundle: TrustBundle, version: int) -> TrustBundle:
    """The same bundle with another version: several changes that are published together have one number.

    Raises InputError `trust-rollback` for a number above its own: the bundle is based on an older version.
    """
    if version > bundle.version:
        message = f"the file is based on version {bundle.version - 1}, but version {version - 1} is already published"
        raise InputError("trust-rollback", message)
    return TrustBundle.from_document({**copy.deepcopy(dict(bundle.document)), "version": version})


def without_signers(bundle: TrustBundle) -> TrustBundle:
    """The same version as it is published: no key has a `signer`."""
    document = copy.deepcopy(dict(bundle.document))
    for anchor in holders(document):
        for key in members(document, anchor, "keys"):
            if is_simulated(key.pop("signer", "")):
                key["backend"] = "sim"  # the signer may have been the only mark of a simulated key
    return TrustBundle.from_document(document)


def next_document(bundle: TrustBundle, now: datetime) -> dict[str, Any]:
    """A copy of the document of a bundle, as the next version that is issued `now`."""
    document = copy.deepcopy(dict(bundle.document))
    document["version"] += 1
    document["issued"] = format_time(now)
    return document


def _append(
    document: dict[str, Any],
    anchor: Holder,
    keys: Sequence[Mapping[str, Any]],
    limits: Mapping[str, Any],
    identities: Sequence[Mapping[str, Any]],
) -> None:
    lost = compromised(document)
    for entry in keys:
        if bare(entry["keyid"]) in lost:
            raise InputError("key-compromised", f"the key {entry['keyid']} is compromised, so it cannot be added")
    lost_identities = compromised_identities(document)
    for entry in identities:
        if any(covers(one, entry) for one in lost_identities):
            message = f"the identity {identity_text(entry)} is compromised, so it cannot be added"
            raise InputError("identity-compromised", message)
    if anchor not in holders(document):
        place, name = (document, "roots") if anchor is ROOTS else (document["anchors"], anchor)
        place[name] = _anchor(keys, identities, limits)
    else:
        own = held(document, anchor)
        own.update({name: value for name, value in limits.items() if value is not None})
        for name, entries in (("keys", keys), ("identities", identities)):
            if entries:
                own[name] = [*own.get(name, ()), *entries]


def _active(document: Mapping[str, Any], anchor: Holder, member: KeyOrIdentity) -> dict[str, Any]:
    """The anchor's entry for a key or identity that is neither retired nor, anywhere, compromised."""
    entry = find(document, anchor, member)
    lost = (
        bare(member) in compromised(document)
        if isinstance(member, str)
        else any(covers(one, entry) for one in compromised_identities(document))
    )
    if lost:
        raise InputError(
            f"{kind_of(member)}-compromised", f"{member_text(member)} is compromised, which cannot be changed"
        )
    if entry.get("status") == "retired":
        since = f" since {entry['status_since']}" if "status_since" in entry else ""
        message = f"{member_text(member)} of {called(anchor)} is already retired{since}"
        raise InputError(f"{kind_of(member)}-retired", message)
    return entry


def _restate(entry: dict[str, Any], status: Status, since: datetime | None, reason: str | None) -> None:
    """Set the status of a key, and move the earlier one into its history."""
    before = {name: entry.pop(name) for name in ("status", "status_since", "reason") if name in entry}
    history = entry.pop("history", [])
    if before.keys() - {"status"}:
        history = [*history, {"status": "active", **before}]
    entry["status"] = status
    entry |= {} if since is None else {"status_since": format_time(since)}
    entry |= {} if reason is None else {"reason": reason}
    entry |= {"history": history} if history else {}


def _past(at: datetime | None, now: datetime) -> datetime:
    if at is not None and at > now:
        message = f"the time {format_time(at)} is in the future"
        hint = "To set the end of a key in the future, use `attest trust rotate --overlap`."
        raise InputError("time-invalid", message, hint=hint)
    return at or now


def _anchor(
    keys: Sequence[Mapping[str, Any]], identities: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
) -> dict[str, Any]:
    named = {name: value for name, value in limits.items() if value is not None}
    members = {"keys": list(keys)} if keys or not identities else {}
    members |= {"identities": list(identities)} if identities else {}
    return {"threshold": named.pop("threshold", 1), **named, **members}
