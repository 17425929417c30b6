"""Changes to a trust bundle: a version higher, nothing lost, and no way back for a compromised key."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest import InputError, Rejected, TrustBundle, open_signer, trust_editing, verify
from attest.keys import PublicKey
from tests.builders import (
    ALICE,
    ARTIFACT,
    BOB,
    FUTURE,
    MALLORY,
    PAST,
    anchor,
    bundle,
    key,
    refused,
    signed,
)
from tests.helpers import NOW


def codes(trust: TrustBundle) -> list[str | None]:
    """The codes of ALICE's signature under this trust bundle, or [None] where it is accepted."""
    try:
        verified = verify(signed(ALICE), trust, artifacts=[ARTIFACT], now=NOW, allow_simulated=True)
    except Rejected as error:
        return [check.code for check in error.report.signatures]  # type: ignore[attr-defined]
    return [check.code for check in verified.report.signatures]


def test_a_key_is_described_by_what_it_is() -> None:
    entry = trust_editing.describe_key(ALICE.public_key, signer="file:release.pem", not_after=None)
    assert entry == {
        "keyid": ALICE.public_key.keyid,
        "algorithm": "ed25519",
        "public_key": ALICE.public_key.to_pem(),
        "signer": "file:release.pem",
        "status": "active",
    }


def test_a_simulated_key_is_described_as_one() -> None:
    entry = trust_editing.describe_key(open_signer("sim:test").public_key)
    assert entry["keyid"].startswith("sim:")
    assert entry["backend"] == "sim"


def test_a_bundle_begins_with_version_one() -> None:
    trust = trust_editing.create(
        "release",
        [key(ALICE), key(BOB)],
        now=NOW,
        expires=FUTURE,
        threshold=2,
        subjects=["*.whl"],
        predicate_types=None,
    )
    assert (trust.version, trust.issued) == (1, NOW)
    assert trust.anchors["release"].threshold == 2
    assert trust.anchors["release"].subjects == ("*.whl",)
    assert trust.anchors["release"].predicate_types is None
    assert TrustBundle.from_json(trust.to_json()) == trust


def test_a_bundle_may_begin_with_roots_which_every_version_keeps() -> None:
    roots = {"threshold": 2, "keys": [key(BOB), key(MALLORY)]}
    trust = trust_editing.create("release", [key(ALICE)], now=NOW, roots=roots)
    assert trust.roots is not None
    assert [root.public_key for root in trust.roots.keys] == [BOB.public_key, MALLORY.public_key]
    after = trust_editing.add(trust, "nightly", [key(open_signer("sim:test").public_key)], now=NOW)
    assert after.roots == trust.roots
    with refused(InputError, "root-is-anchor-key", "/roots/keys/1"):
        trust_editing.add(trust, "nightly", [key(MALLORY)], now=NOW)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"keys": []}, "threshold-unreachable"),
        ({"roots": {"threshold": 1, "keys": [key(ALICE)]}}, "root-is-anchor-key"),
        ({"roots": {"threshold": 2, "keys": [key(BOB)]}}, "threshold-unreachable"),
        ({"roots": {}}, "trust-invalid"),
        ({"threshold": 2}, "threshold-unreachable"),
        ({"threshold": 0}, "trust-invalid"),
        ({"anchor": "a b"}, "trust-invalid"),
        ({"keys": [key(ALICE), key(ALICE)]}, "key-duplicate"),
        ({"expires": "soon"}, "time-invalid"),
        ({"expires": PAST}, "time-invalid"),
        ({"subject": ["*"]}, "trust-invalid"),
    ],
)
def test_a_bundle_that_could_not_be_read_is_not_made(options: dict[str, Any], code: str) -> None:
    with refused(InputError, code):
        trust_editing.create(**{"anchor": "release", "keys": [key(ALICE)], "now": NOW, **options})


def test_adding_raises_the_version_and_keeps_all_that_was_there() -> None:
    before = bundle(
        {"release": anchor(key(ALICE, status="retired", reason="rotated"), subjects=["*"], description="ours")},
        version=7,
        issued=PAST,
        **{"x-owner": "security"},
    )
    kept = copy.deepcopy(before.document)
    after = trust_editing.add(before, "release", [key(BOB)], now=NOW)
    assert (after.version, after.issued) == (8, NOW)
    assert before.document == kept, "the bundle that was given is not changed"
    expected = copy.deepcopy(dict(kept)) | {"version": 8, "issued": "2026-06-01T12:00:00Z"}
    expected["anchors"]["release"]["keys"].append(key(BOB))
    assert after.document == expected
    assert TrustBundle.from_json(after.to_json()) == after


def test_adding_makes_an_anchor_that_is_not_there_and_changes_the_limits_that_are_given() -> None:
    trust = trust_editing.add(bundle(), "nightly", [key(BOB)], now=NOW, subjects=["*.tar.gz"])
    assert list(trust.anchors) == ["release", "nightly"]
    trust = trust_editing.add(trust, "nightly", [key(ALICE)], now=NOW, threshold=2, subjects=None)
    assert trust.anchors["nightly"].threshold == 2
    assert trust.anchors["nightly"].subjects == ("*.tar.gz",)
    assert trust.anchors["release"] == bundle().anchors["release"]


@pytest.mark.parametrize("status", ["active", "retired"])
def test_a_key_that_an_anchor_has_is_not_added_again(status: str) -> None:
    with refused(InputError, "key-duplicate"):
        trust_editing.add(bundle({"release": anchor(key(ALICE, status=status))}), "release", [key(ALICE)], now=NOW)


@pytest.mark.parametrize("name", ["release", "other", "new"])
def test_a_compromised_key_is_not_added_anywhere(name: str) -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised")), "other": anchor(BOB)})
    with refused(InputError, "key-compromised"):
        trust_editing.add(trust, name, [key(MALLORY), key(ALICE)], now=NOW)


def test_a_compromised_key_is_not_added_with_the_simulators_mark_put_on() -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised"))})
    marked = PublicKey(ALICE.public_key.algorithm, ALICE.public_key.spki, simulated=True)
    with refused(InputError, "key-compromised"):
        trust_editing.add(trust, "other", [key(marked)], now=NOW)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["release", "other", "new"]),
        st.sampled_from([ALICE, BOB, MALLORY]),
        st.booleans(),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([{}, {"status": "active"}, {"not_before": PAST}, {"backend": "sim"}]),
    ),
    max_size=6,
)


@given(EDITS)
@settings(max_examples=100, deadline=None)
def test_no_sequence_of_edits_makes_a_compromised_key_count(edits: list[Any]) -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised")), "other": anchor(BOB)})
    for name, owner, marked, threshold, fields in edits:
        public = PublicKey(owner.public_key.algorithm, owner.public_key.spki, simulated=marked)
        version = trust.version
        try:
            trust = trust_editing.add(trust, name, [key(public, **fields)], now=NOW, threshold=threshold)
            assert trust.version == version + 1
        except InputError:
            assert trust.version == version
        assert codes(trust) == ["key-compromised"]
        assert codes(trust_editing.without_signers(trust)) == ["key-compromised"]


def test_a_copy_for_verifiers_says_nothing_about_signers_and_is_the_same_otherwise() -> None:
    trust = bundle(
        {"a": anchor(key(ALICE, signer="file:a.pem"), BOB), "b": anchor(key(MALLORY, signer="file:m"))}, version=3
    )
    public = trust_editing.without_signers(trust)
    assert b"signer" not in public.to_json()
    assert public.version == 3
    assert b"signer" in trust.to_json()
    assert public.document == bundle({"a": anchor(ALICE, BOB), "b": anchor(MALLORY)}, version=3).document


def test_a_copy_for_verifiers_says_nothing_about_the_signers_of_roots() -> None:
    trust = bundle(roots={"threshold": 1, "keys": [key(BOB, signer="file:b.pem"), key(MALLORY, signer="sim:test")]})
    public = trust_editing.without_signers(trust)
    assert b"signer" not in public.to_json()
    assert public.roots is not None
    assert [root.public_key.simulated for root in public.roots.keys] == [False, True]


def test_a_copy_for_verifiers_keeps_the_mark_of_a_key_that_only_its_signer_gave_away() -> None:
    """Taking the `signer` off must not turn a simulated key into a real one."""
    trust = bundle({"a": anchor(key(ALICE, signer="sim:test"))})
    assert all(candidate.simulated for candidate in trust.candidates)
    assert all(candidate.simulated for candidate in trust_editing.without_signers(trust).candidates)
