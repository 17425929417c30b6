"""Roots: keys without windows that sign trust bundles and nothing else, each refused at its place."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from attest import InputError, TrustBundle
from attest._base.json import dumps
from attest.trust.anchors.roots import MEDIA_TYPE, TrustRoots
from tests.support.making.bundles import FUTURE, PAST, anchor, bundle, bundle_document, key
from tests.support.making.chains import R1, R2, R3, roots, roots_file, version
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.watching import refused

FAULTS: list[tuple[Any, str, str]] = [
    ([], "trust-invalid", ""),
    ({"threshold": 1}, "trust-invalid", ""),
    (roots(R1, threshold=0), "trust-invalid", "/threshold"),
    (roots(R1, threshold=65), "trust-invalid", "/threshold"),
    (roots(R1) | {"threshold": True}, "trust-invalid", "/threshold"),
    (roots(R1) | {"threshold": 1.0}, "trust-invalid", "/threshold"),
    (roots(R1, R2, threshold=3), "threshold-unreachable", "/threshold"),
    (roots(), "threshold-unreachable", "/threshold"),
    (roots(R1, subjects=["*"]), "trust-invalid", ""),
    (roots(key(R1, not_after=FUTURE)), "trust-invalid", "/keys/0"),
    (roots(R1, key(R2, not_before=PAST)), "trust-invalid", "/keys/1"),
    (roots(key(R1, status="lost")), "trust-invalid", "/keys/0/status"),
    (roots(R1, R2, R1), "key-duplicate", "/keys/2"),
    (roots(R1, key(R1, keyid=f"sim:{R1.public_key.keyid}")), "key-duplicate", "/keys/1"),
    (roots(key(R1, keyid=R2.public_key.keyid)), "keyid-mismatch", "/keys/0/keyid"),
    (roots(key(R1, algorithm="ml-dsa-65")), "key-algorithm-mismatch", "/keys/0"),
]


def test_roots_are_read_with_the_bundle() -> None:
    trust = version(3, R1, key(R2, status="retired", status_since=PAST, reason="left"), R3, threshold=2)
    assert trust.roots is not None
    assert trust.roots.threshold == 2
    assert [root.public_key for root in trust.roots.keys] == [R1.public_key, R2.public_key, R3.public_key]
    assert [root.public_key for root in trust.roots.usable] == [R1.public_key, R3.public_key]
    assert pickle.loads(pickle.dumps(trust)) == trust  # noqa: S301
    assert bundle().roots is None


def test_roots_are_no_anchor() -> None:
    """A root vouches for no attestation: only the anchors' keys are resolved."""
    trust = version(1, R1)
    assert list(trust.anchors) == ["release"]
    assert not trust.knows(R1.public_key.keyid)


@pytest.mark.parametrize(("entry", "code", "where"), FAULTS)
def test_a_fault_in_the_roots_of_a_bundle_is_refused_at_its_place(entry: Any, code: str, where: str) -> None:
    with refused(InputError, code) as caught:
        TrustBundle.from_json(dumps(bundle_document(roots=entry)))
    assert (caught.value.where or "").startswith(f"/roots{where}")


@pytest.mark.parametrize(("entry", "code", "where"), FAULTS[1:])
def test_a_fault_in_a_file_of_roots_is_refused_at_its_place(entry: Any, code: str, where: str) -> None:
    with refused(InputError, code) as caught:
        TrustRoots.from_json(dumps({"mediaType": MEDIA_TYPE, **entry}))
    assert (caught.value.where or "").startswith(where or "/")


@pytest.mark.parametrize("status", ["active", "retired", "compromised"])
@pytest.mark.parametrize("owner", ["release", "nightly"])
def test_a_root_that_is_an_anchors_key_too_is_refused_at_its_place(owner: str, status: str) -> None:
    anchors = {"release": anchor(ALICE), "nightly": anchor(BOB)}
    anchors[owner]["keys"].append(key(R2, status=status))
    with refused(InputError, "root-is-anchor-key", "/roots/keys/1") as caught:
        bundle(anchors, roots=roots(R1, R2))
    assert owner in caught.value.message


def test_a_file_of_roots_is_read() -> None:
    read = TrustRoots.from_json(roots_file(R1, R2, threshold=2))
    assert read == version(1, R1, R2, threshold=2).roots


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-invalid"),
        (b"[]", "json-invalid"),
        (bundle().to_json(), "trust-invalid"),
        (dumps(json.loads(roots_file(R1)) | {"expires": FUTURE}), "trust-invalid"),
        (dumps(json.loads(roots_file(R1)) | {"mediaType": MEDIA_TYPE.upper()}), "trust-invalid"),
    ],
)
def test_what_is_no_file_of_roots_is_refused(data: bytes, code: str) -> None:
    with refused(InputError, code):
        TrustRoots.from_json(data)


def test_a_root_is_found_by_its_key_and_not_by_its_keyid() -> None:
    read = TrustRoots.from_json(roots_file(R1, R2))
    assert read.find(R2.public_key) is read.keys[1]
    assert read.find(MALLORY.public_key) is None
