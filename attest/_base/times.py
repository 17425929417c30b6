"""Times as RFC 3339 texts, and validity periods.

Rule: a time has a time zone, and is in UTC from here on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Python 3.14 and later read 24:00 as the next day; RFC 3339 has no such hour.
_HOUR = r"([01]\d|2[0-3])"
_TIMESTAMP = re.compile(rf"\d{{4}}-\d\d-\d\d[Tt]{_HOUR}:\d\d:\d\d(\.\d{{1,9}})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_time(text: object, *, where: str) -> datetime:
    """An RFC 3339 timestamp as an aware datetime in UTC. Raises InputError `time-invalid` at `where`."""
    if isinstance(text, str) and _TIMESTAMP.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InputError("time-invalid", f"{text!r} is not an RFC 3339 timestamp like 2026-01-31T12:00:00Z", where=where)


def format_time(moment: datetime) -> str:
    """The RFC 3339 text of `moment` in UTC, whole seconds, with Z."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def read_window(entry: Mapping[str, Any], begin: str, end: str) -> tuple[datetime | None, datetime | None]:
    """The two times of `entry` that are named so. Raises InputError `time-invalid`."""
    first, last = (parse_time(entry[name], where=f"/{name}") if name in entry else None for name in (begin, end))
    if first is not None and last is not None and last < first:
        raise InputError("time-invalid", f"`{end}` is before `{begin}`", where=f"/{end}")
    return first, last
