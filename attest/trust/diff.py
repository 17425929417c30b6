"""The changes between two trust bundles, and which of them allow more than before.

Rule: a change that is not known to be harmless counts as weakening.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import dumps, pointer
from attest._base.text import plural
from attest._base.times import parse_time
from attest.errors import InputError
from attest.keys import algorithm_named
from attest.trust.editing import ROOTS, bare, called, compromised, held, holders
from attest.trust.owners import heirs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.trust.anchors import TrustAnchor
    from attest.trust.bundle import TrustBundle
    from attest.trust.editing import Holder

_LIMITS: Final = ("subjects", "predicate_types", "payload_types", "builders")
_WINDOW: Final = {"not_before": -1, "not_after": 1}
_STATUS: Final = ("status", "status_since", "reason", "history")
_ACCEPTS: Final = {"compromised": 0, "retired": 1, "active": 2}


class Change(NamedTuple):
    """One difference: its kind, the JSON pointer of the place, a message, and whether it weakens the bundle.

    The pointer is into the new bundle or, for what was removed, into the old one.
    """

    kind: str
    where: str
    message: str
    weakened: bool = False


class _Side(NamedTuple):
    """One of the two bundles: its document and anchors, and the bare keyids of its compromised and simulated keys."""

    document: Mapping[str, Any]
    anchors: Mapping[str, TrustAnchor]
    lost: set[str]
    simulated: set[str]

    @classmethod
    def of(cls, bundle: TrustBundle) -> _Side:
        simulated = {bare(candidate.public_key.keyid) for candidate in bundle.candidates if candidate.simulated}
        return cls(bundle.document, bundle.anchors, compromised(bundle.document), simulated)


def diff(old: TrustBundle, new: TrustBundle) -> list[Change]:
    """All changes from `old` to `new`: of the bundle, of its anchors by name, and of their keys by keyid.

    A change is `weakened` if the bundle accepts more than before, or forgets a key that must not count.
    """
    before, after = _Side.of(old), _Side.of(new)
    changes = [*_of_fields(before.document, after.document)]
    known = holders(before.document)
    for anchor in [*known, *(name for name in holders(after.document) if name not in known)]:
        changes += _of_holder(anchor, before, after)
    for keyid in sorted(before.simulated - after.simulated):
        if any(bare(key["keyid"]) == keyid for name in holders(new.document) for key in _keys(new.document, name)):
            message = f"key {keyid} is no longer marked as simulated"
            changes.append(Change("key-changed", "/anchors", message, weakened=True))
    if changes and new.version <= old.version and all(change.kind != "version-changed" for change in changes):
        changes.insert(
            0, Change("version-changed", "/version", f"the content changed, but the version is still {new.version}")
        )
    return changes


def _of_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in _names(old, new, without=("mediaType", "anchors", "roots")):
        was, now = old.get(name), new.get(name)
        if _same(was, now):
            continue
        where = pointer(name)
        if name == "version":
            yield Change("version-changed", where, _was("version", was, now))
        elif name in ("issued", "expires"):
            longer = name == "expires" and _beyond(was, now, 1)
            yield Change(f"{name}-changed", where, _was(name, was, now), longer)
        else:
            yield from _of_field(name, where, was, now, weakens=not name.startswith("x-"))


def _of_field(name: str, where: str, was: Any, now: Any, *, weakens: bool) -> Iterator[Change]:
    """A field that is unknown here, and that may extend the trust."""
    before, after = _items(was), _items(now)
    if before is None or after is None:
        yield Change("field-changed", where, _was(name, was, now), weakens)
        return
    for item, value in after.items():
        if item not in before:
            yield Change("field-changed", where, f"{name}: {_said(item)} added", weakens)
        elif not _same(before[item], value):
            yield Change("field-changed", where, f"{name}: {_said(item)} changed", weakens)
    for item in before:
        if item not in after:
            yield Change("field-changed", where, f"{name}: {_said(item)} removed")


def _of_holder(anchor: Holder, old: _Side, new: _Side) -> Iterator[Change]:
    name, where = called(anchor), pointer("roots") if anchor is ROOTS else pointer("anchors", anchor)
    was, now = _holder(old.document, anchor), _holder(new.document, anchor)
    if was is None and now is not None:
        # Without roots a bundle needs no signature, so adding roots only requires more.
        limited = [_plain(limit) for limit in _LIMITS if limit in now]
        message = f"{name} added: {now['threshold']} of {plural(len(now['keys']), 'key')}{_limited(limited)}"
        yield Change("anchor-added", where, message, anchor is not ROOTS)
    elif was is not None and now is None:
        inherited = heirs(new.anchors, anchor or "", was.get("subjects", ()))
        names = _to_whom(set().union(*inherited.values()))
        yield Change("anchor-removed", where, f"{name} removed{names}", anchor is ROOTS or bool(names))
    elif was is not None and now is not None:
        for field in _names(was, now, without=("keys",)):
            if not _same(was.get(field), now.get(field)):
                yield from _of_setting(anchor, f"{where}/{field}", field, was.get(field), now.get(field), new)
    weakens = was is not None or anchor is not ROOTS
    yield from _of_keys(name, where, old, new, _keys(old.document, anchor), _keys(new.document, anchor), weakens)


def _of_setting(anchor: Holder, where: str, field: str, was: Any, now: Any, new: _Side) -> Iterator[Change]:
    name = called(anchor)
    if field == "threshold":
        yield Change("threshold-changed", where, f"{name}: {_was(field, was, now)}", now < was)
    elif field == "require":
        weakened = not set(was or ()) <= set(now or ())
        yield Change("limit-changed", where, f"{name}: {_was(field, was, now)}", weakened)
    elif field not in _LIMITS:
        yield Change("field-changed", where, f"{name}: {_was(field, was, now)}")
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
            yield from _of_key(f"{name}: key {_key(key)}", place, before[keyid], key)
        else:
            message = f"{name}: key {_key(key)} added: {_status(key)}{_period(key)}"
            yield Change("key-added", place, message, weakens and keyid not in new.lost)


def _of_key(who: str, where: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    status, earlier = now.get("status", "active"), was.get("status", "active")
    if status != earlier:
        message = f"{who}: {earlier} -> {_status(now)}"
        yield Change("key-status-changed", f"{where}/status", message, _ACCEPTS[status] > _ACCEPTS[earlier])
    for field in _names(was, now, without=("status",)):
        before, after = was.get(field), now.get(field)
        # A new status has its own time and reason, and moves the earlier ones into the history.
        if _same(before, after) or (status != earlier and _belongs_to_status(field, was, now)):
            continue
        if field == "algorithm" and algorithm_named(was[field]) == algorithm_named(now[field]):
            yield Change("key-changed", f"{where}/{field}", f"{who}: {_was(field, before, after)}")
        elif field in ("keyid", "public_key"):
            yield Change("key-changed", f"{where}/{field}", f"{who}: {field} is written differently")
        elif field in ("signer", "backend"):
            yield Change("key-signer-changed", f"{where}/{field}", f"{who}: {_was(field, before, after)}")
        elif field in _WINDOW:
            wider = _beyond(before, after, _WINDOW[field])
            yield Change("key-window-changed", f"{where}/{field}", f"{who}: {_was(field, before, after)}", wider)
        else:
            weakened = field in ("algorithm", "digest") or (field == "status_since" and _beyond(before, after, 1))
            yield Change("key-changed", f"{where}/{field}", f"{who}: {_was(field, before, after)}", weakened)


def _belongs_to_status(field: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    kept = was.get("history", [])
    return field in _STATUS and (field != "history" or now.get("history", [])[: len(kept)] == kept)


def _beyond(was: Any, now: Any, direction: int) -> bool:
    """Whether a limit in time was moved outwards, or removed; `direction` is 1 if later is outwards."""
    if was is None or now is None:
        return now is None
    earlier, later = _moment(was), _moment(now)
    if isinstance(earlier, str) or isinstance(later, str):
        return True
    return bool((later - earlier).total_seconds() * direction > 0)


def _same(was: Any, now: Any) -> bool:
    return was == now or (isinstance(was, str) and isinstance(now, str) and _moment(was) == _moment(now))


def _moment(text: Any) -> Any:
    """The time that a text means, however it is written, or else the text."""
    try:
        return parse_time(text, where="")
    except InputError:
        return str(text)


def _items(value: Any) -> dict[str, Any] | None:
    """The items of an object by name, or of a list by themselves; none for None, and None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        return {item if isinstance(item, str) else dumps(item).decode(): item for item in value}
    return {} if value is None else None


def _names(old: Mapping[str, Any], new: Mapping[str, Any], *, without: tuple[str, ...]) -> list[str]:
    return [name for name in dict.fromkeys([*old, *new]) if name not in without]


def _holder(document: Mapping[str, Any], anchor: Holder) -> Mapping[str, Any] | None:
    return held(document, anchor) if anchor in holders(document) else None


def _keys(document: Mapping[str, Any], anchor: Holder) -> list[Mapping[str, Any]]:
    return list((_holder(document, anchor) or {"keys": ()})["keys"])


def _key(key: Mapping[str, Any]) -> str:
    return f"{key['algorithm']} {key['keyid']}"


def _status(key: Mapping[str, Any]) -> str:
    since = f" since {key['status_since']}" if "status_since" in key else ""
    reason = f" ({key['reason']})" if "reason" in key else ""
    return f"{key.get('status', 'active')}{since}{reason}"


def _period(key: Mapping[str, Any]) -> str:
    begin = f", from {key['not_before']}" if "not_before" in key else ""
    return begin + (f", until {key['not_after']}" if "not_after" in key else "")


def _limited(limits: list[str]) -> str:
    return f", limited by {' and '.join(limits)}" if limits else ""


def _plain(field: str) -> str:
    return field.replace("_", " ")


def _was(name: str, was: Any, now: Any) -> str:
    if now is None:
        return f"{name} removed (was {_said(was)})"
    return f"{name} added: {_said(now)}" if was is None else f"{name}: {_said(was)} -> {_said(now)}"


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else dumps(value).decode()
    return text if len(text) <= 120 else f"{text[:80]} ... {text[-36:]}"
