"""JSON objects that are read piece by piece: the pieces are what the whole is, or both are refused.

Rule: the reader of pieces and the reader of wholes agree about every byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.json import dumps, loads_object
from attest._base.large_json import LazyObject
from tests.fuzz.oracle import attempt
from tests.fuzz.targets import report

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    whole = attempt(lambda: loads_object(data, what="it"))
    pieces = attempt(lambda: read(data))
    assert repr(pieces) == repr(whole)  # which tells 1 from 1.0 and from True
    if whole is not None:
        assert repr(loads_object(dumps(whole), what="it")) == repr(whole)


def read(data: bytes) -> dict[str, Any]:
    """The object, out of its pieces."""
    members = LazyObject(data, what="it")
    members.check()
    found = dict(members)
    for name, value in found.items():
        assert members.is_list(name) is isinstance(value, list)
        assert repr(list(members.elements(name))) == repr(value if isinstance(value, list) else [])
    return found


def seeds() -> Iterator[bytes]:
    yield from (data for data in report.seeds() if data.startswith(b"{"))
    yield b'{"a":[1,2.0,-0,1e5,true,false,null,"\\u0041\\ud83d\\ude00"],"b":{"c":{}},"":[]}'
    yield b' { "a" : [ ] , "a\\u0062" : { "x" : [ [ ] ] } } \r\n'
