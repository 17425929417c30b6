"""The codec: strict JSON in, stable JSON out, canonical base64, RFC 3339 times and JSON pointers."""

from __future__ import annotations

import base64
import math
import string
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from itertools import count
from typing import TYPE_CHECKING, Any

import jiter
import jsonschema_rs
import pytest
from packaging.version import Version

from attest._base import json
from attest._base.json import MAX_DEPTH, b64decode, b64encode, dumps, loads, loads_object, loads_toml, pointer
from attest._base.plain_json import compiled
from attest._base.times import format_time, parse_time
from attest.errors import InputError
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b" [1, 2.5, -0, 1E2, true, null] \n", [1, 2.5, 0, 100.0, True, None]),
        (b'{"a":{"b":[]}}', {"a": {"b": []}}),
        (b'"\\ud83d\\ude00 \\u0000 \xc3\xa9"', "\U0001f600 \x00 é"),
        (b"1" * 4300, int("1" * 4300)),
    ],
)
def test_json_is_read_as_what_it_says(text: bytes, value: Any) -> None:
    assert loads(text, what="it") == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" \n",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"a":1,"a":2}}]',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"[[-1e999]]",
        b'{"a":1e999}',
        b'["text",[],0,-1e999,"text"]',
        b'{"a":"text","b":{"c":"text","d":1e999}}',
        b"1" * 4301,
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"[1,]",
        b"{'a':1}",
        b'{"a":1}x',
        b"{} {}",
        b"// no\n{}",
        b'"\x00"',
        b'"\n"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'{"\\ud83d":1}',
        b'"\\x41"',
        b'{"a":',
        b"\x7fELF\x02\x01\x01",
    ],
    ids=repr,
)
def test_what_two_readers_could_understand_differently_is_refused(text: bytes) -> None:
    with refused(InputError, "json-invalid") as caught:
        loads(text, what="the thing")
    assert caught.value.message.startswith("the thing ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "it is empty$"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":', "^it is not valid JSON: EOF while"),
        (b"[1,]", "^it is not valid JSON: trailing comma"),
    ],
)
def test_the_usual_accidents_are_called_by_their_name(text: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        loads(text, what="it")


def test_a_file_of_another_kind_is_hinted_at() -> None:
    with pytest.raises(InputError) as caught:
        loads(b"\x7fELF\x02\x01\x01", what="it")
    assert "right file" in (caught.value.hint or "")
    for text in (b'\n {"a"', b" [", b'\t"', b"\n {} {}"):
        with pytest.raises(InputError) as caught:
            loads(text, what="it")
        assert "right file" not in (caught.value.hint or "")


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_counted_in_containers(opening: bytes, closing: bytes) -> None:
    def nested(levels: int) -> bytes:
        return opening * levels + b"[]" + closing * levels

    assert loads(nested(MAX_DEPTH - 1), what="it")
    for levels in (MAX_DEPTH, MAX_DEPTH + 1, 300, 100_000):
        with refused(InputError, "json-too-deep"):
            loads(nested(levels), what="it")
    for beside in (b'"text", ', b"1, ", b'["", {}, 2.5], ', b""):  # whatever stands before it in the same container
        with refused(InputError, "json-too-deep"):
            loads(b"[" + beside + nested(MAX_DEPTH) + b', "text"]', what="it")
    with refused(InputError, "json-too-deep"):
        loads(nested(3), what="it", max_depth=3)
    with refused(InputError, "json-too-deep"):
        loads_object(b'{"a":' + nested(2) + b"}", what="it", max_depth=3)
    assert loads_object(b'{"a":' + nested(MAX_DEPTH) + b"}", what="it", max_depth=MAX_DEPTH + 2)


BASE64 = string.ascii_letters + string.digits + "+/"
IS_PLAIN = compiled(MAX_DEPTH)
HAS_NO_TYPE = Version(version("jsonschema-rs")) >= Version("0.49")  # infinity; before, nothing is taken as plain


def refusal(text: bytes, is_plain: Callable[[Any], bool], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...] | None:
    """What `loads` says against a text if `is_plain` is asked first."""
    monkeypatch.setattr(json, "_is_plain", is_plain)
    try:
        loads(text, what="it")
    except InputError as error:
        return error.code, error.message, error.where, error.hint
    return None


@pytest.mark.parametrize(
    "beside", [b"", b'"text"', b"1", b"-1e308", b"1e999", b"[[-1e999]]", b'{"a":"","b":{"c":1e999}}', b"[null,true]"]
)
def test_a_schema_and_a_walk_let_the_same_pass(beside: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")):
        for levels in (0, 1, 31, 32, 63, 64, 65, 199):
            nested = opening * levels + b"[]" + closing * levels
            text = b"[" + beside + b"," * bool(beside) + nested + b"]"
            walked = refusal(text, lambda _: False, monkeypatch)
            assert refusal(text, IS_PLAIN, monkeypatch) == walked
            if HAS_NO_TYPE and levels <= 65:  # what the parser itself refuses is never asked about
                assert IS_PLAIN(jiter.from_json(text)) is (walked is None)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_does_not_have_are_not_plain(number: float) -> None:
    for strange in (number, [number], {"a": [{}, number]}):
        assert IS_PLAIN(strange) is False
    usual: list[Any] = ["", 1e308, -1e308, 5e-324, 10**400, -(2**64), [True, None, ""], {"a": {"b": []}}]
    assert {IS_PLAIN(value) for value in usual} == {HAS_NO_TYPE}


def test_nothing_is_plain_where_infinity_has_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    anything = jsonschema_rs.Draft202012Validator({})
    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", lambda _: anything)
    assert compiled(MAX_DEPTH)({}) is False


def test_the_schema_is_compiled_only_for_those_who_read_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "_walked", count(1))
    monkeypatch.setattr(json, "_is_plain", json._walk_first)
    for _ in range(json._FEW - 1):
        loads(b"{}", what="it")
    assert json._is_plain is json._walk_first
    loads(b"{}", what="it")
    assert json._is_plain is not json._walk_first
    with refused(InputError, "json-invalid"):
        loads(b'{"a":1e999}', what="it")


TINY = {
    "objects": b"{},",
    "lists": b"[],",
    "numbers": b"1,",
    "texts": b'"",',
    "texts with escapes": rb'"\\\"",',
}


@pytest.mark.parametrize("name", TINY)
def test_more_values_than_anyone_needs_are_refused_before_they_are_parsed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = TINY[name]
    parsed: list[bytes] = []
    monkeypatch.setattr(json, "MAX_VALUES", 100_000)
    monkeypatch.setattr("jiter.from_json", lambda data, **_: parsed.append(data))
    each = 2 if name in ("objects", "lists") else 1
    few, many = (b"[" + one * number + b"1]" for number in (100_000 // each - 2, 100_000 // each + 2))
    assert loads(few, what="it") is None
    with refused(InputError, "json-too-many-values") as caught:
        loads(many, what="it")
    assert caught.value.message == "it has more than 100,000 values"
    assert caught.value.hint
    assert parsed == [few]
    # As long as this, it is a large document, and no attack.
    assert loads(many.ljust(16 * 100_000 + 100), what="it") is None


def test_what_stands_in_texts_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "MAX_VALUES", 1_000)
    for inside in ("[{,", '\\",[{', "\\\\[,", "{}é"):
        assert loads(f'{{"a":["{inside * 50_000}"]}}'.encode(), what="it")
    for unread in (b'["' + b"[,{" * 50_000, b'["' + rb"\"," * 50_000, b'["' + b"[" * 90_000 + b"\\"):
        with refused(InputError, "json-invalid"):
            loads(unread, what="it")


@pytest.mark.parametrize("text", [b"[]", b"1", b'"{}"', b"null"])
def test_only_an_object_will_do_where_one_is_asked_for(text: bytes) -> None:
    with refused(InputError, "json-invalid"):
        loads_object(text, what="it")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"a =", "its-own-code"),
        (b"a = 1\na = 2", "its-own-code"),
        (b"a = '\xff'", "its-own-code"),
        (b"a = 2026-01-31", "its-own-code"),
        (b"a = inf", "its-own-code"),
        (b"a" + b".a" * 64 + b" = 1", "its-own-code"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "its-own-code"),
        (b"a = " + b"[" * 64 + b"]" * 64, "json-too-deep"),
    ],
    ids=range(8),
)
def test_toml_is_refused_where_json_could_not_say_the_same(text: bytes, code: str) -> None:
    with refused(InputError, code) as caught:
        loads_toml(text, what="the thing", code="its-own-code")
    assert caught.value.message.startswith("the thing ")


def test_what_a_library_says_goes_on_in_the_sentence_it_stands_in() -> None:
    with pytest.raises(InputError, match=r"^it is not valid TOML: invalid value"):
        loads_toml(b"a =", what="it", code="x")


def test_toml_is_read_as_what_it_says() -> None:
    text = "a = 'é'\n[b.c]\nd = [1.5, true, {}]".encode()
    assert loads_toml(text, what="it", code="x") == {"a": "é", "b": {"c": {"d": [1.5, True, {}]}}}


def test_json_is_written_compact_in_utf8_with_keys_as_ordered() -> None:
    assert dumps({"b": 1, "a": [None, "é/<"]}) == '{"b":1,"a":[null,"é/<"]}'.encode()
    assert dumps({"b": [1]}, indent=2) == b'{\n  "b": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", {1, 2}, b"", {"a": object()}],
    ids=["nan", "inf", "lone surrogate", "set", "bytes", "object"],
)
def test_what_json_cannot_say_is_not_written(value: object) -> None:
    with refused(InputError, "json-invalid"):
        dumps(value)


def test_a_loop_is_not_written() -> None:
    loop: list[object] = []
    loop.append(loop)
    with refused(InputError, "json-invalid"):
        dumps(loop)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xfb\xff\xbf", b"ab", b"abc", bytes(range(256))], ids=len)
def test_base64_is_read_in_both_alphabets(data: bytes) -> None:
    assert b64encode(data) == base64.b64encode(data).decode()
    assert b64decode(b64encode(data), where="/x") == data
    assert b64decode(base64.urlsafe_b64encode(data).decode(), where="/x") == data


@pytest.mark.parametrize(
    ("text", "data"), [("-Pj4", b"\xf8\xf8\xf8"), ("_Pz8", b"\xfc\xfc\xfc"), ("_-_-", b"\xff\xef\xfe")]
)
def test_base64_needs_one_sign_of_an_alphabet(text: str, data: bytes) -> None:
    assert b64decode(text, where="/x") == b64decode(text.translate(str.maketrans("-_", "+/")), where="/x") == data


@pytest.mark.parametrize(
    "text",
    [
        "QQ",  # no padding
        "QQ=",
        "QQ===",
        "QUJD=",
        "QR==",  # unused bits that aren't zero
        "QUJ=",
        "-R==",
        *("+-AA", "+_AA", "/-AA", "/_AA", "+/-_"),  # both alphabets at once
        "QQ==\n",
        " QQ==",
        "Q Q==",
        "QQ==QQ==",
        "QQ=\x00=",
        "=",
        "====",
        "A",
        "Q!==",
        "é===",
        "\u0130QQ=",
        None,
        1,
        b"QQ==",
        ["QQ=="],
    ],
    ids=repr,
)
def test_base64_has_one_spelling_in_each_alphabet(text: object) -> None:
    with refused(InputError, "base64-invalid", "/payload"):
        b64decode(text, where="/payload")


@pytest.mark.parametrize(("before", "padding"), [("Q", "=="), ("QQ", "="), ("", "=")])
def test_the_last_character_of_base64_has_no_bits_to_spare(before: str, padding: str) -> None:
    def reads(text: str, decode: Callable[[str], bytes]) -> bool:
        try:
            return base64.b64encode(decode(text)).decode() == text
        except (ValueError, InputError):
            return False

    for last in BASE64:
        text = before + last + padding
        assert reads(text, lambda text: b64decode(text, where="/x")) is reads(text, base64.b64decode)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+09:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5-00:30", datetime(2026, 1, 31, 12, 30, 0, 500_000, UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123_456, UTC)),
    ],
)
def test_a_timestamp_is_a_moment_in_utc(text: str, moment: datetime) -> None:
    assert parse_time(text, where="/t") == moment
    assert parse_time(text, where="/t").utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",  # no offset: a moment somewhere
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00Z",
        "20260131T120000Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+25:00",
        "2026-01-31T12:00:00.Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        "",
        None,
        1_769_860_800,
    ],
    ids=repr,
)
def test_what_is_not_rfc_3339_is_no_time(text: object) -> None:
    with refused(InputError, "time-invalid", "/not_after"):
        parse_time(text, where="/not_after")


def test_a_time_is_written_in_utc_and_whole_seconds() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 999_999, timezone(timedelta(hours=2)))
    assert format_time(moment) == "2026-01-31T10:00:00Z"
    assert format_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("steps", "text"), [((), "/"), (("a", 0, "b"), "/a/0/b"), (("a/b", "~", "~1"), "/a~1b/~0/~01")]
)
def test_a_pointer_escapes_its_steps(steps: tuple[str | int, ...], text: str) -> None:
    assert pointer(*steps) == text


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1, "a": 2}', "/a"),
        ('{"a": [0, {"b/c": {"": 1, "": 2}}]}', "/a/1/b~1c/"),
        ('{"a": {"b": 1, "b": 1}, "a": 2}', "/a"),
        ('[{"x": {"a": 1, "a": 2}}, {"y": 0}, [1]]', "/0/x/a"),
        ('{"y": [[0]], "x": [{"a": 1, "a": 2}], "z": [0]}', "/x/0/a"),
        ('{"a": 1, "a": 2', None),
        ('{"a": 1, "a": "' + "x" * (1 << 20) + '"}', None),
        ('{"a": ' * 150 + '{"b": 1, "b": 2}' + "}" * 150, "/a" * 150 + "/b"),
    ],
)
def test_a_name_that_stands_twice_is_named_by_its_place(text: str, where: str | None) -> None:
    with refused(InputError, "json-invalid") as caught:
        loads(text.encode(), what="this")
    assert caught.value.where == where


def test_the_place_of_a_name_that_stands_twice_costs_no_path_for_every_value() -> None:
    deep, wide = 190, 30_000
    text = b"[%b{%b}%b,%b%b0%b]" % (b"[" * deep, b'"a":1,"a":2', b"]" * deep, b"[" * deep, b"0," * wide, b"]" * deep)
    tracemalloc.start()
    try:
        with refused(InputError, "json-invalid") as caught:
            loads(text, what="this")
        assert tracemalloc.get_traced_memory()[1] < 100 * len(text)
    finally:
        tracemalloc.stop()
    assert caught.value.where == "/0" * (deep + 1) + "/a"
