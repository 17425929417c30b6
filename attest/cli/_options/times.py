"""Times as options take them: a timestamp, a date, or a number of days from now.

Rule: a date is its first second in UTC, so what ends on a date has ended when the date begins.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from attest._base.times import format_time, parse_time
from attest.errors import InputError

if TYPE_CHECKING:
    from attest.cli._options import Decorator

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FROM_NOW: Final = re.compile(r"(\d{1,5})d", re.ASCII)
_DAYS: Final = re.compile(r"(\d{1,5})d?", re.ASCII)


class Time(click.ParamType[str]):
    """An RFC 3339 timestamp, as it is typed; with `dates` also a date, and with `days` also a number of days from now.

    Both become a timestamp in UTC. What decides a verification (`--now`) is a timestamp and nothing else.
    """

    name = "time"

    def __init__(self, *, dates: bool = True, days: bool = False) -> None:
        self._dates = dates
        self._days = days

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The timestamp. Raises BadParameter."""
        text = str(value)
        found = _FROM_NOW.fullmatch(text) if self._days else None
        if found is not None and int(found[1]):
            return format_time(datetime.now(UTC) + timedelta(days=int(found[1])))
        full = f"{text}T00:00:00Z" if self._dates and _DATE.fullmatch(text) else text
        try:
            parse_time(full, where="")
        except InputError:
            self.fail(f"expected {self._expected()}, found {text!r}", param, ctx)
        return full

    def _expected(self) -> str:
        forms = ["an RFC 3339 timestamp like 2026-01-31T12:00:00Z"]
        forms += ["a date like 2026-01-31"] if self._dates else []
        forms += ["a number of days like 90d"] if self._days else []
        return forms[0] if len(forms) == 1 else f"{', '.join(forms[:-1])} or {forms[-1]}"


EXACT: Final = Time(dates=False)
DATE: Final = Time()
END: Final = Time(days=True)


class Days(click.ParamType[timedelta]):
    """A number of days, such as 30d."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time. Raises BadParameter."""
        if isinstance(value, timedelta):
            return value
        found = _DAYS.fullmatch(str(value))
        if found is None:
            self.fail(f"expected a number of days such as 30d, found {value!r}", param, ctx)
        return timedelta(days=int(found[1]))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How help calls the value."""
        return "DAYSd"


DAYS: Final = Days()


def moment(text: str | None) -> datetime | None:
    """The time that an option gave, or None."""
    return None if text is None else parse_time(text, where="")


def check_past(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback for a time that must have been."""
    found = moment(value)
    if found is not None and found > datetime.now(UTC):
        raise click.BadParameter(f"{value} is in the future", ctx, param)
    return value


def not_before_option(of: str) -> Decorator:
    """`--not-before` of what `of` says."""
    return click.option("--not-before", type=DATE, help=f"Begin of the validity period of {of}.")


def not_after_option(of: str) -> Decorator:
    """`--not-after` of what `of` says."""
    text = f"End of the validity period of {of}, such as 2027-01-31 or 90d."
    return click.option("--not-after", type=END, help=text)
