"""What becomes of attestations when a key ends, and the second signature that saves them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from attest import Envelope, InputError, Rejected, Signature, SignerError, open_signer, verify
from attest._base.json import dumps, loads_object
from attest.resigning import anchors_of, countersign, outlook
from attest.trust import editing
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.making.statements import ARTIFACT, signed
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest import Signer, TrustBundle

CAROL = MemorySigner("ed25519", 4)
PSS, PKCS1 = (MemorySigner(name, 0) for name in ("rsassa-pss-sha256", "rsa-pkcs1v15-sha256"))
MONTH = timedelta(days=30)
END = NOW + MONTH


def rotated(trust: TrustBundle, overlap: timedelta = MONTH) -> TrustBundle:
    """ALICE's key of the release anchor is replaced by CAROL's."""
    return editing.rotate(trust, "release", ALICE.public_key.keyid, key(CAROL), now=NOW, overlap=overlap)


def verdict(envelope: Envelope, trust: TrustBundle, overlap: timedelta = MONTH) -> str:
    after = rotated(trust, overlap)
    return outlook(envelope.to_json(), trust, after, now=NOW, end=NOW + overlap).verdict


@pytest.mark.parametrize("overlap", [MONTH, timedelta(0)])
@pytest.mark.parametrize(
    ("anchors", "signers", "expected"),
    [
        ({"release": anchor(ALICE)}, [ALICE], "ending"),
        ({"release": anchor(ALICE, BOB)}, [ALICE, BOB], "kept"),
        ({"release": anchor(ALICE, BOB)}, [BOB], "kept"),
        ({"release": anchor(ALICE, BOB, threshold=2)}, [ALICE, BOB], "ending"),
        ({"release": anchor(ALICE), "other": anchor(ALICE)}, [ALICE], "kept"),
        ({"release": anchor(ALICE)}, [ALICE, CAROL], "kept"),
        ({"release": anchor(ALICE, BOB, threshold=2)}, [ALICE], "unverified"),
        ({"release": anchor(ALICE)}, [BOB], "unverified"),
    ],
)
def test_what_becomes_of_an_attestation(
    anchors: dict[str, Any], signers: list[Signer], expected: str, overlap: timedelta
) -> None:
    assert verdict(signed(*signers), bundle(anchors), overlap) == expected


def test_what_is_no_attestation_is_not_verified_and_says_why() -> None:
    found = outlook(b"[]", bundle(), rotated(bundle()), now=NOW, end=END)
    assert (found.verdict, found.objection and found.objection.code) == ("unverified", "json-invalid")


def test_the_end_of_the_bundle_itself_ends_no_attestation() -> None:
    trust = bundle({"release": anchor(ALICE, BOB)}, expires="2026-06-15T00:00:00Z")
    assert verdict(signed(BOB), trust) == "kept"
    assert verdict(signed(ALICE), trust) == "ending"


def test_an_attestation_whose_other_key_ends_in_the_meantime_ends_too() -> None:
    trust = bundle({"release": anchor(ALICE, key(BOB, not_after="2026-06-15T00:00:00Z"))})
    assert verdict(signed(ALICE, BOB), trust) == "ending"


def test_a_key_that_ended_before_the_overlap_is_judged_now() -> None:
    trust = bundle({"release": anchor(key(ALICE, not_after=PAST), BOB)})
    found = outlook(signed(BOB).to_json(), trust, rotated(trust), now=NOW, end=NOW - MONTH)
    assert found.verdict == "kept"


def test_a_counter_signature_outlives_the_key_and_leaves_everything_else_as_it_was() -> None:
    trust = rotated(bundle({"release": anchor(ALICE)}))
    document = {"x-note": {"b": 1, "a": [2]}, **loads_object(signed(ALICE).to_json(), what="it")}
    document["signatures"][0]["x-cert"] = "kept"
    before = dumps(document)
    anchors = anchors_of(CAROL.public_key, trust, now=NOW)
    after = countersign(before, trust, CAROL, anchors, now=NOW)
    assert after is not None
    told = loads_object(after, what="the envelope")
    assert told.pop("signatures") == [*document.pop("signatures"), told_by(CAROL, before)]
    assert list(told.items()) == list(document.items())
    assert verify(after, trust, artifacts=[ARTIFACT], now=END + MONTH).keyids == (CAROL.public_key.keyid,)
    assert countersign(after, trust, CAROL, anchors, now=NOW) is None


def told_by(signer: Signer, envelope: bytes) -> dict[str, Any]:
    return signer.sign(Envelope.from_json(envelope).pae()).to_dict()


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (key(CAROL, status="retired"), "key-retired"),
        (key(CAROL, status="compromised"), "key-compromised"),
        (key(CAROL, not_after=PAST), "key-expired"),
        (key(CAROL, not_before=FUTURE), "key-not-yet-valid"),
        (key(CAROL, backend="sim"), "simulated-key"),
        (key(BOB), "key-unknown"),
    ],
)
def test_a_key_that_does_not_count_signs_nothing(entry: dict[str, Any], code: str) -> None:
    with refused(InputError, code, CAROL.public_key.keyid):
        anchors_of(CAROL.public_key, bundle({"release": anchor(ALICE, entry)}), now=NOW)


def test_a_key_that_is_lost_elsewhere_signs_nothing_here() -> None:
    trust = bundle({"release": anchor(ALICE, CAROL), "old": anchor(key(CAROL, status="compromised"))})
    with refused(InputError, "key-compromised"):
        anchors_of(CAROL.public_key, trust, now=NOW)


def test_a_key_signs_only_with_the_algorithm_it_is_pinned_to() -> None:
    trust = bundle({"release": anchor(ALICE, PSS)})
    with refused(InputError, "key-algorithm-mismatch"):
        anchors_of(PKCS1.public_key, trust, now=NOW)
    assert anchors_of(PSS.public_key, trust, now=NOW) == {"release"}


def test_the_anchors_of_a_key_are_those_it_counts_for_or_the_one_that_was_named() -> None:
    trust = bundle(
        {"a": anchor(CAROL), "b": anchor(key(CAROL, status="retired")), "c": anchor(CAROL), "d": anchor(BOB)}
    )
    assert anchors_of(CAROL.public_key, trust, now=NOW) == {"a", "c"}
    assert anchors_of(CAROL.public_key, trust, now=NOW, anchor="c") == {"c"}
    for name, code in (("b", "key-retired"), ("d", "key-unknown"), ("e", "anchor-unknown")):
        with refused(InputError, code):
            anchors_of(CAROL.public_key, trust, now=NOW, anchor=name)


@pytest.mark.parametrize(
    ("signers", "anchors", "code"),
    [
        ([BOB], {"release": anchor(ALICE, CAROL)}, "threshold-not-met"),
        ([ALICE], {"release": anchor(key(ALICE, status="compromised"), CAROL)}, "threshold-not-met"),
        ([ALICE], {"release": anchor(key(ALICE, status="retired"), CAROL)}, "threshold-not-met"),
        ([ALICE], {"release": anchor(ALICE, CAROL, subjects=["*.zip"])}, "subject-not-allowed"),
        ([ALICE], {"release": anchor(ALICE), "other": anchor(CAROL)}, "signer-not-of-anchor"),
        (
            [ALICE],
            {"release": anchor(ALICE, CAROL, subjects=["*.zip"]), "other": anchor(ALICE)},
            "signer-not-of-anchor",
        ),
    ],
)
def test_what_does_not_verify_for_the_signers_anchor_is_not_signed(
    signers: list[Signer], anchors: dict[str, Any], code: str
) -> None:
    trust = bundle(anchors)
    asked = Silent(CAROL)
    with refused(Rejected, code):
        countersign(signed(*signers).to_json(), trust, asked, anchors_of(CAROL.public_key, trust, now=NOW), now=NOW)


class Silent(MemorySigner):
    """A signer whose key is known, and which must not be asked to sign."""

    def __init__(self, of: MemorySigner) -> None:
        super().__init__("ed25519", 4)
        assert self.public_key == of.public_key

    def sign(self, data: bytes) -> Signature:
        raise AssertionError(f"{len(data)} bytes were to be signed")


def test_one_signature_too_many_is_not_added() -> None:
    trust = bundle({"release": anchor(ALICE, CAROL)})
    full = signed(ALICE).with_signatures(*[Signature("", bytes(64))] * 63)
    with refused(InputError, "too-many-signatures"):
        countersign(full.to_json(), trust, CAROL, frozenset({"release"}), now=NOW)


def test_a_signature_that_does_not_count_in_the_end_is_not_handed_back() -> None:
    """The anchors are a claim of the caller's; what verification says of the new signature decides."""
    trust = bundle({"release": anchor(ALICE)})
    with refused(SignerError, "signature-faulty"):
        countersign(signed(ALICE).to_json(), trust, MALLORY, frozenset({"release"}), now=NOW)


def test_a_simulated_key_counter_signs_where_that_is_allowed() -> None:
    with open_signer("sim:carol") as carol:
        trust = bundle({"release": anchor(ALICE, key(carol.public_key))})
        anchors = anchors_of(carol.public_key, trust, now=NOW, allow_simulated=True)
        data = signed(ALICE).to_json()
        assert countersign(data, trust, carol, anchors, now=NOW, allow_simulated=True)
        with refused(SignerError, "signature-faulty"):
            countersign(data, trust, carol, anchors, now=NOW)
