"""JSON documents in a stream: one, over as many lines as it likes, or one in each line (JSON Lines).

Rule: no more than the limit of one document is read before it is known what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from attest._base import files
from attest._base.json import loads_object
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


def documents(stream: BinaryIO, limit: int, *, has_lines: bool) -> Iterator[tuple[int, bytes | None]]:
    """Each document with the number of its line, or one with the number 0; None in place of more than `limit` bytes.

    Without `has_lines` the stream has a document in each line if the first line that is not blank is a whole JSON
    object, and not the only one. Nothing follows a None.
    """
    number, first = _next(stream, limit, 0)
    if has_lines:
        yield from _lines(stream, limit, number, first)
        return
    after, second = _next(stream, limit, number) if first and len(first) <= limit else (0, b"")
    if second and _is_object(first):
        yield number, first
        yield from _lines(stream, limit, after, second)
        return
    begun = first + second
    rest = files.read_stream(stream, limit - len(begun)) if len(begun) <= limit else None
    yield 0, None if rest is None else begun + rest


def _lines(stream: BinaryIO, limit: int, number: int, line: bytes) -> Iterator[tuple[int, bytes | None]]:
    """The line that was read already, and those that follow it."""
    while line:
        if len(line) > limit:
            yield number, None
            return
        yield number, line
        number, line = _next(stream, limit, number)


def _next(stream: BinaryIO, limit: int, number: int) -> tuple[int, bytes]:
    """The next line that is not blank, with its number, or what there is of it beyond the limit; empty at the end."""
    while line := stream.readline(limit + 1):
        number += 1
        if line.strip() or len(line) > limit:
            return number, line
    return number, b""


def _is_object(line: bytes) -> bool:
    try:
        loads_object(line, what="the line")
    except InputError:
        return False
    return True
