"""Log entries of Sigstore bundles, in JSON: what proves an index or a time was written by the log, about what it says.

Rule: no mutation signs anything, so an entry that is good has a body, an index and a time of those to begin with.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from attest.certificates.log import LogProof, check_entry
from attest.errors import Rejected
from attest.signers._software import SoftwareKey
from tests.fuzz.oracle import attempt, unbase64
from tests.support.making import logs
from tests.vectors.keys import ALICE, P256
from tests.vectors.parts import compact
from tests.vectors.tokens import TSA

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNED = logs.SIGNED._replace(certificate=TSA.certificate)
LOGS = tuple(logs.Log(key=SoftwareKey.of(one.private, one.algorithm)) for one in (P256, ALICE))
TRUSTED = tuple(log.trusted(logs.TIME, logs.TIME) for log in LOGS)
VERSIONS = ("0.1", "0.3")


def check(data: bytes) -> None:
    try:
        entry = json.loads(data)
    except (ValueError, RecursionError):
        return
    for version in VERSIONS:
        for times in ((), (logs.TIME,)):
            found = attempt(lambda v=version, t=times: check_entry(entry, v, TRUSTED, SIGNED, t), Rejected)  # type: ignore[misc]
            if found is not None:
                genuine(entry, found)


def genuine(entry: dict[str, Any], proof: LogProof) -> None:
    """What is believed is what the log wrote."""
    body = entry.get("canonicalizedBody") or entry["canonicalized_body"]
    assert unbase64(body) in bodies()
    assert proof.time in (None, logs.TIME)
    assert proof.log_index == (5 if proof.time is None else 9)
    assert {"inclusion-proof", "signed-entry-timestamp"} & set(proof.checks)
    assert ("inclusion-proof" in proof.checks) is ("checkpoint" in proof.checks)


@cache
def bodies() -> frozenset[bytes]:
    """The bodies that the logs signed."""
    return frozenset(compact(body(SIGNED)) for body in (logs.dsse_body, logs.intoto_body, logs.hashedrekord_body))


def seeds() -> Iterator[bytes]:
    for body in (logs.dsse_body, logs.intoto_body, logs.hashedrekord_body):
        for log in LOGS:
            for time in (logs.TIME, None):
                entry = log.entry(compact(body(SIGNED)), time=time)
                kind = body(SIGNED)
                entry["kindVersion"] = {"kind": kind["kind"], "version": kind["apiVersion"]}
                yield compact(entry)
                if time is not None:
                    yield compact({name: value for name, value in entry.items() if name != "inclusionProof"})
