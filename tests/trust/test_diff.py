"""What changed between two trust bundles: every difference once, at its place, and what weakens called so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import open_signer
from attest.trust import editing
from attest.trust.anchors import owners
from attest.trust.diff import Change, diff
from tests.support.examples import examples
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner

SIM = open_signer("sim:test").public_key
LOST, RETIRED = {"status": "compromised"}, {"status": "retired"}
LATER = "2028-01-01T00:00:00Z"
PSS, PKCS1 = (MemorySigner(name, 0).public_key for name in ("rsassa-pss-sha256", "rsa-pkcs1v15-sha256"))
P256 = MemorySigner("ecdsa-sha2-nistp256", 0).public_key


def changes(old: Any, new: Any) -> list[tuple[str, str, bool]]:
    """From one release anchor, or document, to the other; the version rises."""
    before, after = ({"anchors": {"release": side}} if "keys" in side else side for side in (old, new))
    found = diff(bundle(**before, version=1), bundle(**after, version=2))
    assert found[0] == Change("version-changed", "/version", "version: 1 -> 2")
    return [(change.kind, change.where, change.weakened) for change in found[1:]]


RELEASE, KEYS = "/anchors/release", "/anchors/release/keys"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (anchor(ALICE), anchor(ALICE), []),
        (anchor(ALICE, BOB), anchor(BOB, ALICE), []),
        (anchor(ALICE, BOB, threshold=2), anchor(ALICE, BOB), [("threshold-changed", f"{RELEASE}/threshold", True)]),
        (anchor(ALICE, BOB), anchor(ALICE, BOB, threshold=2), [("threshold-changed", f"{RELEASE}/threshold", False)]),
        (anchor(ALICE, subjects=["*"]), anchor(ALICE), [("limit-changed", f"{RELEASE}/subjects", True)]),
        (anchor(ALICE), anchor(ALICE, subjects=["*"]), [("limit-changed", f"{RELEASE}/subjects", False)]),
        (
            anchor(ALICE, subjects=["a", "b"]),
            anchor(ALICE, subjects=["b", "c"]),
            [("limit-changed", f"{RELEASE}/subjects", True), ("limit-changed", f"{RELEASE}/subjects", False)],
        ),
        (
            anchor(ALICE, predicate_types=[]),
            anchor(ALICE, predicate_types=["x:y"]),
            [("limit-changed", f"{RELEASE}/predicate_types", True)],
        ),
        (
            anchor(ALICE, payload_types=["a"]),
            anchor(ALICE, payload_types=[]),
            [("limit-changed", f"{RELEASE}/payload_types", False)],
        ),
        (anchor(ALICE), anchor(ALICE, description="ours"), [("field-changed", f"{RELEASE}/description", False)]),
        (anchor(ALICE), anchor(ALICE, BOB), [("key-added", f"{KEYS}/1", True)]),
        (anchor(ALICE), anchor(ALICE, key(BOB, **RETIRED)), [("key-added", f"{KEYS}/1", True)]),
        (anchor(ALICE), anchor(ALICE, key(BOB, **LOST)), [("key-added", f"{KEYS}/1", False)]),
        (anchor(ALICE, BOB), anchor(ALICE), [("key-removed", f"{KEYS}/1", False)]),
        (anchor(ALICE, key(BOB, **RETIRED)), anchor(ALICE), [("key-removed", f"{KEYS}/1", False)]),
        (anchor(ALICE, key(BOB, **LOST)), anchor(ALICE), [("key-removed", f"{KEYS}/1", True)]),
        (anchor(ALICE), anchor(key(ALICE, **RETIRED)), [("key-status-changed", f"{KEYS}/0/status", False)]),
        (anchor(ALICE), anchor(key(ALICE, **LOST)), [("key-status-changed", f"{KEYS}/0/status", False)]),
        (anchor(key(ALICE, **LOST)), anchor(ALICE), [("key-status-changed", f"{KEYS}/0/status", True)]),
        (
            anchor(key(ALICE, **LOST)),
            anchor(key(ALICE, **RETIRED)),
            [("key-status-changed", f"{KEYS}/0/status", True)],
        ),
        (anchor(key(ALICE, **RETIRED)), anchor(ALICE), [("key-status-changed", f"{KEYS}/0/status", True)]),
        (
            anchor(key(ALICE, **RETIRED, status_since=PAST)),
            anchor(key(ALICE, **RETIRED, status_since=FUTURE)),
            [("key-changed", f"{KEYS}/0/status_since", True)],
        ),
        (
            anchor(key(ALICE, **RETIRED, status_since=FUTURE)),
            anchor(key(ALICE, **RETIRED, status_since=PAST)),
            [("key-changed", f"{KEYS}/0/status_since", False)],
        ),
        (anchor(ALICE), anchor(key(ALICE, not_after=FUTURE)), [("key-window-changed", f"{KEYS}/0/not_after", False)]),
        (anchor(key(ALICE, not_after=FUTURE)), anchor(ALICE), [("key-window-changed", f"{KEYS}/0/not_after", True)]),
        (
            anchor(key(ALICE, not_after=FUTURE)),
            anchor(key(ALICE, not_after=LATER)),
            [("key-window-changed", f"{KEYS}/0/not_after", True)],
        ),
        (
            anchor(key(ALICE, not_before=FUTURE)),
            anchor(key(ALICE, not_before=PAST)),
            [("key-window-changed", f"{KEYS}/0/not_before", True)],
        ),
        (
            anchor(key(ALICE, not_before=PAST)),
            anchor(key(ALICE, not_before=FUTURE)),
            [("key-window-changed", f"{KEYS}/0/not_before", False)],
        ),
        (anchor(key(ALICE, not_after=FUTURE)), anchor(key(ALICE, not_after="2027-01-01T01:00:00+01:00")), []),
        (
            anchor(key(ALICE, signer="file:a.pem")),
            anchor(key(ALICE, signer="file:b.pem")),
            [("key-signer-changed", f"{KEYS}/0/signer", False)],
        ),
        (anchor(key(ALICE)), anchor(key(ALICE, **{"x-who": "us"})), [("key-changed", f"{KEYS}/0/x-who", False)]),
        (anchor(key(PSS)), anchor(key(PKCS1)), [("key-changed", f"{KEYS}/0/algorithm", True)]),
        (
            anchor(key(P256)),
            anchor(key(P256, algorithm="HSM-ECDSA-P256")),
            [("key-changed", f"{KEYS}/0/algorithm", False)],
        ),
        ({"expires": FUTURE}, {"expires": LATER}, [("expires-changed", "/expires", True)]),
        ({"expires": FUTURE}, {}, [("expires-changed", "/expires", True)]),
        ({}, {"expires": FUTURE}, [("expires-changed", "/expires", False)]),
        ({"issued": PAST}, {"issued": FUTURE}, [("issued-changed", "/issued", False)]),
        ({"x-list": [1]}, {"x-list": [2]}, [("field-changed", "/x-list", False)] * 2),
        ({"x-one": 1}, {"x-one": "1"}, [("field-changed", "/x-one", False)]),
    ],
)
def test_a_change_is_found_at_its_place_and_called_what_it_is(old: Any, new: Any, expected: list[Any]) -> None:
    assert changes(old, new) == expected


def test_an_anchor_that_comes_and_one_that_goes() -> None:
    first, second = {"anchors": {"a": anchor(key(ALICE, **LOST))}}, {"anchors": {"b": anchor(BOB, subjects=["*"])}}
    assert changes(first, second) == [
        ("anchor-removed", "/anchors/a", False),
        ("key-removed", "/anchors/a/keys/0", True),
        ("anchor-added", "/anchors/b", True),
        ("limit-changed", "/anchors/b/subjects", False),
        ("key-added", "/anchors/b/keys/0", True),
    ]


GENERAL = {"general": anchor(BOB, subjects=["**"])}


@pytest.mark.parametrize(
    ("acme", "general", "weakened"),
    [
        (["app-*"], ["**"], [False, True]),  # the names of lib-* are general's now
        (["app-*", "*"], ["**"], [False, True, True]),  # it can't be told that they are still acme's
        (["app-*"], ["lib-core*"], [False, False]),  # which says more, and had its names before
        (["app-*"], ["lib-*"], [False, False]),  # which says as much, and had its names before
        (["app-*"], ["app-*"], [False, False]),
        (["app-*"], None, [False, False]),
    ],
)
def test_names_that_an_anchor_gives_up_go_to_who_is_less_specific(
    acme: list[str], general: list[str] | None, weakened: list[bool]
) -> None:
    others = {"general": anchor(BOB) | ({} if general is None else {"subjects": general})}
    before = bundle({"acme": anchor(ALICE, subjects=["app-*", "lib-*"]), **others})
    found = diff(before, bundle({"acme": anchor(ALICE, subjects=acme), **others}, version=2))
    assert [change.weakened for change in found] == weakened
    assert ("; now responsible: anchor 'general'" in found[-1].message) is weakened[-1]


@pytest.mark.parametrize(("limit", "weakened"), [(0, True), (3, True), (4, False)])
def test_where_there_are_too_many_globs_to_compare_names_may_go_to_anybody(
    limit: int, weakened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each comparison of two short globs costs one, and one for each anchor that has the other glob."""
    monkeypatch.setattr(owners, "MAX_COMPARED", limit)
    others = {"others": anchor(BOB, subjects=["lib-*", "app-*"])}
    before = bundle({"acme": anchor(ALICE, subjects=["app-*", "lib-*", "x"]), **others})
    found = diff(before, bundle({"acme": anchor(ALICE, subjects=["x"]), **others}, version=2))
    assert [change.weakened for change in found] == [False, weakened, weakened]


def test_an_anchor_that_goes_leaves_its_names_to_who_is_less_specific() -> None:
    acme = {"acme": anchor(ALICE, subjects=["app-*"])}
    assert changes({"anchors": acme | GENERAL}, {"anchors": GENERAL}) == [
        ("anchor-removed", "/anchors/acme", True),
        ("key-removed", "/anchors/acme/keys/0", False),
    ]
    other = {"other": anchor(BOB, subjects=["lib-*"])}
    assert changes({"anchors": acme | other}, {"anchors": other})[0] == ("anchor-removed", "/anchors/acme", False)


def test_a_compromised_key_that_another_anchor_still_calls_so_is_not_forgotten() -> None:
    lost = anchor(BOB, key(ALICE, **LOST))
    assert changes({"anchors": {"a": lost, "b": lost}}, {"anchors": {"a": lost, "b": anchor(BOB, ALICE)}}) == [
        ("key-status-changed", "/anchors/b/keys/1/status", True)
    ]
    assert changes({"anchors": {"a": lost, "b": lost}}, {"anchors": {"a": lost, "b": anchor(BOB)}}) == [
        ("key-removed", "/anchors/b/keys/1", False)
    ]


def test_a_simulated_key_that_loses_its_last_mark_is_one_that_counts_from_now_on() -> None:
    marked = key(SIM)
    bare = {**marked, "keyid": SIM.keyid.removeprefix("sim:"), "public_key": SIM.to_pem().partition("\n")[2]}
    assert "simulated" not in bare["public_key"]
    assert ("key-changed", "/anchors", False) not in changes(anchor(marked), anchor(bare))
    del bare["backend"]
    assert ("key-changed", "/anchors", True) in changes(anchor(marked), anchor(bare))


@pytest.mark.parametrize("version", [3, 2])
def test_a_version_that_does_not_rise_is_said(version: int) -> None:
    old, new = bundle(version=3), bundle({"release": anchor(ALICE, BOB)}, version=version)
    said = {3: "the content changed, but the version is still 3", 2: "version: 3 -> 2"}[version]
    assert diff(old, new)[0].message == said
    assert diff(old, bundle(version=3)) == []


def test_the_sentences_say_who_what_since_when_and_why() -> None:
    old = bundle({"release": anchor(ALICE, BOB, subjects=["*.whl"])})
    new = editing.revoke(old, ALICE.public_key.keyid, now=NOW, reason="found in a log")
    new = editing.rotate(
        new, "release", BOB.public_key.keyid, key(MALLORY), now=NOW, overlap=NOW - NOW, reason="a new year"
    )
    alice, bob, mallory = (f"ed25519 {signer.public_key.keyid}" for signer in (ALICE, BOB, MALLORY))
    assert [change.message for change in diff(old, new)] == [
        "version: 1 -> 3",
        "issued added: 2026-06-01T12:00:00Z",
        f"anchor 'release': key {alice}: active -> compromised since 2026-06-01T12:00:00Z (found in a log)",
        f"anchor 'release': key {bob}: active -> retired since 2026-06-01T12:00:00Z (a new year)",
        f"anchor 'release': key {mallory} added: active, from 2026-06-01T12:00:00Z",
    ]


def test_history_that_is_rewritten_is_said() -> None:
    old = bundle({"release": anchor(key(ALICE, **RETIRED, status_since=PAST, reason="rotated"))})
    new = editing.revoke(old, ALICE.public_key.keyid, now=NOW)
    assert [change.kind for change in diff(old, new)[2:]] == ["key-status-changed"]
    rewritten = json.loads(new.to_json())
    rewritten["anchors"]["release"]["keys"][0]["history"] = []
    assert [change.kind for change in diff(new, bundle(rewritten["anchors"], version=3))[2:]] == ["key-changed"]


OWNERS = st.sampled_from([ALICE, BOB, MALLORY])
KEY = st.builds(
    lambda owner, fields: key(owner, **fields),
    OWNERS,
    st.sampled_from([{}, LOST, RETIRED, {"not_after": FUTURE}, {"not_before": PAST}]),
)
ANCHOR = st.builds(
    lambda keys, limits: anchor(*keys, **limits),
    st.lists(KEY, min_size=1, max_size=3, unique_by=lambda entry: entry["keyid"]),
    st.sampled_from([{}, {"subjects": ["*"]}, {"subjects": []}]),
)
ANCHORS = st.dictionaries(st.sampled_from("abc"), ANCHOR, max_size=3)


@given(ANCHORS, ANCHORS)
@examples(150)
def test_what_differs_has_a_change_and_what_is_the_same_has_none(old: Any, new: Any) -> None:
    before, after = bundle(old), bundle(new)

    def normal(anchors: Any) -> Any:
        return {
            name: {**entry, "keys": sorted(entry["keys"], key=lambda k: str(k["keyid"]))}
            for name, entry in anchors.items()
        }

    assert bool(diff(before, after)) is (normal(old) != normal(new))
    assert diff(before, before) == []
