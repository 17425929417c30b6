"""What is worth a warning in a valid trust bundle: found, placed, and never a change of verdict."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from attest import PublicKey, open_signer
from attest.trust.anchors import owners
from attest.trust.lint import check
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.chains import R1, R2, roots
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner, private_key, software_key
from tests.support.making.statements import ARTIFACT, signed

SOON = "2026-06-15T00:00:00Z"
SLSA = "https://slsa.dev/provenance/v1"


def rsa(algorithm: str) -> PublicKey:
    return software_key(algorithm).public_key


def findings(anchors: dict[str, Any] | None = None, **fields: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in check(bundle(anchors, **fields), now=NOW)]


def test_a_bundle_that_is_in_order_has_no_findings() -> None:
    assert (
        findings({"a": anchor(key(ALICE, not_before=PAST, not_after=FUTURE), BOB, threshold=2)}, expires=FUTURE) == []
    )


Limited = tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]
# The limits of two anchors that have the same `subjects`, and of two of which one has the more general ones.
TIES: list[Limited] = [
    ({"payload_types": ["x"]}, {}, [("subjects-tie", "/anchors/b/subjects/0")]),
    ({}, {"payload_types": ["x"]}, [("subjects-tie", "/anchors/b/subjects/0")]),
    ({"payload_types": ["x"]}, {"payload_types": ["x", "y"]}, [("subjects-tie", "/anchors/b/subjects/0")]),
    ({"payload_types": ["x"]}, {"payload_types": ["y"]}, []),
    (
        {"predicate_types": ["https://a"]},
        {"predicate_types": ["https://a"]},
        [("subjects-tie", "/anchors/b/subjects/0")],
    ),
    ({"predicate_types": ["https://a"]}, {"predicate_types": ["https://b"]}, []),
    ({"predicate_types": [SLSA]}, {"predicate_types": [SLSA]}, [("subjects-tie", "/anchors/b/subjects/0")]),
]
ROLES: list[Limited] = [
    ({"predicate_types": ["https://a", "https://b"]}, {"predicate_types": ["https://b"]}, []),
    ({"payload_types": ["x"]}, {"payload_types": ["x", "y"]}, []),
    ({"payload_types": ["x"]}, {"payload_types": ["y"]}, [("subjects-shadowed", "/anchors/a/subjects/0")]),
    (
        {"predicate_types": ["https://a"]},
        {"predicate_types": []},
        [("anchor-unsatisfiable", "/anchors/b/predicate_types")],
    ),
    ({"predicate_types": ["https://a"]}, {"payload_types": ["y"]}, []),
]


@pytest.mark.parametrize(
    ("anchors", "fields", "expected"),
    [
        ({}, {}, [("anchor-unsatisfiable", "/anchors")]),
        (None, {"expires": PAST}, [("trust-expired", "/expires")]),
        (None, {"expires": SOON}, [("trust-expires-soon", "/expires")]),
        (
            {"a": anchor(key(ALICE, not_after=SOON))},
            {},
            [("key-expires-soon", "/anchors/a/keys/0/not_after")],
        ),
        (
            {"a": anchor(BOB, key(ALICE, not_after=PAST))},
            {},
            [("key-expired", "/anchors/a/keys/1/not_after")],
        ),
        ({"a": anchor(BOB, key(ALICE, status="retired", not_after=PAST))}, {}, []),
        ({"a": anchor(key(ALICE, status="retired"))}, {}, [("anchor-unsatisfiable", "/anchors/a")]),
        ({"a": anchor(key(ALICE, not_before=FUTURE))}, {}, []),
        (
            {"a": anchor(BOB, key(ALICE, status="compromised"), threshold=2)},
            {},
            [("anchor-unsatisfiable", "/anchors/a")],
        ),
        (
            {"a": anchor(ALICE), "b": anchor(key(ALICE, status="compromised"), BOB)},
            {},
            [("anchor-unsatisfiable", "/anchors/a"), ("key-shared", "/anchors/b/keys/0")],
        ),
        ({"a": anchor(ALICE), "b": anchor(BOB, ALICE)}, {}, [("key-shared", "/anchors/b/keys/1")]),
        ({"a": anchor(ALICE, subjects=[])}, {}, [("anchor-unsatisfiable", "/anchors/a/subjects")]),
        ({"a": anchor(ALICE, predicate_types=[])}, {}, [("anchor-unsatisfiable", "/anchors/a/predicate_types")]),
        ({"a": anchor(ALICE, payload_types=[])}, {}, [("anchor-unsatisfiable", "/anchors/a/payload_types")]),
        ({"a": anchor(ALICE, builders=[])}, {}, [("anchor-unsatisfiable", "/anchors/a/builders")]),
        (
            {
                "a": anchor(ALICE, subjects=["*.zip", "*.whl"]),
                "b": anchor(BOB, subjects=["x", "acme-*", "*.w?l", "*.whl"]),
            },
            {},
            [("subjects-tie", "/anchors/b/subjects/3")],
        ),
        (
            {
                "a": anchor(ALICE, subjects=["*.whl"], predicate_types=["https://a"]),
                "b": anchor(BOB, subjects=["*.whl"], predicate_types=["https://b"]),
            },
            {},
            [],
        ),
        (
            {
                "a": anchor(ALICE, subjects=["*.whl"]),
                "b": anchor(BOB, subjects=["*.whl"], predicate_types=["https://b"]),
                "c": anchor(MALLORY, subjects=["*.whl"], predicate_types=["https://c"]),
            },
            {},
            [("subjects-tie", f"/anchors/{name}/subjects/0") for name in "bc"],
        ),
        *(  # who isn't limited may vouch for it too
            (
                {"a": anchor(ALICE, subjects=["*.whl"], **one), "b": anchor(BOB, subjects=["*.whl"], **other)},
                {},
                expected,
            )
            for one, other, expected in TIES
        ),
        (  # two builders may both vouch for what is no provenance
            {
                "a": anchor(ALICE, subjects=["*.whl"], builders=["https://a"]),
                "b": anchor(BOB, subjects=["*.whl"], builders=["https://b"]),
            },
            {},
            [("subjects-tie", "/anchors/b/subjects/0")],
        ),
        (
            {
                "a": anchor(ALICE, subjects=["*.whl"], builders=["https://a"], predicate_types=[SLSA]),
                "b": anchor(BOB, subjects=["*.whl"], builders=["https://b"], predicate_types=[SLSA]),
            },
            {},
            [],
        ),
        (
            {
                "a": anchor(ALICE, subjects=["*.zip", "**"], predicate_types=["https://a"]),
                "b": anchor(BOB, subjects=["acme/*"], predicate_types=["https://b"]),
            },
            {},
            [("subjects-shadowed", "/anchors/a/subjects/1")],
        ),
        (
            {
                "a": anchor(ALICE, subjects=["lib/*"], builders=["https://a"]),
                "b": anchor(BOB, subjects=["lib/core"], builders=["https://b"]),
            },
            {},
            [("subjects-shadowed", "/anchors/a/subjects/0")],
        ),
        (  # the same glob is there too, and is the one that counts
            {
                "a": anchor(ALICE, subjects=["**", "acme/*"], predicate_types=["https://a"]),
                "b": anchor(BOB, subjects=["acme/*"], predicate_types=["https://b"]),
            },
            {},
            [],
        ),
        (  # a general anchor, and one that reserves its names: no roles
            {"a": anchor(ALICE, subjects=["**"]), "b": anchor(BOB, subjects=["acme/*"], predicate_types=["https://b"])},
            {},
            [],
        ),
        *(  # limits that have something in common are no roles
            (
                {"a": anchor(ALICE, subjects=["**"], **wide), "b": anchor(BOB, subjects=["acme/*"], **narrow)},
                {},
                expected,
            )
            for wide, narrow, expected in ROLES
        ),
        (
            {
                "a": anchor(ALICE, subjects=["lib/*"], predicate_types=["https://a"]),
                "b": anchor(BOB, subjects=["acme/*"], predicate_types=["https://b"]),
            },
            {},
            [],
        ),
        ({"a": anchor(ALICE), "b": anchor(BOB)}, {}, []),
        ({"a": anchor(key(rsa("rsassa-pss-sha256")))}, {}, [("weak-algorithm", "/anchors/a/keys/0")]),
        ({"a": anchor(key(rsa("rsa-pkcs1v15-sha256")))}, {}, [("weak-algorithm", "/anchors/a/keys/0")] * 2),
        ({"a": anchor(key(ALICE, backend="sim"))}, {}, [("simulated-key", "/anchors/a/keys/0")]),
    ],
)
def test_what_is_worth_a_warning_is_found_at_its_place(
    anchors: dict[str, Any] | None, fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert findings(anchors, **fields) == expected


@pytest.mark.parametrize(
    ("keys", "threshold", "expected"),
    [
        ([key(BOB), key(R1), key(R2)], 2, []),
        ([key(BOB), key(R1)], 2, [("roots-without-spare", "/roots")]),
        ([key(BOB), key(R1), key(R2, status="retired")], 2, [("roots-without-spare", "/roots")]),
        ([key(BOB), key(R1, status="compromised")], 2, [("roots-unsatisfiable", "/roots")]),
        ([key(BOB), key(R1, backend="sim")], 1, [("simulated-key", "/roots/keys/1")]),
        ([key(BOB), key(rsa("rsassa-pss-sha256"))], 1, [("weak-algorithm", "/roots/keys/1")]),
    ],
)
def test_roots_are_looked_at_too(keys: list[Any], threshold: int, expected: list[tuple[str, str]]) -> None:
    assert findings(expires=FUTURE, roots={"threshold": threshold, "keys": keys}) == expected


def test_what_several_anchors_share_is_said_once_of_each() -> None:
    anchors = {
        name: anchor(MemorySigner("ed25519", 10 + at), subjects=[f"lib-{number}/*" for number in range(50)])
        for at, name in enumerate("abcd")
    }
    found = check(bundle(anchors), now=NOW)
    assert [finding.where for finding in found] == [f"/anchors/{name}/subjects/0" for name in "bcd"]
    assert "anchor 'd' and anchor 'a' and 2 more are allowed to sign the same statements" in found[-1].message


def test_how_many_globs_are_compared_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = {
        name: anchor(owner, subjects=[f"*-{number}-*" for number in range(40)], predicate_types=[f"https://{name}"])
        for name, owner in (("a", ALICE), ("b", BOB))
    }
    assert findings(anchors) == []
    monkeypatch.setattr(owners, "MAX_COMPARED", 1_000)
    assert findings(anchors) == [("subjects-unchecked", "/anchors")]


def test_whoever_says_that_all_globs_were_compared_has_found_all(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = bundle({name: anchor(owner, subjects=["a*", "b*"]) for name, owner in (("a", ALICE), ("b", BOB))}).anchors
    everything, compared = owners.meetings(anchors)
    assert (len(everything), compared) == (1, True)
    ends = set()
    for limit in range(40):
        monkeypatch.setattr(owners, "MAX_COMPARED", limit)
        found, compared = owners.meetings(anchors)
        assert found == everything or not compared
        ends.add(compared)
    assert ends == {False, True}


@pytest.mark.parametrize(("length", "compared"), [(10, True), (400, False)])
def test_long_globs_cost_more_to_compare(length: int, compared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    globs = {owner: [f"?{owner * length}-{number:02}-?" for number in range(20)] for owner in "ab"}
    anchors = {name: anchor(owner, subjects=globs[name]) for name, owner in (("a", ALICE), ("b", BOB))}
    trust = bundle(anchors).anchors
    monkeypatch.setattr(owners, "MAX_COMPARED", 8_000)
    assert owners.meetings(trust) == ([], compared)


def test_globs_that_have_nothing_in_common_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten anchors with 300 globs each: 4.5 million pairs, if each were compared with each."""
    anchors = {
        f"anchor-{at}": anchor(
            MemorySigner("ed25519", 10 + at), subjects=[f"pkg:pypi/acme-{at}/lib-{number}/*" for number in range(300)]
        )
        for at in range(10)
    }
    monkeypatch.setattr(owners, "MAX_COMPARED", 6_000)
    assert findings(anchors) == []


def test_a_bundle_that_is_signed_should_end() -> None:
    assert findings(roots=roots(BOB, R1)) == [("trust-never-expires", "/expires")]


def test_every_finding_has_a_sentence() -> None:
    anchors = {"a": anchor(key(open_signer("sim:test").public_key, not_after=SOON), subjects=[])}
    messages = [finding.message for finding in check(bundle(anchors, expires=SOON), now=NOW)]
    assert len(messages) == 4
    assert all(messages)


def test_soon_is_an_option() -> None:
    trust = bundle(expires="2026-07-15T00:00:00Z")
    assert check(trust, now=NOW) == []
    assert [finding.code for finding in check(trust, now=NOW, soon=timedelta(days=60))] == ["trust-expires-soon"]


def test_a_large_rsa_key_with_the_better_padding_is_no_finding() -> None:
    assert private_key("rsassa-pss-sha256").key_size == 2048
    large = open_signer("sim:large?algorithm=rsassa-pss-sha256").public_key
    real = PublicKey(large.algorithm, large.spki)
    assert findings({"a": anchor(key(real))}) == []


def test_a_finding_changes_no_verdict() -> None:
    from attest import verify

    trust = bundle({"a": anchor(key(ALICE, not_after=SOON))}, expires=SOON)
    assert check(trust, now=NOW)
    assert verify(signed(), trust, artifacts=[ARTIFACT], now=NOW).anchors == ("a",)
