"""A public key accepts what its private half signed with the algorithm it is pinned to, and nothing else."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from attest import PublicKey, Rejected
from attest.keys import ALGORITHMS, libsodium
from tests.support.making.keys import private_key, software_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

DATA = b"DSSEv1 1 t 4 data"
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
every_ecdsa = pytest.mark.parametrize(
    ("algorithm", "size"), [("ecdsa-sha2-nistp256", 32), ("ecdsa-sha2-nistp384", 48)], ids=["P-256", "P-384"]
)
every_pss = pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])


def assert_refused(key: PublicKey, signature: bytes, data: bytes = DATA) -> None:
    assert key.accepts(signature, data) is False
    with pytest.raises(Rejected) as caught:
        key.verify(signature, data)
    assert caught.value.code == "signature-invalid"
    assert caught.value.where == key.keyid


@every_algorithm
@pytest.mark.parametrize("data", [b"", DATA, bytes(range(256)) * 4096], ids=["nothing", "a little", "1 MiB"])
def test_what_a_software_key_signs_its_public_key_verifies(algorithm: str, data: bytes) -> None:
    key = software_key(algorithm)
    signature = key.sign(data)
    assert signature.keyid == key.public_key.keyid
    assert key.public_key.accepts(signature.sig, data) is True
    key.public_key.verify(signature.sig, data)


@every_algorithm
def test_other_data_another_key_and_a_changed_signature_are_refused(algorithm: str) -> None:
    key = software_key(algorithm).public_key
    signature = software_key(algorithm).sign(DATA).sig
    assert_refused(key, signature, DATA + b"\x00")
    assert_refused(key, signature, b"")
    assert_refused(software_key(algorithm, 1).public_key, signature)
    for changed in (b"", b"\x00", signature[:-1], signature + b"\x00", b"\x00" + signature, bytes(len(signature))):
        assert_refused(key, changed)
    for position in (0, len(signature) // 2, len(signature) - 1):
        flipped = bytearray(signature)
        flipped[position] ^= 1
        assert_refused(key, bytes(flipped))


@every_algorithm
def test_a_key_accepts_only_the_algorithm_it_is_pinned_to(algorithm: str) -> None:
    # Among the RSA algorithms this is the same key material each time.
    others = [name for name in ALGORITHMS if name != algorithm]
    signature = software_key(algorithm).sign(DATA).sig
    for name in others:
        assert_refused(software_key(name).public_key, signature)


@pytest.mark.parametrize(
    ("algorithm", "tries"),
    [("ed25519", [1, 1, 2, 33]), ("ml-dsa-65", [3, 3, 4, 35]), ("ecdsa-sha2-nistp256", [1, 1, 1, 1])],
)
def test_a_check_costs_more_over_large_data_where_the_library_hashes_it_again(algorithm: str, tries: list[int]) -> None:
    key = software_key(algorithm).public_key
    costs = [key.tries(size) for size in (0, (32 << 10) - 1, 32 << 10, 1 << 20)]
    assert costs == tries
    assert {type(cost) for cost in costs} == {int}


@every_algorithm
def test_large_data_is_hashed_once_for_all_keys_where_the_library_takes_a_digest(algorithm: str) -> None:
    key, large = software_key(algorithm), DATA * 2000
    digests: dict[str, bytes] = {}
    assert key.public_key.accepts(key.sign(large).sig, large, digests)
    name = ALGORITHMS[algorithm].digest
    assert digests == ({name: hashlib.new(name, large).digest()} if name else {})


@every_ecdsa
def test_ecdsa_is_written_as_der_and_read_as_der_or_as_r_and_s(algorithm: str, size: int) -> None:
    key = software_key(algorithm)
    signature = key.sign(DATA).sig
    r, s = decode_dss_signature(signature)
    assert encode_dss_signature(r, s) == signature
    p1363 = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    key.public_key.verify(p1363, DATA)
    assert_refused(key.public_key, p1363, DATA + b"x")
    assert_refused(key.public_key, s.to_bytes(size, "big") + r.to_bytes(size, "big"))
    assert_refused(key.public_key, b"\x00" + p1363)
    assert_refused(key.public_key, r.to_bytes(size + 1, "big") + s.to_bytes(size + 1, "big"))
    assert_refused(key.public_key, bytes(2 * size))


@every_ecdsa
def test_ecdsa_is_hashed_with_the_hash_of_its_curve(algorithm: str, size: int) -> None:
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        signature = private_key(algorithm).sign(DATA, ec.ECDSA(digest))
        accepted = software_key(algorithm).public_key.accepts(signature, DATA)
        assert accepted is (digest.digest_size == size)


def pss(digest: str, salt: int, mgf: str | None = None, number: int = 0) -> bytes:
    """A PSS signature over DATA with a salt of `salt` bytes."""
    hash_, mgf_hash = (getattr(hashes, name.upper())() for name in (digest, mgf or digest))
    private: RSAPrivateKey = private_key(f"rsassa-pss-{digest}", number)
    return private.sign(DATA, padding.PSS(padding.MGF1(mgf_hash), salt), hash_)


@every_pss
def test_a_pss_salt_may_have_any_length_up_to_the_longest(digest: str) -> None:
    key = software_key(f"rsassa-pss-{digest}").public_key
    length = int(digest.removeprefix("sha")) // 8
    for salt in (0, 1, 20, length, 2048 // 8 - length - 2):
        key.verify(pss(digest, salt), DATA)


@every_pss
def test_a_pss_salt_is_written_as_long_as_the_digest(digest: str) -> None:
    algorithm = f"rsassa-pss-{digest}"
    signature = software_key(algorithm).sign(DATA).sig
    hash_ = getattr(hashes, digest.upper())()
    exact = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    assert private_key(algorithm).public_key().verify(signature, DATA, exact, hash_) is None


def test_a_pss_mask_of_another_hash_is_refused() -> None:
    assert_refused(software_key("rsassa-pss-sha256").public_key, pss("sha256", 32, mgf="sha512"))


def test_sha_1_is_refused_whatever_key_made_the_signature() -> None:
    private: RSAPrivateKey = private_key("rsa-pkcs1v15-sha256")
    pkcs1 = private.sign(DATA, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    for algorithm in (name for name in ALGORITHMS if name.startswith("rsa")):
        assert_refused(software_key(algorithm).public_key, pkcs1)


def test_an_ed25519_key_of_small_order_accepts_nothing() -> None:
    # With the neutral element as key, R = neutral and S = 0 satisfies the equation for every message.
    neutral = b"\x01" + bytes(31)
    key = PublicKey.parse(bytes.fromhex("302a300506032b6570032100") + neutral)
    assert_refused(key, neutral + bytes(32))


@pytest.mark.parametrize("has_module", [True, False])
def test_both_ways_to_libsodium_accept_the_same(has_module: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_module:  # PyNaCl does not document it
        import nacl.bindings  # noqa: F401  # has it already

        monkeypatch.setitem(sys.modules, "nacl._sodium", None)
    monkeypatch.setattr(libsodium, "_module", libsodium._module.__wrapped__)
    owner, other = software_key("ed25519", 0), software_key("ed25519", 1)
    own, foreign = (one.public_key.spki[-32:] for one in (owner, other))

    def is_good(signed: bytes, key: bytes) -> bool:
        return libsodium.verifying(key)(signed[:64], signed[64:], None)

    for data in (b"", b"data", bytes(1 << 20)):
        sig = owner.sign(data).sig
        assert is_good(sig + data, own) is True
        changed = bytes([sig[0] ^ 1]) + sig[1:], sig[:63] + bytes([sig[63] ^ 1]), bytes(64)
        for signed in (sig + data + b"x", sig[:63], b"", *(one + data for one in changed)):
            assert is_good(signed, own) is False
        assert is_good(sig + data, foreign) is False
    # RFC 8032 allows S below the order only, and a key of small order signs everything.
    assert is_good(sig[:32] + b"\xff" * 32, own) is False
    assert is_good(bytes(64), bytes(32)) is False
    assert is_good(b"\1" + bytes(63), b"\1" + bytes(31)) is False
    assert is_good(sig + data, own[:31]) is False


@pytest.mark.parametrize("has_module", [True, False])
def test_libsodium_and_openssl_sign_the_same(has_module: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libsodium, "_module", libsodium._module if has_module else lambda: None)
    for seed in range(20):
        private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        sign = libsodium.signing(private)
        for size in (0, 1, 127, 128, 5000, libsodium._LARGE, libsodium._LARGE + 1):
            data = bytes([seed]) * size
            assert sign(data) == private.sign(data)
        assert sign(memoryview(b"data")) == private.sign(b"data")  # type: ignore[arg-type]
