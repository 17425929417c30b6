"""Times and keyids as options take them: what a date and a number of days mean, and which key a few digits choose."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from attest import InputError
from attest._base.times import format_time, parse_time
from attest.cli._options import times
from attest.trust.anchors import complete_keyid
from tests.support.cli.calls import trust
from tests.support.cli.inputs import RELEASE

pytestmark = pytest.mark.usefixtures("among_inputs")

A, B = "ab" * 32, "abababab" + "cd" * 28


@pytest.mark.parametrize(
    ("type_", "text", "time"),
    [
        (times.DATE, "2027-01-31", "2027-01-31T00:00:00Z"),
        (times.END, "2028-02-29", "2028-02-29T00:00:00Z"),
        (times.END, "2027-01-31T12:00:00+02:00", "2027-01-31T12:00:00+02:00"),
        (times.EXACT, "2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        *(
            (times.DATE, text, None)
            for text in ("90d", "2027-02-29", "2027-1-31", "20270131", "2027-01", "", "\uff12027-01-31")
        ),
        *((times.END, text, None) for text in ("0d", "d", "-1d", "90", "90D", "1.5d", "90h", "100000d", "\uff19d")),
        *((times.EXACT, text, None) for text in ("2027-01-31", "90d", "2027-01-31T12:00:00", "now")),
    ],
)
def test_a_time_is_a_timestamp_and_where_it_is_safe_a_date_or_days(
    type_: times.Time, text: str, time: str | None
) -> None:
    if time is not None:
        assert type_.convert(text, None, None) == time
        return
    with pytest.raises(click.BadParameter, match="expected an RFC 3339 timestamp like"):
        type_.convert(text, None, None)


def test_days_are_counted_from_now() -> None:
    trust("init --anchor a --key release.pub.pem --expires 90d --not-after 30d -o new.json").done()
    document = json.loads(Path("new.json").read_text())
    now = datetime.now(UTC)
    for text, days in ((document["expires"], 90), (document["anchors"]["a"]["keys"][0]["not_after"], 30)):
        apart = parse_time(text, where="") - now
        assert timedelta(days=days, minutes=-5) < apart <= timedelta(days=days)


def test_what_ends_on_a_date_has_ended_when_it_begins() -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    trust(f"init --anchor a --key release.pub.pem --not-after {today} -o new.json")
    assert json.loads(Path("new.json").read_text())["anchors"]["a"]["keys"][0]["not_after"] == f"{today}T00:00:00Z"
    # Already over, so the bundle would end before it is issued.
    trust(f"init --anchor a --key release.pub.pem --expires {today} -o other.json").refused(2, "`expires` is before")


def test_the_time_of_a_retirement_may_be_a_date_in_the_past_and_never_days() -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    trust(f"retire trust.json --anchor release --keyid {RELEASE} --at {yesterday:%Y-%m-%d}")
    tomorrow = format_time(datetime.now(UTC) + timedelta(days=2))[:10]
    trust(f"retire trust.json --anchor release --keyid {RELEASE} --at {tomorrow}").refused(2, "is in the future")
    trust(f"retire trust.json --anchor release --keyid {RELEASE} --at 3d").refused(2, "expected an RFC 3339 timestamp")


@pytest.mark.parametrize(
    ("short", "known", "whole"),
    [
        ("ab" * 5, [A, B], A),
        (A, [A, B], A),
        ("abababab", [A], A),
        ("abababab", [], "abababab"),
        ("cdcdcdcd", [A, B], "cdcdcdcd"),
        ("abababab", [f"sim:{A}"], f"sim:{A}"),
        ("sim:abababab", [A], A),
        ("abababab", [A, f"sim:{A}"], f"sim:{A}"),
        ("abababab", [A, B], None),
    ],
)
def test_a_few_digits_choose_one_key_or_none(short: str, known: list[str], whole: str | None) -> None:
    if whole is not None:
        assert complete_keyid(short, known, "anchor 'a'") == whole
        return
    with pytest.raises(InputError, match=f"2 keys of anchor 'a' .*{short}: {A}, {B}") as caught:
        complete_keyid(short, known, "anchor 'a'")
    assert caught.value.code == "key-ambiguous"


def test_a_change_names_the_whole_key_that_was_chosen() -> None:
    assert RELEASE in trust("revoke trust.json --keyid CE2C5E04").stdout.decode()
    assert json.loads(Path("trust.json").read_text())["anchors"]["release"]["keys"][0]["status"] == "compromised"
    trust("revoke trust.json --keyid 00000000").refused(3, "key-unknown", hint=True)


def test_seven_digits_choose_nothing_and_a_revocation_of_certificates_needs_all() -> None:
    trust("retire trust.json --anchor release --keyid ce2c5e0").refused(2, "at least its first 8 hex digits")
    trust("authority revoke trust.json acme --keyid ce2c5e04").refused(2, "a keyid of 64 hex digits")
