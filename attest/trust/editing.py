"""Changes to a trust bundle: each takes a bundle and returns the next version, which is checked as a whole.

Rule: history is never deleted, and nothing here makes a compromised key count again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from attest._base.times import format_time, parse_time
from attest.errors import InputError
from attest.keys import SIMULATED_PREFIX
from attest.trust.anchors import named
from attest.trust.bundle import MEDIA_TYPE, TrustBundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from attest.keys import Certificate, PublicKey
    from attest.trust.anchors import Status

# What has keys: an anchor, by its name, or the roots, which sign the trust bundle itself.
Holder = str | None
ROOTS: Final = None


def describe_key(key: PublicKey, certificate: Certificate | None = None, /, **fields: str | None) -> dict[str, Any]:
    """The entry of an anchor's `keys` for `key`, active, with those of the other `fields` that are not None.

    A key from a `certificate` counts at most in the validity period of the certificate, whatever `fields` contain.
    """
    if certificate is not None:
        begin, end = (_moment(fields.get(name)) for name in ("not_before", "not_after"))
        fields["not_before"] = format_time(max(certificate.not_before, begin or certificate.not_before))
        fields["not_after"] = format_time(min(certificate.not_after, end or certificate.not_after))
    marks = {"backend": "sim"} if key.simulated else {}
    entry = {"keyid": key.keyid, "algorithm": key.algorithm.name, "public_key": key.to_pem(), **marks}
    return {**entry, **{name: text for name, text in fields.items() if text is not None}, "status": "active"}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text, where="")


def create(
    anchor: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    expires: str | None = None,
    roots: Mapping[str, Any] | None = None,
    **limits: Any,
) -> TrustBundle:
    """Version 1 of a trust bundle with one anchor and, if given, `roots` (an object with `threshold` and `keys`).

    `limits` are the other fields of the anchor; those that are None are left out.
    """
    document: dict[str, Any] = {"mediaType": MEDIA_TYPE, "version": 1, "issued": format_time(now)}
    if expires is not None:
        document["expires"] = expires
    if roots is not None:
        document["roots"] = dict(roots)
    document["anchors"] = {anchor: _anchor(keys, limits)}
    return TrustBundle.from_document(document)


def add(
    bundle: TrustBundle, anchor: Holder, keys: Sequence[Mapping[str, Any]], *, now: datetime, **limits: Any
) -> TrustBundle:
    """The next version, with `keys` added to the anchor, which is created if it does not exist.

    `limits` replace those of the anchor. Raises InputError `key-duplicate` for a key that the anchor already has,
    whatever its status, and `key-compromised` for one that is compromised in any anchor.
    """
    document = _next(bundle, now)
    _append(document, anchor, keys, limits)
    return TrustBundle.from_document(document)


def retire(
    bundle: TrustBundle,
    anchor: Holder,
    keyid: str,
    *,
    now: datetime,
    at: datetime | None = None,
    reason: str | None = None,
) -> TrustBundle:
    """The next version, in which the key of the anchor is retired since `at` or, without it, `now`.

    Raises InputError `anchor-unknown`, `key-unknown`, `key-retired` or `key-compromised` for a key that already has
    this status, and `time-invalid` for a time in the future.
    """
    document = _next(bundle, now)
    _restate(_active(document, anchor, keyid), "retired", _past(at, now), reason)
    return TrustBundle.from_document(document)


def revoke(
    bundle: TrustBundle, keyid: str, *, now: datetime, at: datetime | None = None, reason: str | None = None
) -> TrustBundle:
    """The next version, in which the key is compromised in all anchors and roots, since `at` or `now`, finally.

    It succeeds even if an anchor can then no longer reach its threshold: such an anchor accepts nothing. Raises
    InputError `key-unknown`, `key-compromised` for a key that is already compromised everywhere, and `time-invalid`.
    """
    document = _next(bundle, now)
    entries = [entry for anchor in holders(document) for entry in _entries(document, anchor, keyid)]
    if not entries:
        raise _unknown(keyid, "the trust bundle")
    sound = [entry for entry in entries if entry.get("status") != "compromised"]
    if not sound:
        raise InputError("key-compromised", f"the key {keyid} is already compromised")
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
    InputError as `add` for the new key, and as `retire` for the old one.
    """
    document = _next(bundle, now)
    old = _active(document, anchor, keyid)
    if not overlap or anchor is ROOTS:
        _restate(old, "retired", now, reason)
    else:
        if reason is not None:
            _restate(old, "active", None, reason)
        end = now + overlap
        if "not_after" not in old or end < parse_time(old["not_after"], where="/not_after"):
            old["not_after"] = format_time(end)
    begin = {} if anchor is ROOTS else {"not_before": format_time(max(now, _moment(key.get("not_before")) or now))}
    _append(document, anchor, [{**key, **begin}], {})
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
        for key in held(document, anchor)["keys"]:
            if key.pop("signer", "").startswith("sim:"):
                key["backend"] = "sim"  # the signer may have been the only mark of a simulated key
    return TrustBundle.from_document(document)


def holders(document: Mapping[str, Any]) -> list[Holder]:
    """Everything in a trust bundle's document that has keys: its anchors by name, and its roots if it has any."""
    return [*document["anchors"], *([ROOTS] if "roots" in document else [])]


def held(document: Mapping[str, Any], anchor: Holder) -> dict[str, Any]:
    """The `threshold`, `keys` and limits of an anchor, or of the roots. Raises InputError `anchor-unknown`."""
    if anchor is ROOTS and "roots" not in document:
        known = ", ".join(list(document["anchors"])[:8])
        raise InputError(
            "anchor-unknown",
            "the trust bundle has no roots",
            hint=f"Use one of its anchors: {known}." if known else None,
        )
    found: dict[str, Any] = document["roots"] if anchor is ROOTS else named(document["anchors"], anchor)
    return found


def find(document: Mapping[str, Any], anchor: Holder, keyid: str) -> dict[str, Any]:
    """The entry that an anchor has for a key. Raises InputError `anchor-unknown` or `key-unknown`."""
    for entry in _entries(document, anchor, keyid):
        return entry
    raise _unknown(keyid, called(anchor))


def called(anchor: Holder) -> str:
    """An anchor, or the roots, in a sentence."""
    return "roots" if anchor is ROOTS else f"anchor {anchor!r}"


def bare(keyid: str) -> str:
    """A keyid without the mark of the simulator, which is the same in all entries for a key."""
    return keyid.removeprefix(SIMULATED_PREFIX)


def compromised(document: Mapping[str, Any]) -> set[str]:
    """The bare keyids of the keys that are compromised in any part of a valid document."""
    keys = [key for anchor in holders(document) for key in held(document, anchor)["keys"]]
    return {bare(key["keyid"]) for key in keys if key.get("status") == "compromised"}


def _next(bundle: TrustBundle, now: datetime) -> dict[str, Any]:
    document = copy.deepcopy(dict(bundle.document))
    document["version"] += 1
    document["issued"] = format_time(now)
    return document


def _append(
    document: dict[str, Any], anchor: Holder, keys: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
) -> None:
    lost = compromised(document)
    for entry in keys:
        if bare(entry["keyid"]) in lost:
            raise InputError("key-compromised", f"the key {entry['keyid']} is compromised, so it cannot be added")
    if anchor not in holders(document):
        place, name = (document, "roots") if anchor is ROOTS else (document["anchors"], anchor)
        place[name] = _anchor(keys, limits)
    else:
        own = held(document, anchor)
        own.update({name: value for name, value in limits.items() if value is not None})
        own["keys"] = [*own["keys"], *keys]


def _active(document: Mapping[str, Any], anchor: Holder, keyid: str) -> dict[str, Any]:
    """The anchor's entry for a key that is neither retired nor, anywhere, compromised."""
    entry = find(document, anchor, keyid)
    if bare(keyid) in compromised(document):
        raise InputError("key-compromised", f"the key {keyid} is compromised, which cannot be changed")
    if entry.get("status") == "retired":
        since = f" since {entry['status_since']}" if "status_since" in entry else ""
        raise InputError("key-retired", f"the key {keyid} of {called(anchor)} is already retired{since}")
    return entry


def _entries(document: Mapping[str, Any], anchor: Holder, keyid: str) -> list[dict[str, Any]]:
    return [key for key in held(document, anchor)["keys"] if bare(key["keyid"]) == bare(keyid)]


def _unknown(keyid: str, where: str) -> InputError:
    hint = "Run `attest trust show` to list the keyids."
    return InputError("key-unknown", f"no key of {where} has the keyid {keyid}", hint=hint)


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


def _anchor(keys: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in limits.items() if value is not None}
    return {"threshold": named.pop("threshold", 1), **named, "keys": list(keys)}
