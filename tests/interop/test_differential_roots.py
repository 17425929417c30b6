"""Roots, put to python-tuf as well: the same versions are accepted, by the same keys, from the same roots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import Key, Signature, SSlibKey  # type: ignore[attr-defined]
from tuf.api.metadata import Root  # type: ignore[attr-defined]

from attest.trust.history import check_roots, read
from tests.support.examples import examples
from tests.support.making.chains import R1, R2, R3, R4, envelope, version

if TYPE_CHECKING:
    from attest import PublicKey, Signer, TrustBundle

OWNERS: list[Signer] = [R1, R2, R3, R4]


def their_root(bundle: TrustBundle) -> Root:
    """The same version, roots and threshold as they have them."""
    assert bundle.roots is not None
    root = Root(version=bundle.version)
    root.roles["root"].threshold = bundle.roots.threshold
    for key in bundle.roots.keys:
        root.add_key(_key(key.public_key.keyid, key.public_key), "root")
    return root


def _key(keyid: str, key: PublicKey) -> Key:
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": key.spki[-32:].hex()})


def their_say(old: TrustBundle, new: TrustBundle, data: bytes) -> tuple[set[str], set[str], bool]:
    """The keyids that they count for the old roots and for the new ones, and whether they accept the new version."""
    [signed] = read(data)  # type: ignore[misc]
    signatures = {one.keyid: Signature(one.keyid, one.sig.hex()) for one in signed.envelope.signatures}
    result = their_root(new).get_root_verification_result(their_root(old), signed.envelope.pae(), signatures)
    return set(result.first.signed), set(result.second.signed), bool(result)


sets = st.lists(st.sampled_from(OWNERS), min_size=1, unique=True)


@given(st.data())
@examples(100)
def test_the_same_roots_count_and_the_same_versions_are_accepted(data: st.DataObject) -> None:
    pair = []
    for number in (1, 2):
        owners = data.draw(sets)
        pair.append(version(number, *owners, threshold=data.draw(st.integers(1, len(owners)))))
    old, new = pair
    signed = envelope(new, *data.draw(st.lists(st.sampled_from(OWNERS), unique=True)))
    checks = check_roots(read(signed)[0], old)  # type: ignore[index]
    counted = [{check.keyid for check in found.signatures if check.code is None} for found in checks]
    assert (*counted, all(found.met for found in checks)) == their_say(old, new, signed)


def test_one_key_under_two_keyids_counts_twice_for_them_and_once_for_us() -> None:
    """The difference that is known: they count keyids, and we count keys."""
    old, new = version(1, R1, R2, threshold=2), version(2, R1, R2, threshold=2)
    document = json.loads(envelope(new, R1))
    document["signatures"].append(document["signatures"][0] | {"keyid": "another"})
    root = their_root(old)
    root.add_key(_key("another", R1.public_key), "root")
    signatures = {keyid: Signature(keyid, R1.sign(b"data").sig.hex()) for keyid in (R1.public_key.keyid, "another")}
    assert root.get_verification_result("root", b"data", signatures)
    found = check_roots(read(json.dumps(document).encode())[0], old)  # type: ignore[index]
    assert [check.met for check in found] == [False, False]


def test_they_refuse_a_gap_too() -> None:
    with pytest.raises(ValueError, match="sequential"):
        their_root(version(3, R1)).get_root_verification_result(their_root(version(1, R1)), b"", {})
