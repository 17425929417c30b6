"""The changes between two trust bundles, and which of them allow more than before.

Rule: a change that is not known to be harmless counts as weakening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import pointer
from attest._base.text import plural
from attest.keys import algorithm_named
from attest.trust.anchors.owners import heirs
from attest.trust.diff.authorities import of_authorities
from attest.trust.diff.changes import Change, beyond, field_names, of_field, same, was_text
from attest.trust.entries import (
    AUTHORITIES,
    ROOTS,
    TIMESTAMP_AUTHORITIES,
    bare,
    called,
    compromised,
    compromised_identities,
    covers,
    held,
    holders,
    identity_text,
)

__all__ = ["Change", "diff"]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.trust.anchors import TrustAnchor
    from attest.trust.bundle import TrustBundle
    from attest.trust.entries import Holder

_LIMITS: Final = ("subjects", "predicate_types", "payload_types", "builders")
_WINDOW: Final = {"not_before": -1, "not_after": 1}
_STATUS: Final = ("status", "status_since", "reason", "history")
_ACCEPTS: Final = {"compromised": 0, "retired": 1, "active": 2}


class _Side(NamedTuple):
    """One of the two bundles: its document and anchors, and what of it is compromised or simulated.

    `lost` and `simulated` are the bare keyids of keys, and `lost_identities` entries of identities.
    """

    document: Mapping[str, Any]
    anchors: Mapping[str, TrustAnchor]
    lost: set[str]
    simulated: set[str]
    lost_identities: list[Mapping[str, Any]]

    @classmethod
    def of(cls, bundle: TrustBundle) -> _Side:
        simulated = {bare(candidate.public_key.keyid) for candidate in bundle.candidates if candidate.simulated}
        lost = compromised(bundle.document)
        return cls(bundle.document, bundle.anchors, lost, simulated, compromised_identities(bundle.document))


def diff(old: TrustBundle, new: TrustBundle) -> list[Change]:
    """All changes from `old` to `new`: of the bundle, of its authorities and anchors by name, and of their members.

    A change is `weakened` if the bundle accepts more than before, or forgets a key that must not count.
    """
    before, after = _Side.of(old), _Side.of(new)
    changes = [*_of_fields(before.document, after.document)]
    known = holders(before.document)
    for anchor in [*known, *(name for name in holders(after.document) if name not in known)]:
        changes += _of_holder(anchor, before, after)
    for keyid in sorted(before.simulated - after.simulated):
        if any(
            bare(key["keyid"]) == keyid
            for name in holders(new.document)
            for key in _members(new.document, name, "keys")
        ):
            message = f"key {keyid} is no longer marked as simulated"
            changes.append(Change("key-changed", "/anchors", message, weakened=True))
    if changes and new.version <= old.version and all(change.kind != "version-changed" for change in changes):
        changes.insert(
            0, Change("version-changed", "/version", f"the content changed, but the version is still {new.version}")
        )
    return changes


def _of_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in field_names(old, new, without=("mediaType", "anchors", "roots")):
        was, now = old.get(name), new.get(name)
        if same(was, now):
            continue
        where = pointer(name)
        if name == "version":
            yield Change("version-changed", where, was_text("version", was, now))
        elif name in ("issued", "expires"):
            longer = name == "expires" and beyond(was, now, 1)
            yield Change(f"{name}-changed", where, was_text(name, was, now), longer)
        elif name in (AUTHORITIES, TIMESTAMP_AUTHORITIES):
            yield from of_authorities(name, was or {}, now or {})
        else:
            yield from of_field(name, where, was, now, weakens=not name.startswith("x-"))


def _of_holder(anchor: Holder, old: _Side, new: _Side) -> Iterator[Change]:
    name, where = called(anchor), pointer("roots") if anchor is ROOTS else pointer("anchors", anchor)
    was, now = _holder(old.document, anchor), _holder(new.document, anchor)
    if was is None and now is not None:
        # Without roots a bundle needs no signature, so adding roots only requires more.
        head = f"{name} added" if anchor is ROOTS else f"new {name}"
        free = "" if anchor is ROOTS or "subjects" in now else ", for all subjects"
        yield Change("anchor-added", where, f"{head}: {now['threshold']} of {_counted(now)}{free}", anchor is not ROOTS)
        for field in field_names({}, now, without=("threshold", "keys", "identities")):
            yield from _of_setting(anchor, f"{where}/{field}", field, None, now[field], new)
    elif was is not None and now is None:
        inherited = heirs(new.anchors, anchor or "", was.get("subjects", ()))
        names = _to_whom(set().union(*inherited.values()))
        yield Change("anchor-removed", where, f"{name} removed{names}", anchor is ROOTS or bool(names))
    elif was is not None and now is not None:
        for field in field_names(was, now, without=("keys", "identities")):
            if not same(was.get(field), now.get(field)):
                yield from _of_setting(anchor, f"{where}/{field}", field, was.get(field), now.get(field), new)
    weakens = was is not None or anchor is not ROOTS
    keys, identities = (
        (_members(old.document, anchor, field), _members(new.document, anchor, field))
        for field in ("keys", "identities")
    )
    yield from _of_keys(name, where, old, new, *keys, weakens)
    yield from _of_identities(name, where, old, new, *identities)


def _of_setting(anchor: Holder, where: str, field: str, was: Any, now: Any, new: _Side) -> Iterator[Change]:
    name = called(anchor)
    if field == "threshold":
        yield Change("threshold-changed", where, f"{name}: {was_text(field, was, now)}", now < was)
    elif field == "require":
        weakened = not set(was or ()) <= set(now or ())
        yield Change("limit-changed", where, f"{name}: {was_text(field, was, now)}", weakened)
    elif field not in _LIMITS:
        yield Change("field-changed", where, f"{name}: {was_text(field, was, now)}")
    elif now is None:
        message = f"{name}: {_plain(field)} no longer limited (was {', '.join(was) or 'none'})"
        yield Change("limit-changed", where, message, weakened=True)
    elif was is None:
        message = f"{name}: {_plain(field)} limited to {', '.join(now) or 'none'}"
        yield Change("limit-changed", where, message)
    else:
        for item in dict.fromkeys(now):
            if item not in was:
                yield Change("limit-changed", where, f"{name}: {item} added to {_plain(field)}", weakened=True)
        gone = [item for item in dict.fromkeys(was) if item not in now]
        inherited = heirs(new.anchors, anchor or "", gone) if field == "subjects" else {}
        for item in gone:
            names = _to_whom(inherited.get(item, set()))
            message = f"{name}: {item} removed from {_plain(field)}{names}"
            yield Change("limit-changed", where, message, bool(names))


def _to_whom(heirs: set[str]) -> str:
    """Which anchors become responsible for names that an anchor no longer has."""
    return f"; now responsible: {', '.join(f'anchor {name!r}' for name in sorted(heirs))}" if heirs else ""


def _of_keys(
    name: str,
    where: str,
    old: _Side,
    new: _Side,
    was: list[Mapping[str, Any]],
    now: list[Mapping[str, Any]],
    weakens: bool,
) -> Iterator[Change]:
    before, after = ({bare(key["keyid"]): key for key in keys} for keys in (was, now))
    for keyid, key in before.items():
        if keyid not in after:
            message = f"{name}: key {_key(key)} removed with its history"
            forgotten = keyid in old.lost and keyid not in new.lost
            if forgotten:
                message = f"{name}: compromised key {_key(key)} removed, so it can be added again"
            place = f"{where}/keys/{was.index(key)}"
            yield Change("key-removed", place, message, forgotten)
    for index, key in enumerate(now):
        keyid, place = bare(key["keyid"]), f"{where}/keys/{index}"
        if keyid in before:
            yield from _of_member("key", f"{name}: key {_key(key)}", place, before[keyid], key)
        else:
            message = f"{name}: key {_key(key)} added: {_status(key)}{_period(key)}"
            yield Change("key-added", place, message, weakens and keyid not in new.lost)


def _of_identities(
    name: str, where: str, old: _Side, new: _Side, was: list[Mapping[str, Any]], now: list[Mapping[str, Any]]
) -> Iterator[Change]:
    """Identities are compared with those that have the same claims or, without one, only the same SAN glob."""
    pairs = _paired(was, now)
    for index, entry in enumerate(was):
        if index not in pairs.values():
            message = f"{name}: identity {identity_text(entry)} removed with its history"
            forgotten = entry in old.lost_identities and not any(covers(one, entry) for one in new.lost_identities)
            if forgotten:
                message = f"{name}: compromised identity {identity_text(entry)} removed, so it can be added again"
            yield Change("identity-removed", f"{where}/identities/{index}", message, forgotten)
    for index, entry in enumerate(now):
        place = f"{where}/identities/{index}"
        if index in pairs:
            who = f"{name}: identity {identity_text(entry)}"
            yield from _of_member("identity", who, place, was[pairs[index]], entry)
        else:
            message = f"{name}: identity {identity_text(entry)} added: {_status(entry)}{_period(entry)}"
            lost = any(covers(one, entry) for one in new.lost_identities)
            yield Change("identity-added", place, message, not lost)


def _paired(was: list[Mapping[str, Any]], now: list[Mapping[str, Any]]) -> dict[int, int]:
    """For the positions in `now` that have one, the position in `was` of the same identity."""
    pairs: dict[int, int] = {}
    for is_same in (lambda one, other: covers(one, other) and covers(other, one), _is_named_alike):
        for new, entry in enumerate(now):
            free = [old for old in range(len(was)) if old not in pairs.values() and is_same(was[old], entry)]
            if new not in pairs and free:
                pairs[new] = free[0]
    return pairs


def _is_named_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return covers({**one, "claims": {}}, other)


def _of_member(noun: str, who: str, where: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    status, earlier = now.get("status", "active"), was.get("status", "active")
    if status != earlier:
        message = f"{who}: {earlier} -> {_status(now)}"
        yield Change(f"{noun}-status-changed", f"{where}/status", message, _ACCEPTS[status] > _ACCEPTS[earlier])
    for field in field_names(was, now, without=("status",)):
        before, after = was.get(field), now.get(field)
        # A new status has its own time and reason, and moves the earlier ones into the history.
        if same(before, after) or (status != earlier and _belongs_to_status(field, was, now)):
            continue
        place, message = f"{where}/{field}", f"{who}: {was_text(field, before, after)}"
        if field == "algorithm" and algorithm_named(was[field]) == algorithm_named(now[field]):
            yield Change("key-changed", place, message)
        elif field in ("keyid", "public_key"):
            yield Change("key-changed", place, f"{who}: {field} is written differently")
        elif field in ("signer", "backend"):
            yield Change("key-signer-changed", place, message)
        elif field in _WINDOW:
            yield Change(f"{noun}-window-changed", place, message, beyond(before, after, _WINDOW[field]))
        elif field == "claims":
            yield from _of_claims(who, place, before or {}, after or {}, "compromised" in (status, earlier))
        else:
            weakened = field in ("algorithm", "digest") or (field == "status_since" and beyond(before, after, 1))
            yield Change(f"{noun}-changed", place, message, weakened)


def _of_claims(
    who: str, where: str, was: Mapping[str, str], now: Mapping[str, str], compromised: bool
) -> Iterator[Change]:
    """With fewer claims more certificates count; what is compromised blocks fewer with more claims."""
    for name in field_names(was, now, without=()):
        before, after = was.get(name), now.get(name)
        if before != after:
            weakened = compromised or before is not None
            message = f"{who}: {was_text(f'claim {name}', before, after)}"
            yield Change("identity-changed", f"{where}{pointer(name)}", message, weakened)


def _belongs_to_status(field: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    kept = was.get("history", [])
    return field in _STATUS and (field != "history" or now.get("history", [])[: len(kept)] == kept)


def _holder(document: Mapping[str, Any], anchor: Holder) -> Mapping[str, Any] | None:
    return held(document, anchor) if anchor in holders(document) else None


def _members(document: Mapping[str, Any], anchor: Holder, field: str) -> list[Mapping[str, Any]]:
    return list((_holder(document, anchor) or {}).get(field, ()))


def _counted(anchor: Mapping[str, Any]) -> str:
    keys, identities = (len(anchor.get(field, ())) for field in ("keys", "identities"))
    named = [plural(keys, "key")] if keys or not identities else []
    return " and ".join([*named, *([plural(identities, "identity")] if identities else [])])


def _key(key: Mapping[str, Any]) -> str:
    return f"{key['algorithm']} {key['keyid']}"


def _status(key: Mapping[str, Any]) -> str:
    since = f" since {key['status_since']}" if "status_since" in key else ""
    reason = f" ({key['reason']})" if "reason" in key else ""
    return f"{key.get('status', 'active')}{since}{reason}"


def _period(key: Mapping[str, Any]) -> str:
    begin = f", from {key['not_before']}" if "not_before" in key else ""
    return begin + (f", until {key['not_after']}" if "not_after" in key else "")


def _plain(field: str) -> str:
    return field.replace("_", " ")
