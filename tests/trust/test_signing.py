"""Signing trust bundles: by roots alone, one after the other, over the exact bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from attest import InputError, Rejected, Signer, TrustBundle
from attest._base.json import dumps
from attest.trust.anchors.roots import TrustRoots
from attest.trust.history import PAYLOAD_TYPE, SignedBundle, check_roots, read, walk
from attest.trust.signing import sign, signable
from tests.support.making.bundles import bundle, key
from tests.support.making.chains import R1, R2, R3, R4, envelope, roots, roots_file, version
from tests.support.making.keys import ALICE, MALLORY
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest.signers import BaseSigner

V1 = version(1, R1, R2, threshold=2)
V2 = version(2, R2, R3, threshold=2)


def signed(data: bytes, *signers: Signer, before: TrustBundle | TrustRoots | None = None) -> SignedBundle:
    return sign(signable(data, before=before), signers, before=before)


def test_the_exact_bytes_of_a_plain_bundle_are_signed() -> None:
    data = json.dumps(json.loads(V1.raw), indent=7).encode() + b"\n\n"
    made = signed(data, R1)
    assert made.envelope.unverified_payload == data
    assert made.envelope.payload_type == PAYLOAD_TYPE


def test_two_people_sign_one_after_the_other() -> None:
    one = signed(V1.raw, R1)
    assert [(check.counted, check.met) for check in check_roots(one, None)] == [(1, False)]
    two = signed(one.envelope.to_json(), R2)
    assert [(check.counted, check.met) for check in check_roots(two, None)] == [(2, True)]
    assert two.envelope.signatures[0] == one.envelope.signatures[0]
    assert b"\n" not in two.envelope.to_json()
    assert two.envelope.to_json() + b"\n" == envelope(V1, R1, R2)


def test_signatures_and_fields_of_others_are_kept() -> None:
    document = json.loads(envelope(V1, R1)) | {"note": "kept"}
    document["signatures"].append({"sig": "AAAA", "by": "a stranger"})
    made = json.loads(signed(dumps(document), R2).envelope.to_json())
    assert made | {"signatures": made["signatures"][:2]} == document


def test_the_roots_of_the_version_before_sign_too_and_both_thresholds_are_counted() -> None:
    made = signed(V2.raw, R1, before=V1)
    assert [(check.roots_version, check.counted, check.met) for check in check_roots(made, V1)] == [
        (1, 1, False),
        (2, 0, False),
    ]
    made = signed(made.envelope.to_json(), R2, R3, before=V1)
    assert [(check.roots_version, check.counted, check.met) for check in check_roots(made, V1)] == [
        (1, 2, True),
        (2, 2, True),
    ]
    found = read(made.envelope.to_json())
    assert isinstance(found, tuple)
    assert walk(found, V1).bundle.raw == V2.raw


def test_roots_alone_may_come_before_any_version() -> None:
    given = TrustRoots.from_json(roots_file(R4))
    assert [(check.whose, check.met) for check in check_roots(signed(V2.raw, R2, R3, R4, before=given), given)] == [
        ("the given roots", True),
        ("the roots of version 2", True),
    ]


@pytest.mark.parametrize("stranger", [MALLORY, ALICE, R1])
def test_a_signer_that_is_no_root_is_refused(stranger: BaseSigner) -> None:
    with refused(InputError, "root-unknown", str(stranger.uri)):
        signed(V2.raw, R2, stranger)


@pytest.mark.parametrize("status", ["retired", "compromised"])
def test_a_root_that_is_not_active_signs_only_as_a_root_of_the_version_before(status: str) -> None:
    new = version(2, key(R1, status=status), R2)
    with refused(InputError, "root-unknown") as caught:
        signed(new.raw, R1)
    assert status in caught.value.message
    with refused(InputError, "root-unknown"):
        signed(new.raw, R1, before=version(1, key(R1, status=status)))
    made = signed(new.raw, R1, R2, before=version(1, R1))
    assert [check.met for check in check_roots(made, version(1, R1))] == [True, True]


def test_nobody_signs_twice_whatever_stands_beside_the_signature() -> None:
    document = json.loads(envelope(V1, R1))
    document["signatures"][0]["keyid"] = R2.public_key.keyid
    for data in (envelope(V1, R1), dumps(document)):
        with refused(InputError, "already-signed"):
            signed(data, R1)


@pytest.mark.parametrize(("number", "code"), [(1, "trust-rollback"), (2, "trust-rollback"), (4, "trust-version-gap")])
def test_what_is_not_the_next_version_is_not_signed(number: int, code: str) -> None:
    with refused(Rejected, code):
        signable(version(number, R1).raw, before=version(2, R1))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bundle().raw, "roots-missing"),
        (envelope(V1, R1) + envelope(V2, R2), "trust-history"),
        (envelope(b"{}", R1, payload_type="application/vnd.in-toto+json"), "trust-invalid"),
        (b"{}", "trust-invalid"),
        (dumps(json.loads(V1.raw) | {"roots": roots(ALICE)}), "root-is-anchor-key"),
    ],
)
def test_what_can_t_be_signed_is_refused(data: bytes, code: str) -> None:
    with refused(InputError, code):
        signable(data)


def test_signing_takes_a_signer() -> None:
    with refused(InputError, "signer-missing"):
        signed(V1.raw)


def test_a_bundle_before_must_have_roots() -> None:
    with refused(InputError, "roots-missing"):
        signed(V2.raw, R2, before=bundle())
    with refused(InputError, "roots-missing"):
        check_roots(signable(V2.raw), bundle())
