"""Signed trust bundles and histories of them, followed from fixed roots: they lead to what those roots signed.

Rule: no mutation signs anything, so that every bundle that is accepted stands in the scenarios already.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from attest.errors import InputError, Rejected
from attest.trust import history
from attest.trust.anchors.roots import TrustRoots
from attest.trust.bundle import TrustBundle
from tests.fuzz.oracle import attempt, unbase64
from tests.vectors.parts import compact
from tests.vectors.scenarios import load, paths
from tests.vectors.subjects.chain import A, B, C, roots

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOTS = {"mediaType": "application/vnd.attest.trust-roots.v1+json", **roots(A, B, C, threshold=2)}


def check(data: bytes) -> None:
    attempt(lambda: TrustRoots.from_json(data))
    found = attempt(lambda: history.read(data))
    if found is None:
        return
    if isinstance(found, TrustBundle):
        assert attempt(lambda: history.accept(found, trusted()), Rejected) is None
        return
    assert found
    assert attempt(lambda: history.accept(found, None), InputError) is None
    walked = attempt(lambda: history.accept(found, trusted()), Rejected)
    if walked is None:
        return
    assert walked.bundle is found[-1].unverified
    assert len(walked.checks) == 2 * len(found)
    assert all(one.met and one.counted >= one.threshold >= 1 for one in walked.checks)
    assert {one.unverified.raw for one in found} <= known(), "the roots are said to have signed what they never saw"


@cache
def trusted() -> TrustRoots:
    """The roots that every history is followed from."""
    return TrustRoots.from_json(compact(ROOTS))


@cache
def known() -> frozenset[bytes]:
    """Every bundle that is in an envelope anywhere in the scenarios: no roots have signed any other."""
    found = set()
    for line in b"\n".join(seeds()).split(b"\n"):
        with suppress(ValueError, TypeError, KeyError):  # no envelope
            found.add(unbase64(json.loads(line)["payload"]))
    return frozenset(found)


def seeds() -> Iterator[bytes]:
    yield compact(ROOTS)
    for scenario in map(load, paths()):
        if scenario.name.startswith("trust-chain-"):
            yield from scenario.trusts().values()
