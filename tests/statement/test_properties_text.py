"""What holds for every text: two strict JSON readers agree, base64 has one spelling, globs match as defined."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attest._base.globbing import chooses, matches
from attest._base.json import b64decode, b64encode, dumps, loads
from attest.errors import InputError
from tests.support.examples import examples

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
# The pieces that readers of JSON are known to disagree about, among those that make them agree.
TOKENS = st.sampled_from(
    [
        *'{}[]:,"',
        *" \t\n\r",
        *"0159-+.eE",
        *["true", "false", "null", "NaN", "Infinity", "-Infinity", "1e999", "-0", "1E400", "0.1", "9" * 25],
        *['"a"', '"\\u0061"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\/"', '"\\x"', '"\\u00"', '""'],
        *["\\", "/", "//", "'", "\x00", "\x0c", "\x7f", "\xa0", "\u2028", "\ufeff", "é", "\U0001f600"],
        *['"a":1,', '"a":{"b":', "[[", "]]", "],[", "}}"],
    ]
)


def strict(data: bytes) -> Any:
    """The standard library's reader, made as strict as I-JSON: every ValueError is a refusal."""
    text = data.decode("utf-8", "strict")
    if text.startswith("\ufeff"):
        raise ValueError("byte order mark")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                item.encode("utf-8", "strict")
            elif isinstance(item, float) and not math.isfinite(item):
                raise ValueError("out of range")
            elif isinstance(item, dict):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                below += item
        level = below
    return value


def agree(data: bytes) -> bool:
    """Whether both readers accept `data`, having made sure that they agree about that and about what it says."""
    try:
        expected = strict(data)
    except ValueError:
        with pytest.raises(InputError) as caught:
            loads(data, what="it")
        assert caught.value.code == "json-invalid"
        return False
    # repr tells 1 from 1.0 and from True, and -0.0 from 0.0.
    assert repr(loads(data, what="it")) == repr(expected)
    return True


@given(st.binary() | st.lists(TOKENS, max_size=20).map("".join).map(str.encode))
@examples(1000)
@example(b'{"a":1,"a":1}')
@example(b'["\\ud83d\\u0041"]')
@example(b"1" * 4301)
@example(b"-" + b"1" * 4300)
@example(b"\xef\xbb\xbf1")
@example(b"\xff")
@example(b'"\xed\xa0\x80"')
@example(b"\x1f1")
def test_two_strict_readers_agree_about_anything(data: bytes) -> None:
    agree(data)


@given(JSON, st.booleans(), st.none() | st.integers(0, 3), st.data())
@examples(500)
def test_two_strict_readers_agree_about_json_and_its_neighbours(
    value: Any, escaped: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    assert agree(text)
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 2))
    agree(text[:start] + data.draw(TOKENS).encode() * data.draw(st.integers(0, 1)) + text[start + length :])


def test_the_one_known_difference_is_a_number_of_thousands_of_digits() -> None:
    """The standard library limits the digits of integers to 4300, jiter those of every number: ours is stricter.

    Such a number fits a double all the same, so that I-JSON would let it pass; nobody writes one.
    """
    text = b"1" * 5000 + b"e-4990"
    assert math.isfinite(strict(text))
    with pytest.raises(InputError, match="out of range"):
        loads(text, what="it")


@given(JSON)
@examples(200)
def test_json_that_is_written_reads_as_what_it_was_and_is_written_the_same(value: Any) -> None:
    data = dumps(value)
    again = loads(data, what="it")
    assert repr(again) == repr(value)
    assert dumps(again) == data


@given(st.binary(max_size=100))
@examples(300)
def test_base64_is_undone_in_both_alphabets(data: bytes) -> None:
    assert b64decode(b64encode(data), where="/") == data
    assert b64decode(base64.urlsafe_b64encode(data).decode(), where="/") == data


NEARLY_BASE64 = st.text(st.sampled_from("AQRgw019+/-_=" + "= \n\x00é\u0130"), max_size=12) | st.binary(
    max_size=9
).flatmap(
    lambda data: st.tuples(st.just(b64encode(data)), st.integers(0, 12), st.sampled_from("ABQR+/-_=\n ")).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
    )
)


@given(NEARLY_BASE64)
@examples(1000)
def test_every_base64_text_that_is_accepted_is_the_canonical_one(text: str) -> None:
    try:
        data = b64decode(text, where="/x")
    except InputError:
        return
    assert text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode())


def slow(pattern: str, name: str) -> bool:
    """The meaning of a glob, written down: every way to cut the name is tried."""
    if not pattern:
        return not name
    rest = pattern.lstrip("*")
    stars = len(pattern) - len(rest)
    if stars:
        ends = range(len(name) + 1)
        return any(slow(rest, name[end:]) for end in ends if stars > 1 or "/" not in name[:end])
    if not name or (pattern[0] == "?" and name[0] == "/"):
        return False
    return pattern[0] in ("?", name[0]) and slow(pattern[1:], name[1:])


@given(st.text(st.sampled_from("ab/*?[."), max_size=7), st.text(st.sampled_from("ab/*.\n"), max_size=7))
@examples(1500)
@example("**", "/")
@example("*/**", "a/b/c")
@example("a***b", "a/b")
@example("*", "..\n")
@example("**", "a/.\n./b")
def test_globs_match_as_they_are_defined(pattern: str, name: str) -> None:
    assert chooses(pattern, name) is slow(pattern, name)
    assert matches(pattern, name) is (
        pattern == name if ".." in name.replace("\n", "").split("/") else slow(pattern, name)
    )


@given(st.text(max_size=20))
@examples(100)
def test_a_name_matches_itself_and_everything(name: str) -> None:
    assert chooses("**", name)
    assert chooses("*", name) is ("/" not in name)
    if not set(name) & set("*?"):
        assert matches(name, name)
        assert not matches(name, name + "x")
