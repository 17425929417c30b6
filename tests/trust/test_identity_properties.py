"""Keys, certificates and identities in any mixture: what may not depend on their order, or become a yes."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from attest import Envelope, Signature, TrustBundle
from tests.support.making.bundles import bundle, key
from tests.support.making.certified import claim, key_of
from tests.support.making.keys import ALICE, BOB
from tests.trust.test_identities import NIGHTLY, OTHER, RELEASE, ROOT, by, identity, listed, report, signed

if TYPE_CHECKING:
    from random import Random

ONE, TWO = key_of("one"), key_of("two")
PUSHED = [claim("1.20", b"\x0c\x04push")]
HOLDERS = (
    by("release", key=ONE),
    by("release again"),
    by("release pushed", extensions=PUSHED),
    by("nightly", NIGHTLY, key=TWO),
    by("nightly with the same key", NIGHTLY, key=ONE),
    by("release by another CA", issuer=OTHER),
    by("nightly by another CA", NIGHTLY, issuer=OTHER, key=TWO),
    by("somebody", "https://ci.example.com/builders/somebody"),
)
KEYS = [key(ALICE), key(BOB), listed(HOLDERS[0]), listed(HOLDERS[3])]
GLOB = "https://ci.example.com/builders/*"
IDENTITIES = [
    identity(san, authority=ca, **claims)
    for san in (GLOB, RELEASE, NIGHTLY)
    for ca in ("ca", "other")
    for claims in ({}, {"claims": {"build-trigger": "push"}})
]
AUTHORITIES = {
    name: {"kind": "x509", "certificates": [root.pem], "time": "now-or-timestamp"}
    for name, root in (("ca", ROOT), ("other", OTHER))
}


@cache
def signatures() -> tuple[Signature, ...]:
    made = signed(*HOLDERS)
    broken = replace(made.signatures[0], sig=made.signatures[1].sig, fields=made.signatures[0].fields)
    return (*[one.sign(made.pae()) for one in (ALICE, BOB)], *made.signatures, broken)


def standing(entries: list[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    status = st.sampled_from(["active", "active", "active", "retired", "compromised"])
    one = st.tuples(st.sampled_from(range(len(entries))), status)
    return st.lists(one, max_size=4, unique_by=lambda pair: pair[0]).map(
        lambda pairs: [entries[index] | {"status": said} for index, said in pairs]
    )


ANCHOR = st.builds(
    lambda keys, identities, threshold: {
        "threshold": max(1, min(threshold, len(keys) + len(identities))),
        **({"keys": keys} if keys or not identities else {}),
        **({"identities": identities} if identities else {}),
    },
    standing(KEYS),
    standing(IDENTITIES),
    st.integers(1, 3),
).filter(lambda anchor: bool(anchor.get("keys") or anchor.get("identities")))
ENTRIES = st.lists(st.integers(0, len(HOLDERS) + 2), max_size=7)


def met(document: dict[str, Any], chosen: list[int]) -> set[str]:
    envelope = Envelope(signed().unverified_payload, signed().payload_type)
    made = envelope.with_signatures(*[signatures()[index] for index in chosen])
    return set(report(made, TrustBundle.from_document(document)).anchors) if chosen else set()


@settings(max_examples=100, deadline=None)
@given(ANCHOR, ANCHOR, ENTRIES, st.integers(0, len(HOLDERS) + 2), st.randoms(use_true_random=False), st.data())
def test_order_and_more_signatures_take_nothing_away_and_a_worse_status_gives_nothing(
    one: dict[str, Any], other: dict[str, Any], chosen: list[int], more: int, random: Random, data: st.DataObject
) -> None:
    document = dict(bundle({"one": one, "other": other}, authorities=AUTHORITIES).document)
    found = met(document, chosen)
    shuffled = [*chosen, *chosen[:1]]
    random.shuffle(shuffled)
    assert met(document, shuffled) == found
    assert found <= met(document, [more, *chosen])
    worse = copy.deepcopy(document)
    entries = [
        entry
        for anchor in worse["anchors"].values()
        for kind in ("keys", "identities")
        for entry in anchor.get(kind, [])
    ]
    data.draw(st.sampled_from(entries))["status"] = "compromised"
    assert met(worse, chosen) <= found
