"""Signatures under another scheme than the one a key is pinned to: what a rejection says, and what a pin accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attest import InputError, PublicKey, Rejected, Signature, SignerError, TrustBundle, verify
from attest.envelope import Envelope
from attest.keys import ALGORITHMS
from attest.trust.diff import diff
from attest.trust.signatures.schemes import MAX_TRIES
from tests.support.cli.calls import call
from tests.support.making.bundles import anchor, bundle, bundle_document, key
from tests.support.making.keys import MemorySigner, file_signer, private_key, software_key
from tests.support.making.statements import statement_json
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

P384 = MemorySigner("ecdsa-sha2-nistp384", 0)
RSA = [name for name in ALGORITHMS if name.startswith("rsa")]
UNSIGNED = Envelope(statement_json(), "application/vnd.in-toto+json")


def by_cosign(number: int = 0, keyid: str = "") -> Envelope:
    """An envelope that a P-384 key signed with SHA-256."""
    made = private_key("ecdsa-sha2-nistp384", number).sign(UNSIGNED.pae(), ec.ECDSA(hashes.SHA256()))
    return UNSIGNED.with_signatures(Signature(keyid, made))


def trusting(*entries: dict[str, Any]) -> TrustBundle:
    return bundle({"release": anchor(*entries)})


def hint_of(envelope: Envelope, trust: TrustBundle) -> str:
    with pytest.raises(Rejected) as caught:
        verify(envelope, trust, artifacts=None)
    assert caught.value.code == "threshold-not-met"
    return caught.value.hint or ""


def test_a_signature_with_the_digest_of_cosign_is_refused_and_named() -> None:
    hint = hint_of(by_cosign(), trusting(key(P384)))
    assert "made signature 0 with ecdsa-sha2-nistp384 with sha256" in hint
    assert 'add "digest": "sha256" in the entry of the key' in hint


def test_a_pinned_digest_is_accepted_and_the_usual_one_is_not() -> None:
    trust = trusting(key(P384, digest="sha256"))
    assert verify(by_cosign(), trust, artifacts=None).anchors == ("release",)
    usual = UNSIGNED.with_signatures(P384.sign(UNSIGNED.pae()))
    assert 'remove "digest"' in hint_of(usual, trust)


@pytest.mark.parametrize("pinned", RSA)
@pytest.mark.parametrize("used", RSA)
def test_every_scheme_of_an_rsa_key_is_named(pinned: str, used: str) -> None:
    signed = UNSIGNED.with_signatures(software_key(used).sign(UNSIGNED.pae()))
    trust = trusting(key(software_key(pinned).public_key))
    if pinned == used:
        assert verify(signed, trust, artifacts=None).anchors == ("release",)
    else:
        assert f'write "algorithm": "{used}"' in hint_of(signed, trust)


def test_the_name_of_a_key_in_a_token_stays_one() -> None:
    signed = UNSIGNED.with_signatures(software_key("rsa-pkcs1v15-sha256").sign(UNSIGNED.pae()))
    entry = {**key(software_key("rsassa-pss-sha256").public_key), "algorithm": "HSM-RSA-PSS-SHA256"}
    assert 'write "algorithm": "HSM-RSA-SHA256"' in hint_of(signed, trusting(entry))


def test_a_compromised_key_gets_no_hint() -> None:
    assert "digest" not in hint_of(
        by_cosign(), trusting(key(P384, status="compromised"), key(MemorySigner("ed25519", 1)))
    )


def test_a_signature_by_nobody_gets_no_hint() -> None:
    assert "made signature" not in hint_of(by_cosign(7), trusting(key(P384)))


def test_the_search_is_limited_and_a_keyid_still_finds_the_key() -> None:
    each = P384.public_key.tries(0)
    others = [key(MemorySigner("ecdsa-sha2-nistp384", 100 + number)) for number in range(MAX_TRIES // each)]
    trust = trusting(*others, key(P384))
    assert "made signature" not in hint_of(by_cosign(), trust)
    assert "made signature 0" in hint_of(by_cosign(keyid=P384.public_key.keyid), trust)


@pytest.mark.parametrize(
    ("algorithm", "digest", "code", "where"),
    [
        ("ed25519", "sha256", "key-algorithm-mismatch", "/anchors/release/keys/0/digest"),
        ("ecdsa-sha2-nistp256", "sha256", None, None),
        ("ecdsa-sha2-nistp384", "sha512", "trust-invalid", "/anchors/release/keys/0/digest"),
        ("rsassa-pss-sha512", "sha256", "key-algorithm-mismatch", "/anchors/release/keys/0/digest"),
    ],
)
def test_only_some_keys_can_have_another_digest(
    algorithm: str, digest: str, code: str | None, where: str | None
) -> None:
    entry = key(software_key(algorithm).public_key, digest=digest)
    if code is None:
        assert trusting(entry).anchors["release"].keys[0].public_key == software_key(algorithm).public_key
        return
    with refused(InputError, code) as caught:
        trusting(entry)
    assert caught.value.where == where


def test_one_key_is_one_key_whatever_its_digest() -> None:
    with refused(InputError, "key-duplicate"):
        trusting(key(P384), key(P384, digest="sha256"))
    pinned = P384.public_key.with_digest("sha256")
    assert pinned.keyid == P384.public_key.keyid
    assert pinned != P384.public_key
    assert pinned in {PublicKey(pinned.algorithm, pinned.spki)}


def test_each_anchor_has_its_own_digest() -> None:
    trust = bundle({"cosign": anchor(key(P384, digest="sha256")), "attest": anchor(key(P384))})
    assert verify(by_cosign(), trust, artifacts=None).anchors == ("cosign",)
    both = by_cosign().with_signatures(P384.sign(UNSIGNED.pae()))
    assert set(verify(both, trust, artifacts=None).anchors) == {"attest", "cosign"}


def test_a_digest_is_shown_and_another_one_weakens(tmp_path: Path) -> None:
    usual, pinned = trusting(key(P384)), trusting(key(P384, digest="sha256"))
    path = tmp_path / "trust.json"
    path.write_bytes(pinned.raw)
    assert b"ecdsa-sha2-nistp384 with sha256" in call("trust", "show", str(path)).done().stdout
    for old, new in ((usual, pinned), (pinned, usual)):
        [change] = [one for one in diff(old, new) if one.where.endswith("/digest")]
        assert (change.kind, change.weakened) == ("key-changed", True)


def test_a_root_has_the_digest_of_its_algorithm() -> None:
    roots = {"threshold": 1, "keys": [key(P384, digest="sha256")]}
    document = bundle_document(roots=roots)
    with refused(InputError, "trust-invalid"):
        TrustBundle.from_document(document, b"")


@pytest.mark.parametrize(
    ("algorithm", "fields"),
    [("ecdsa-sha2-nistp384", {"digest": "sha256"}), ("rsassa-pss-sha256", {"algorithm": "rsa-pkcs1v15-sha256"})],
)
def test_a_signer_whose_signatures_would_not_count_is_refused(
    algorithm: str, fields: dict[str, str], tmp_path: Path
) -> None:
    signer = file_signer(tmp_path, algorithm)
    entry = {**key(signer, signer=str(signer.uri)), **fields}
    [trusted] = trusting(entry).anchors["release"].keys
    with refused(SignerError, "key-algorithm-mismatch"):
        trusted.resolve()
