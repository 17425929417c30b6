"""One JSON document or many in a stream, and no more of it read than the limit of one."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest._base.json_lines import documents
from tests.support.examples import examples


def read(data: bytes, *, limit: int = 100, has_lines: bool = False) -> list[tuple[int, bytes | None]]:
    return list(documents(io.BytesIO(data), limit, has_lines=has_lines))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", [(0, b"")]),
        (b"\n\n", [(0, b"")]),
        (b'{"a": 1}', [(0, b'{"a": 1}')]),
        (b'\n{"a": 1}\n\n', [(0, b'{"a": 1}\n')]),
        (b'{\n"a": 1}\n', [(0, b'{\n"a": 1}\n')]),
        (b'{"a": 1}\n\n{"b": 2}', [(1, b'{"a": 1}\n'), (3, b'{"b": 2}')]),
        (b'{"a": 1}\nnot json\n', [(1, b'{"a": 1}\n'), (2, b"not json\n")]),
        (b'not json\n{"a": 1}\n', [(0, b'not json\n{"a": 1}\n')]),
    ],
)
def test_what_a_stream_has(data: bytes, found: list[tuple[int, bytes]]) -> None:
    assert read(data) == found


def test_a_file_of_lines_has_lines_even_one() -> None:
    assert read(b'{"a": 1}\n', has_lines=True) == [(1, b'{"a": 1}\n')]
    assert read(b'not json\n{"a": 1}\n', has_lines=True) == [(1, b"not json\n"), (2, b'{"a": 1}\n')]
    assert read(b"", has_lines=True) == []


@pytest.mark.parametrize("begun", [b"", b'{"a": 1}\n', b'{\n"a": "', b"\n"])
@pytest.mark.parametrize("has_lines", [False, True])
def test_what_is_too_large_is_not_read_to_its_end(begun: bytes, has_lines: bool) -> None:
    stream = io.BytesIO(begun + b"x" * 10_000)
    found = list(documents(stream, 100, has_lines=has_lines))
    assert found[-1][1] is None
    assert all(data is not None for _, data in found[:-1])
    assert stream.tell() <= 2 * 101 + len(begun)


@examples(100)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3), min_size=2))
def test_what_is_written_in_lines_is_read_in_lines(values: list[dict[str, object]]) -> None:
    lines = b"\n".join(json.dumps(value).encode() for value in values)
    assert [json.loads(data or b"") for _, data in read(lines, limit=10_000)] == values
