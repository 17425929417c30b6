"""Changes to a trust bundle: a version higher, nothing lost, and no way back for a compromised key."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError, Rejected, TrustBundle, open_signer, verify
from attest.keys import PublicKey
from attest.trust import editing
from tests.support.examples import examples
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, certificate, private_key, public_bytes, software_key
from tests.support.making.statements import ARTIFACT, signed
from tests.support.watching import refused
from tests.trust.test_bundle import compressed

EARLIER = datetime(2026, 5, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def codes(trust: TrustBundle) -> list[str | None]:
    """The codes of ALICE's signature under this trust bundle, or [None] where it is accepted."""
    try:
        verified = verify(signed(ALICE), trust, artifacts=[ARTIFACT], now=NOW, allow_simulated=True)
    except Rejected as error:
        return [check.code for check in error.report.signatures]  # type: ignore[union-attr]
    return [check.code for check in verified.report.signatures]


def test_a_key_is_described_by_what_it_is() -> None:
    entry = editing.describe_key(ALICE.public_key, signer="file:release.pem", not_after=None)
    assert entry == {
        "keyid": ALICE.public_key.keyid,
        "algorithm": "ed25519",
        "public_key": ALICE.public_key.to_pem(),
        "signer": "file:release.pem",
        "status": "active",
    }


def test_a_simulated_key_is_described_as_one() -> None:
    entry = editing.describe_key(open_signer("sim:test").public_key)
    assert entry["keyid"].startswith("sim:")
    assert entry["backend"] == "sim"


def test_a_bundle_begins_with_version_one() -> None:
    trust = editing.create(
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
    trust = editing.create("release", [key(ALICE)], now=NOW, roots=roots)
    assert trust.roots is not None
    assert [root.public_key for root in trust.roots.keys] == [BOB.public_key, MALLORY.public_key]
    after = editing.add(trust, "nightly", [key(open_signer("sim:test").public_key)], now=NOW)
    assert after.roots == trust.roots
    with refused(InputError, "root-is-anchor-key", "/roots/keys/1"):
        editing.add(trust, "nightly", [key(MALLORY)], now=NOW)


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
        editing.create(**{"anchor": "release", "keys": [key(ALICE)], "now": NOW, **options})


def test_adding_raises_the_version_and_keeps_all_that_was_there() -> None:
    before = bundle(
        {"release": anchor(key(ALICE, status="retired", reason="rotated"), subjects=["*"], description="ours")},
        version=7,
        issued=PAST,
        **{"x-owner": "security"},
    )
    kept = copy.deepcopy(before.document)
    after = editing.add(before, "release", [key(BOB)], now=NOW)
    assert (after.version, after.issued) == (8, NOW)
    assert before.document == kept, "the bundle that was given is not changed"
    expected = copy.deepcopy(dict(kept)) | {"version": 8, "issued": "2026-06-01T12:00:00Z"}
    expected["anchors"]["release"]["keys"].append(key(BOB))
    assert after.document == expected
    assert TrustBundle.from_json(after.to_json()) == after


def test_adding_makes_an_anchor_that_is_not_there_and_changes_the_limits_that_are_given() -> None:
    trust = editing.add(bundle(), "nightly", [key(BOB)], now=NOW, subjects=["*.tar.gz"])
    assert list(trust.anchors) == ["release", "nightly"]
    trust = editing.add(trust, "nightly", [key(ALICE)], now=NOW, threshold=2, subjects=None)
    assert trust.anchors["nightly"].threshold == 2
    assert trust.anchors["nightly"].subjects == ("*.tar.gz",)
    assert trust.anchors["release"] == bundle().anchors["release"]


@pytest.mark.parametrize("status", ["active", "retired"])
def test_a_key_that_an_anchor_has_is_not_added_again(status: str) -> None:
    with refused(InputError, "key-duplicate"):
        editing.add(bundle({"release": anchor(key(ALICE, status=status))}), "release", [key(ALICE)], now=NOW)


@pytest.mark.parametrize("name", ["release", "other", "new"])
def test_a_compromised_key_is_not_added_anywhere(name: str) -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised")), "other": anchor(BOB)})
    with refused(InputError, "key-compromised"):
        editing.add(trust, name, [key(MALLORY), key(ALICE)], now=NOW)


def test_a_compromised_key_is_not_added_with_the_simulators_mark_put_on() -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised"))})
    marked = PublicKey(ALICE.public_key.algorithm, ALICE.public_key.spki, simulated=True)
    with refused(InputError, "key-compromised"):
        editing.add(trust, "other", [key(marked)], now=NOW)


@pytest.mark.parametrize("pinned", ["rsassa-pss-sha256", "rsassa-pss-sha512", "rsa-pkcs1v15-sha256", "HSM-RSA-SHA256"])
def test_a_compromised_key_is_not_added_under_another_algorithm(pinned: str) -> None:
    lost = software_key("rsa-pkcs1v15-sha384").public_key
    other = PublicKey.parse(lost.to_pem().encode(), algorithm=pinned)
    trust = bundle({"release": anchor(key(lost, status="compromised")), "other": anchor(BOB)})
    with refused(InputError, "key-compromised"):
        editing.add(trust, "other", [key(other, algorithm=pinned)], now=NOW)
    with refused(InputError, "key-compromised"):
        editing.rotate(trust, "other", BOB.public_key.keyid, key(other), now=NOW, overlap=MONTH)


@pytest.mark.parametrize("how", ["compressed point", "certificate", "simulated"])
def test_a_compromised_key_is_not_added_in_another_encoding(how: str) -> None:
    lost = software_key("ecdsa-sha2-nistp256").public_key
    private = private_key("ecdsa-sha2-nistp256")
    written = {
        "compressed point": compressed(lost).encode(),
        "certificate": certificate(private),
        "simulated": b"# simulated key: anyone can sign with it\n" + public_bytes(private),
    }[how]
    again = PublicKey.parse(written)
    trust = bundle({"release": anchor(key(lost, status="compromised"))})
    for entry in (key(again), key(lost, public_key=written.decode())):
        with refused(InputError, "key-compromised"):
            editing.add(trust, "new", [entry], now=NOW)


def test_a_key_is_retired_with_when_and_why() -> None:
    before = bundle({"release": anchor(key(ALICE, not_after=FUTURE), BOB)}, version=4)
    after = editing.retire(before, "release", ALICE.public_key.keyid, now=NOW, at=EARLIER, reason="moved on")
    assert (after.version, after.issued) == (5, NOW)
    assert after.document["anchors"]["release"]["keys"] == [
        key(ALICE, not_after=FUTURE, status="retired", status_since="2026-05-01T00:00:00Z", reason="moved on"),
        key(BOB),
    ]
    assert codes(after) == ["key-retired"]


def test_a_key_is_retired_for_the_anchor_that_says_so_and_for_no_other() -> None:
    trust = bundle({"release": anchor(ALICE), "other": anchor(ALICE)})
    trust = editing.retire(trust, "other", ALICE.public_key.keyid, now=NOW)
    assert [anchor.keys[0].status for anchor in trust.anchors.values()] == ["active", "retired"]
    assert codes(trust) == [None]


def test_a_key_is_revoked_wherever_it_stands_and_keeps_what_was_said_before() -> None:
    retired = key(ALICE, status="retired", status_since=PAST, reason="rotated")
    trust = bundle({"release": anchor(ALICE), "old": anchor(retired, BOB), "other": anchor(BOB)})
    trust = editing.revoke(trust, ALICE.public_key.keyid, now=NOW, at=EARLIER, reason="found in a log")
    lost = {"status": "compromised", "status_since": "2026-05-01T00:00:00Z", "reason": "found in a log"}
    history = [{"status": "retired", "status_since": PAST, "reason": "rotated"}]
    anchors = trust.document["anchors"]
    assert anchors["release"]["keys"] == [key(ALICE, **lost)]
    assert anchors["old"]["keys"] == [key(ALICE, **lost, history=history), key(BOB)]
    assert anchors["other"]["keys"] == [key(BOB)]
    assert codes(trust) == ["key-compromised"]


def test_revoking_finishes_what_somebody_began_by_hand() -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised", status_since=PAST)), "other": anchor(ALICE)})
    trust = editing.revoke(trust, ALICE.public_key.keyid, now=NOW)
    since = [entry["keys"][0]["status_since"] for entry in trust.document["anchors"].values()]
    assert since == [PAST, "2026-06-01T12:00:00Z"], "what was said first stays"


def test_revoking_the_last_key_is_not_refused() -> None:
    trust = editing.revoke(bundle({"a": anchor(ALICE, BOB, threshold=2)}), BOB.public_key.keyid, now=NOW)
    assert [key.status for key in trust.anchors["a"].keys] == ["active", "compromised"]


@pytest.mark.parametrize("spelling", ["real", "simulated"])
def test_a_keyid_is_found_with_and_without_the_simulators_mark(spelling: str) -> None:
    simulated = open_signer("sim:test").public_key
    keyid = simulated.keyid if spelling == "simulated" else simulated.keyid.removeprefix("sim:")
    trust = editing.revoke(bundle({"a": anchor(key(simulated))}), keyid, now=NOW)
    assert trust.anchors["a"].keys[0].status == "compromised"


def test_a_rotation_adds_the_new_key_and_gives_the_old_one_an_end() -> None:
    before = bundle({"release": anchor(key(ALICE, reason="first")), "other": anchor(ALICE)})
    new = key(BOB, not_after=FUTURE)
    after = editing.rotate(before, "release", ALICE.public_key.keyid, new, now=NOW, overlap=MONTH, reason="a new year")
    assert after.version == 2
    assert after.document["anchors"]["release"]["keys"] == [
        key(
            ALICE,
            reason="a new year",
            not_after="2026-07-01T12:00:00Z",
            history=[{"status": "active", "reason": "first"}],
        ),
        {**new, "not_before": "2026-06-01T12:00:00Z"},
    ]
    assert after.anchors["other"] == before.anchors["other"]


def test_an_overlap_never_gives_the_old_key_more_time_than_it_had() -> None:
    for end in ("2026-06-15T00:00:00Z", PAST, "2026-06-30T23:59:59+02:00"):
        trust = bundle({"release": anchor(key(ALICE, not_after=end))})
        trust = editing.rotate(trust, "release", ALICE.public_key.keyid, key(BOB), now=NOW, overlap=MONTH, reason=None)
        assert trust.document["anchors"]["release"]["keys"][0] == key(ALICE, not_after=end)


def test_a_rotation_without_an_overlap_retires_the_old_key() -> None:
    trust = editing.rotate(
        bundle(), "release", ALICE.public_key.keyid, key(BOB), now=NOW, overlap=timedelta(0), reason="lost"
    )
    old = key(ALICE, status="retired", status_since="2026-06-01T12:00:00Z", reason="lost")
    assert trust.document["anchors"]["release"]["keys"][0] == old
    assert codes(trust) == ["key-retired"]


LOST = {"release": anchor(key(ALICE, status="compromised")), "other": anchor(ALICE)}
RETIRED = {"release": anchor(key(ALICE, status="retired"))}


@pytest.mark.parametrize(
    ("anchors", "name", "owner", "code"),
    [
        (None, "nobody", ALICE, "anchor-unknown"),
        (None, editing.ROOTS, ALICE, "anchor-unknown"),
        (None, "release", BOB, "key-unknown"),
        (LOST, "release", ALICE, "key-compromised"),
        (LOST, "other", ALICE, "key-compromised"),
        (RETIRED, "release", ALICE, "key-retired"),
    ],
)
def test_a_key_that_is_not_there_or_not_active_has_no_further_life(
    anchors: dict[str, Any] | None, name: str | None, owner: Any, code: str
) -> None:
    trust = bundle(anchors)
    with refused(InputError, code):
        editing.retire(trust, name, owner.public_key.keyid, now=NOW)
    with refused(InputError, code):
        editing.rotate(trust, name, owner.public_key.keyid, key(MALLORY), now=NOW, overlap=MONTH)


def test_a_key_that_is_nowhere_or_lost_everywhere_is_not_revoked() -> None:
    with refused(InputError, "key-unknown"):
        editing.revoke(bundle(), BOB.public_key.keyid, now=NOW)
    with refused(InputError, "key-compromised"):
        editing.revoke(bundle({"a": LOST["release"]}), ALICE.public_key.keyid, now=NOW)


def test_nothing_is_retired_or_revoked_in_the_future() -> None:
    later = NOW + timedelta(seconds=1)
    with refused(InputError, "time-invalid"):
        editing.retire(bundle(), "release", ALICE.public_key.keyid, now=NOW, at=later)
    with refused(InputError, "time-invalid"):
        editing.revoke(bundle(), ALICE.public_key.keyid, now=NOW, at=later)


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
@examples(100)
def test_no_sequence_of_edits_makes_a_compromised_key_count(edits: list[Any]) -> None:
    trust = bundle({"release": anchor(key(ALICE, status="compromised")), "other": anchor(BOB)})
    for name, owner, marked, threshold, fields in edits:
        public = PublicKey(owner.public_key.algorithm, owner.public_key.spki, simulated=marked)
        version = trust.version
        try:
            trust = editing.add(trust, name, [key(public, **fields)], now=NOW, threshold=threshold)
            assert trust.version == version + 1
        except InputError:
            assert trust.version == version
        assert codes(trust) == ["key-compromised"]
        assert codes(editing.without_signers(trust)) == ["key-compromised"]


def test_a_copy_for_verifiers_says_nothing_about_signers_and_is_the_same_otherwise() -> None:
    trust = bundle(
        {"a": anchor(key(ALICE, signer="file:a.pem"), BOB), "b": anchor(key(MALLORY, signer="file:m"))}, version=3
    )
    public = editing.without_signers(trust)
    assert b"signer" not in public.to_json()
    assert public.version == 3
    assert b"signer" in trust.to_json()
    assert public.document == bundle({"a": anchor(ALICE, BOB), "b": anchor(MALLORY)}, version=3).document


def test_a_copy_for_verifiers_says_nothing_about_the_signers_of_roots() -> None:
    trust = bundle(roots={"threshold": 1, "keys": [key(BOB, signer="file:b.pem"), key(MALLORY, signer="sim:test")]})
    public = editing.without_signers(trust)
    assert b"signer" not in public.to_json()
    assert public.roots is not None
    assert [root.public_key.simulated for root in public.roots.keys] == [False, True]


def test_a_copy_for_verifiers_keeps_the_mark_of_a_key_that_only_its_signer_gave_away() -> None:
    """Taking the `signer` off must not turn a simulated key into a real one."""
    trust = bundle({"a": anchor(key(ALICE, signer="sim:test"))})
    assert all(candidate.simulated for candidate in trust.candidates)
    assert all(candidate.simulated for candidate in editing.without_signers(trust).candidates)
