"""Copies whose signers are named by certificates: what is left out takes no signer away, in any order."""

from __future__ import annotations

from itertools import permutations

from attest.collection import verify_collection
from tests.support.certified import NOW, claim
from tests.support.policies import policy
from tests.trust.test_identities import STATEMENT, by, identity, signed, trust

GLOB = "https://ci.example.com/builders/*"
TRIGGER = {"build-trigger": "push"}
TRUST = trust(identity(GLOB), identity(GLOB, claims=TRIGGER))


def test_a_copy_by_the_same_signer_with_other_claims_takes_no_signer_away() -> None:
    pushed = by("b", extensions=[claim("1.20", b"\x0c\x04push")])
    other = by("c", "https://ci.example.com/builders/nightly")
    envelopes = [signed(by("a")), signed(pushed), signed(other)]
    two = policy({"type": STATEMENT.predicate_type, "signers": 2})
    for order in permutations(envelopes):
        report = verify_collection(order, TRUST, artifacts=None, policy=two, now=NOW)
        assert report.policy is not None
        assert report.policy.yes
