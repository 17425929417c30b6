"""Time-stamp tokens (RFC 3161) in DER, and the answers of authorities around them: a time that is believed was said.

Rule: no mutation signs anything, so that a token that is good says one of the times that the scenarios' tokens say.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from attest.errors import Rejected
from attest.timestamps import authorities as timestamps
from attest.timestamps import tokens as _tokens
from tests.fuzz.oracle import NOW, attempt, trust, unbase64
from tests.vectors.scenarios import ENVELOPE, load, paths
from tests.vectors.subjects.timestamps import GOOD, SIG

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    attempt(lambda: _tokens.unwrap(data), Rejected)
    read = attempt(lambda: _tokens.Token.read(data), Rejected)
    authorities = trust().timestamp_authorities
    found = attempt(lambda: timestamps.verify_token(data, SIG, authorities, NOW), Rejected)
    if read is None:
        assert found is None
    if found is not None:
        assert read is not None
        assert read.covers(SIG)
        assert found[1] == "tsa"
        assert data in tokens() or read.time in times()


@cache
def tokens() -> frozenset[bytes]:
    """The tokens of all scenarios."""
    return frozenset(seeds())


@cache
def times() -> frozenset[object]:
    """The times that those say which are good."""
    good = (attempt(lambda data=data: _tokens.Token.read(data), Rejected) for data in tokens())  # type: ignore[misc]
    return frozenset(one.time for one in good if one is not None)


def seeds() -> Iterator[bytes]:
    yield GOOD
    for scenario in map(load, paths()):
        try:
            entries = json.loads(scenario.files[ENVELOPE])["signatures"]
            texts = [stamp["data"] for entry in entries for stamp in entry.get("timestamps", ())]
            found = [unbase64(text) for text in texts]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        yield from found
