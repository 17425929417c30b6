"""The authorities of a trust bundle, as text and in a result object.

Rule: what an authority does without is always shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.text import plural
from attest._base.times import format_time
from attest.trust.authority_parts import parts_of
from attest.trust.diff.authorities import setting_of, summary
from attest.trust.entries import AUTHORITIES, TIMESTAMP_AUTHORITIES, naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.trust.authority_parts import AuthorityPart


def lines(document: Mapping[str, Any], *, parts: bool = False) -> Iterator[str]:
    """The authorities in the document of a trust bundle, as text; with `parts`, also what they consist of."""
    for field, title in ((AUTHORITIES, "authority"), (TIMESTAMP_AUTHORITIES, "timestamps")):
        for name, entry in document.get(field, {}).items():
            users = sum(naming(document, name).values()) if field == AUTHORITIES else 0
            used = [plural(users, "identity")] if field == AUTHORITIES else []
            yield f"  {title:<11} {name}: {', '.join([summary(entry), *used])}{_window(entry)}"
            if parts:
                yield from (f"    {part.kind:<11} {_part(part)}" for part in parts_of(entry))
                yield from (f"    revoked     {one}" for one in entry.get("revoked", ()))


def details(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same for a result object."""
    return [
        {
            "name": name,
            "kind": entry.get("kind", "timestamps"),
            **(dict([setting_of(entry)]) if "kind" in entry else {}),
            **{field: entry[field] for field in ("revoked", "not_before", "not_after") if field in entry},
            "identities": sum(naming(document, name).values()) if field == AUTHORITIES else 0,
            "parts": [_details(part) for part in parts_of(entry)],
        }
        for field in (AUTHORITIES, TIMESTAMP_AUTHORITIES)
        for name, entry in document.get(field, {}).items()
    ]


def _part(part: AuthorityPart) -> str:
    begin = f" from {format_time(part.not_before)}" if part.not_before is not None else ""
    return f"{part.name}{begin}" + (f" until {format_time(part.not_after)}" if part.not_after is not None else "")


def _details(part: AuthorityPart) -> dict[str, Any]:
    window = {"not_before": part.not_before, "not_after": part.not_after}
    times = {name: format_time(time) for name, time in window.items() if time is not None}
    return {"kind": part.kind, "name": part.name, "sha256": part.sha256, **times}


def _window(entry: Mapping[str, Any]) -> str:
    begin = f" from {entry['not_before']}" if "not_before" in entry else ""
    return begin + (f" until {entry['not_after']}" if "not_after" in entry else "")
