"""Envelopes: read, written as they were, and verified with a trust bundle, which says yes to nothing that isn't signed.

Rule: a yes is counted again by another library, over a payload that another parser found.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attest
from attest.errors import InputError, Rejected
from tests.fuzz.oracle import NOW, attempt, signed_for, trust
from tests.vectors.parts import ARTIFACT, DIGEST, pae
from tests.vectors.scenarios import ENVELOPE, load, paths

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    envelope = attempt(lambda: attest.Envelope.from_json(data))
    verified = attempt(lambda: attest.verify(data, trust(), artifacts=None, now=NOW), InputError, Rejected)
    if envelope is None:
        assert verified is None
        return
    assert envelope.to_json() == data
    assert envelope.pae() == pae(envelope.unverified_payload, envelope.payload_type)
    again = attest.Envelope.from_json(envelope.with_signatures().to_json())
    assert (again, again.pae()) == (envelope, envelope.pae())
    content = attempt(lambda: attest.Statement.from_json(envelope.unverified_payload, allow_v0_1=True))
    if content is not None:
        assert content.to_json() == envelope.unverified_payload
        attempt(content.check_predicate)
    if verified is not None:
        signed_for(verified, json.loads(data))
        assert attest.verify(again, trust(), artifacts=None, now=NOW).report == verified.report
        asked: Any = f"sha256:{DIGEST}"
        if attempt(lambda: attest.verify(data, trust(), artifacts=[asked], now=NOW), Rejected) is not None:
            assert DIGEST in verified.payload.decode().lower()


def seeds() -> Iterator[bytes]:
    for scenario in map(load, paths()):
        data = scenario.files[ENVELOPE]
        if len(data) <= 6000 and (not scenario.name.startswith("predicate-") or ARTIFACT in data):
            yield data
