"""Input that needs more memory than there is: an error, and never the end of the process, as Rust would have it."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from attest import schema
from attest._base import json

if TYPE_CHECKING:
    from collections.abc import Callable

HELD, OTHER, REFUSED = 0, 1, 3

# What takes the most memory for its length; each is about 1 MiB.
DOCUMENTS: Final = {
    "lists": b'{"a":[' + b"[]," * 350_000 + b"[]]}",
    "objects": b'{"a":[' + b'{"a":1},' * 130_000 + b"1]}",
    "members": b"{" + b",".join(b'"k%d":1' % n for n in range(90_000)) + b"}",
    "items": b'{"a":[' + b"1000," * 200_000 + b"1]}",
    "texts": b'{"a":["' + '","'.join(["aé\u4e00"] * 130_000).encode() + b'"]}',
    "one text": b'{"a":"' + b"x" * 1_000_000 + b'"}',
    "one wide text": b'{"a":"\\ud83d\\ude00' + b"x" * 1_000_000 + b'"}',
}


def within(room: int, act: Callable[[], object]) -> int:
    """How a child ends that may take `room` more bytes of address space: HELD, REFUSED, or by a signal (negative)."""
    child = os.fork()
    if child == 0:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
        try:
            act()
            os._exit(HELD)
        except MemoryError:
            os._exit(REFUSED)
        finally:
            os._exit(OTHER)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_reading_and_checking_what_does_not_fit_is_an_error(name: str) -> None:
    data = DOCUMENTS[name]
    shape = schema.Schema({"properties": {"a": {"items": {"anyOf": [{"type": "integer"}, True]}}}})
    ends = [within(room << 20, lambda: shape.accepts(json.loads(data, what="it"))) for room in (1, 4, 16, 48, 400)]
    assert set(ends) <= {HELD, REFUSED}
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == HELD
    # The others may fit into what this process has let go of before.
    assert ends[0] == REFUSED or name not in ("lists", "objects")


@pytest.mark.parametrize(
    ("text", "each", "more"),
    [
        (b"", 2, 0),
        (b"\\u00e9", 6, 0),
        ("é".encode(), 6, 0),
        (b",,", 2, 2 * 96),
        (b"[", 2, 128),
        (b"{:", 2, 160 + 300),
        ('\u4e00{"a":[1,2]}'.encode(), 6, 160 + 300 + 128 + 96),
    ],
    ids=range(7),
)
def test_what_is_demanded_is_a_share_for_every_part(
    text: bytes, each: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    demanded: list[int] = []
    monkeypatch.setattr(json, "bytes", demanded.append, raising=False)
    json._demand_memory(text.ljust(64 << 10))
    assert demanded == [(64 << 10) * each + more]


def test_what_fits_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    demanded: list[int] = []
    monkeypatch.setattr(json, "bytes", demanded.append, raising=False)
    json.loads(b'{"payload":"' + b"x" * (1 << 20) + b'"}', what="it")
    json.loads(b'{"payload":"' + b"x" * 1000 + b'"}', what="it")
    assert len(demanded) == 1
    assert demanded[0] < 3 << 20
