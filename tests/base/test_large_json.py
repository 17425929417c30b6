"""LazyObject is as strict as the codec, wherever it cuts, and holds no more than a piece of a document."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError, Statement
from attest._base import large_json
from attest._base.json import loads_object
from attest._base.large_json import LazyObject
from attest.errors import AttestError
from tests.support.making.statements import EMPTY_SHA256

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(max_size=5)
    | st.sampled_from(['"', "\\", "[{", "é", "\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)
DAMAGE = st.sampled_from([b"", b",", b'"', b"[", b"]", b"{", b"}", b":", b"\\", b" ", b"NaN", b"\xff", b"1e999", b"//"])


def outcome(read: Any, data: bytes) -> Any:
    """What comes of reading, or the code that says why nothing does."""
    try:
        return read(data)
    except InputError as error:
        return error.code


def whole(data: bytes) -> dict[str, Any]:
    """The object as LazyObject has it, once it is checked."""
    members = LazyObject(data, what="this")
    members.check()
    assert {name: list(members.elements(name)) for name in members if members.is_list(name)} == {
        name: value for name, value in members.items() if isinstance(value, list)
    }
    return dict(members)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "_PIECE", 4)


@given(OBJECTS, st.sampled_from([None, 1]))
def test_an_object_is_what_the_codec_makes_of_it(value: dict[str, Any], indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    assert outcome(whole, data) == outcome(lambda d: loads_object(d, what="this"), data)


@given(OBJECTS, st.integers(0, 200), st.integers(0, 3), DAMAGE)
def test_damage_is_found_wherever_it_is(value: dict[str, Any], place: int, gone: int, instead: bytes) -> None:
    data = json.dumps(value).encode()
    place = min(place, len(data))
    data = data[:place] + instead + data[place + gone :]
    assert outcome(whole, data) == outcome(lambda d: loads_object(d, what="this"), data)


@given(st.binary(max_size=30) | st.text(alphabet='{}[]",:\\ 1e-tfn', max_size=30).map(str.encode))
def test_garbage_is_an_input_error_of_the_same_code(data: bytes) -> None:
    assert outcome(whole, data) == outcome(lambda d: loads_object(d, what="this"), data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": [{"b": "1234"}, {"b": "1234"},]}',
        b'{"a": [{"b": "1234"},, {"b": "1234"}]}',
        b'{"a": [{"b": "1234"} {"b": "1234"}]}',
        b'{"a": [{"b": "1234"}, {"b": "1234", "b": 2}]}',
        b'{"a": [{"b": "1234"}], "\\u0061": 1}',
        b'{"a": [{"b": "1234"}]} {}',
        b'{"a": [{"b": "1234"}}',
        b'{"a": [{"b": "12\xff34"}, {"b": 1}]}',
        b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"a": ' + b'[{"b":' * 40 + b"1" + b"}]" * 40 + b"}",
        b'\xef\xbb\xbf{"a": 1}',
        b"[]",
        b"",
        b"{",
    ],
)
@pytest.mark.parametrize("explained", [True, False])
def test_what_is_wrong_is_refused_with_or_without_an_explanation(
    data: bytes, explained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that is too large to be parsed for its error gets the same code."""
    if not explained:
        monkeypatch.setattr(large_json, "_MAX_EXPLAINED", 0)
    with pytest.raises(AttestError) as caught:
        whole(data)
    assert caught.value.code == outcome(lambda d: loads_object(d, what="this"), data)


def test_an_unterminated_string_costs_no_more_than_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at again from each of its bytes it would take hours."""
    monkeypatch.setattr(large_json, "_MAX_EXPLAINED", 0)
    with pytest.raises(InputError):
        LazyObject(b'{"a": ["' + b"x" * 5_000_000, what="this")
    with pytest.raises(InputError):
        LazyObject(b'{"a": ["' + b'\\"' * 5_000_000, what="this")


def test_a_statement_holds_the_very_bytes_of_its_predicate() -> None:
    predicate = b' { "score": 1.0e0,\n "who": ["\\u00e9", {"x": 1}, {"x": 2}] } \n'
    built = Statement.build(
        [_subject()], predicate_type="https://example.com/own/v1", predicate=LazyObject(predicate, what="this")
    )
    assert built.raw.endswith(b'"predicate":' + predicate.strip() + b"}")
    assert built == (read := Statement.from_json(built.raw))
    assert (built.type, built.predicate_type) == (read.type, read.predicate_type)
    assert built.document == Statement.from_json(built.raw).document
    assert built.predicate == {"score": 1.0, "who": ["é", {"x": 1}, {"x": 2}]}


def test_a_predicate_that_is_broken_inside_makes_no_statement() -> None:
    broken = LazyObject(b'{"who": [{"x": 1}, {"x": 1, "x": 2}]}', what="this")
    with pytest.raises(InputError, match="duplicate"):
        Statement.build([_subject()], predicate_type="https://example.com/own/v1", predicate=broken)


def test_a_predicate_is_checked_against_its_schema_whole() -> None:
    with pytest.raises(InputError) as caught:
        Statement.build([_subject()], predicate_type="spdx", predicate=LazyObject(b'{"packages": [1]}', what="this"))
    assert caught.value.code == "predicate-invalid"


def test_no_more_than_a_piece_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "_PIECE", 1 << 16)
    element = {"name": "package", "hashes": [{"alg": "SHA-256", "content": EMPTY_SHA256}], "licenses": [{"id": "MIT"}]}
    data = json.dumps({"components": [element] * 30_000}).encode()
    tracemalloc.start()
    members = LazyObject(data, what="this")
    members.check()
    assert sum(1 for _ in members.elements("components")) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(data) / 2


def _subject() -> Any:
    from attest import ResourceDescriptor

    return ResourceDescriptor("app.whl", {"sha256": EMPTY_SHA256})
