"""The changes of the authorities in a trust bundle, part by part.

Rule: what makes one more certificate, log or time count weakens, and so does what cannot be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest._base.text import plural
from attest._base.times import format_time
from attest.trust.authority_parts import parts_of
from attest.trust.diff.changes import Change, beyond, field_names, same, was_text
from attest.trust.entries import AUTHORITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.trust.authority_parts import AuthorityPart

_PARTS: Final = ("trusted_root", "certificates", "intermediates")
_WINDOW: Final = {"not_before": -1, "not_after": 1}
# What an authority asks for, the strictest first; the first one is the default.
_SETTING: Final = {"sigstore": "log", "x509": "time"}
_STRICTNESS: Final = {"log": ("required", "none"), "time": ("timestamp", "now-or-timestamp")}


def of_authorities(field: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """The changes of `authorities` or `timestamp_authorities` (`field`) of two valid trust bundles."""
    noun = "authority" if field == AUTHORITIES else "timestamp authority"
    for name, entry in was.items():
        if name not in now:
            # As of a compromised key: what is added again under this name would have forgotten what was revoked.
            revoked = plural(len(entry.get("revoked", ())), "revoked certificate")
            lost = f" with {revoked}, so it can be added again without them" if entry.get("revoked") else ""
            yield Change("authority-removed", pointer(field, name), f"{noun} {name!r} removed{lost}", bool(lost))
        elif entry != now[name]:
            yield from _of_authority(f"{noun} {name!r}", pointer(field, name), entry, now[name])
    for name, entry in now.items():
        if name not in was:
            who, where = f"{noun} {name!r}", pointer(field, name)
            yield Change("authority-added", where, f"{who} added: {summary(entry)}", weakened=True)
            yield from _of_parts(who, where, [], parts_of(entry))


def summary(entry: Mapping[str, Any]) -> str:
    """The kind of an authority, what it does without, and how many parts of each kind it has.

    Of a timestamp authority, the names in its certificates.
    """
    if "kind" not in entry:
        return ", ".join(part.name for part in parts_of(entry))
    counts: dict[str, int] = {}
    for part in parts_of(entry):
        counts[part.kind] = counts.get(part.kind, 0) + 1
    setting, value = setting_of(entry)
    revoked = [f"{len(entry['revoked'])} revoked"] if entry.get("revoked") else []
    parts = [plural(number, kind) for kind, number in counts.items()]
    return ", ".join([entry["kind"], f"{setting} {value}", *parts, *revoked])


def setting_of(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The name and value of what an authority asks for beside a certificate, also if it is the default."""
    name = _SETTING[entry["kind"]]
    return name, entry.get(name, _STRICTNESS[name][0])


def _of_authority(who: str, where: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    if was.get("kind") != now.get("kind"):
        yield _changed(f"{where}/kind", f"{who}: {was_text('kind', was.get('kind'), now.get('kind'))}", weakened=True)
    found = list(_of_parts(who, where, parts_of(was), parts_of(now)))
    yield from found
    for field in field_names(was, now, without=("kind",)):
        before, after = was.get(field), now.get(field)
        place = f"{where}/{field}"
        if same(before, after):
            continue
        if field in _PARTS:
            if not found:
                yield _changed(place, f"{who}: {field} is written differently")
        elif field in _STRICTNESS:
            strict = _STRICTNESS[field]
            before, after = before or strict[0], after or strict[0]
            if before != after:
                weakened = strict.index(after) > strict.index(before)
                yield _changed(place, f"{who}: {was_text(field, before, after)}", weakened=weakened)
        elif field == "revoked":
            yield from _of_revoked(who, place, before or [], after or [])
        elif field in _WINDOW:
            weakened = beyond(before, after, _WINDOW[field])
            yield _changed(place, f"{who}: {was_text(field, before, after)}", weakened=weakened)
        else:
            known = field == "description" or field.startswith("x-")
            yield _changed(place, f"{who}: {was_text(field, before, after)}", weakened=not known)


def _of_parts(who: str, where: str, was: list[AuthorityPart], now: list[AuthorityPart]) -> Iterator[Change]:
    before, after = _by_content(was), _by_content(now)
    for key, part in before.items():
        if key not in after:
            yield _changed(where + part.where, f"{who}: {part} removed")
    for key, part in after.items():
        old = before.get(key)
        if old is None:
            yield _changed(where + part.where, f"{who}: {part} added{_period(part)}", weakened=True)
            continue
        for (field, direction), earlier, later in zip(_WINDOW.items(), old.valid_for, part.valid_for, strict=True):
            if earlier != later:
                texts = (None if one is None else format_time(one) for one in (earlier, later))
                message = f"{who}: {part}: {was_text(field, *texts)}"
                yield _changed(where + part.where, message, weakened=beyond(earlier, later, direction))


def _by_content(parts: list[AuthorityPart]) -> dict[tuple[str, str, str, int], AuthorityPart]:
    """Parts by what they are; of equal ones, which may have different periods, by their order too."""
    found: dict[tuple[str, str, str, int], AuthorityPart] = {}
    for part in parts:
        at = 0
        while (part.kind, part.name, part.sha256, at) in found:
            at += 1
        found[part.kind, part.name, part.sha256, at] = part
    return found


def _of_revoked(who: str, where: str, was: list[str], now: list[str]) -> Iterator[Change]:
    for one in now:
        if one not in was:
            yield _changed(where, f"{who}: {one} revoked")
    for one in was:
        if one not in now:
            yield _changed(where, f"{who}: {one} is no longer revoked", weakened=True)


def _period(part: AuthorityPart) -> str:
    begin = f", from {format_time(part.not_before)}" if part.not_before is not None else ""
    return begin + (f", until {format_time(part.not_after)}" if part.not_after is not None else "")


def _changed(where: str, message: str, *, weakened: bool = False) -> Change:
    return Change("authority-changed", where, message, weakened)
