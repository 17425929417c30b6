"""Every Wycheproof vector of every algorithm on offer gets the verdict that was published, or a named reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OFFERED = {
    "ed25519_test.json": "ed25519",
    "ecdsa_secp256r1_sha256_test.json": "ecdsa-sha2-nistp256",
    "ecdsa_secp256r1_sha256_p1363_test.json": "ecdsa-sha2-nistp256",
    "ecdsa_secp384r1_sha384_test.json": "ecdsa-sha2-nistp384",
    "ecdsa_secp384r1_sha384_p1363_test.json": "ecdsa-sha2-nistp384",
    "rsa_signature_2048_sha256_test.json": "rsa-pkcs1v15-sha256",
    "rsa_signature_3072_sha256_test.json": "rsa-pkcs1v15-sha256",
    "rsa_signature_4096_sha256_test.json": "rsa-pkcs1v15-sha256",
    "rsa_signature_4096_sha512_test.json": "rsa-pkcs1v15-sha512",
    "rsa_pss_2048_sha256_mgf1_0_test.json": "rsassa-pss-sha256",
    "rsa_pss_2048_sha256_mgf1_32_test.json": "rsassa-pss-sha256",
    "rsa_pss_3072_sha256_mgf1_32_test.json": "rsassa-pss-sha256",
    "rsa_pss_4096_sha256_mgf1_32_test.json": "rsassa-pss-sha256",
    "rsa_pss_4096_sha384_mgf1_48_test.json": "rsassa-pss-sha384",
    "rsa_pss_4096_sha512_mgf1_64_test.json": "rsassa-pss-sha512",
    "mldsa_44_verify_test.json": "ml-dsa-44",
    "mldsa_65_verify_test.json": "ml-dsa-65",
    "mldsa_87_verify_test.json": "ml-dsa-87",
}

# A curve goes with one hash, and P-521 isn't there; each with the algorithm whose keys come nearest, or None.
NOT_OFFERED = {
    "ecdsa_secp256r1_sha512_test.json": "ecdsa-sha2-nistp256",
    "ecdsa_secp384r1_sha256_test.json": "ecdsa-sha2-nistp384",
    "ecdsa_secp521r1_sha512_test.json": None,
}

CONTEXT = "signed for a context, which ML-DSA over the PAE never has"
SALT = "another salt length than the file's: a PSS salt may have any, as real signers write the longest"

# Where attest differs from Wycheproof on purpose, by file and tcId. Each is the opposite of Wycheproof's verdict.
DIFFERENT = {
    "mldsa_44_verify_test.json": {CONTEXT: {3, 4}},
    "mldsa_65_verify_test.json": {CONTEXT: {3, 4}},
    "mldsa_87_verify_test.json": {CONTEXT: {3, 4}},
    "rsa_pss_2048_sha256_mgf1_0_test.json": {SALT: {67, 68, 69, 70}},
    "rsa_pss_2048_sha256_mgf1_32_test.json": {SALT: {67, 68, 69, 70, 71, 72}},
    "rsa_pss_3072_sha256_mgf1_32_test.json": {SALT: {67, 68, 69, 70, 71, 72}},
    "rsa_pss_4096_sha256_mgf1_32_test.json": {SALT: {67, 68, 69, 70, 71, 72}},
    "rsa_pss_4096_sha384_mgf1_48_test.json": {SALT: {99, 100, 101, 102, 103, 104, 105}},
    "rsa_pss_4096_sha512_mgf1_64_test.json": {SALT: {136, 137, 138, 139, 140, 141, 142}},
}


@pytest.fixture(scope="session")
def wycheproof(shared_data: Path) -> Path:
    return shared_data / "wycheproof"


def vectors(path: Path, algorithm: str | None) -> Iterator[tuple[dict[str, Any], PublicKey | InputError]]:
    """Every vector with its key, or with the reason that the key was refused for."""
    for group in json.loads(path.read_bytes())["testGroups"]:
        key: PublicKey | InputError
        try:
            key = PublicKey.parse(bytes.fromhex(group["publicKeyDer"]), algorithm=algorithm)
        except InputError as refusal:
            key = refusal
        for vector in group["tests"]:
            yield vector, key


def accepted(vector: dict[str, Any], key: PublicKey | InputError) -> bool:
    """attest's verdict, where a key that is refused makes every signature a bad one."""
    return isinstance(key, PublicKey) and key.accepts(bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))


def test_every_published_file_is_used_and_none_is_forgotten(wycheproof: Path) -> None:
    published = {path.name for path in wycheproof.glob("*_test.json")}
    assert published == OFFERED.keys() | NOT_OFFERED.keys()
    assert DIFFERENT.keys() <= OFFERED.keys()


@pytest.mark.parametrize("name", OFFERED)
def test_every_vector_gets_the_published_verdict_or_a_named_reason(name: str, wycheproof: Path) -> None:
    index = json.loads((wycheproof / "INDEX.json").read_bytes())["files"]
    expected = next(entry["tests"] for entry in index if entry["file"].endswith(f"/{name}"))
    judged = list(vectors(wycheproof / name, OFFERED[name]))
    assert len(judged) == expected
    # "acceptable" (a DigestInfo without its NULL) is either's choice; attest takes what is strictly right and no more.
    mismatches = {vector["tcId"] for vector, key in judged if accepted(vector, key) != (vector["result"] == "valid")}
    assert mismatches == set().union(*DIFFERENT.get(name, {}).values())


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_named_reason_is_the_true_one(name: str, wycheproof: Path) -> None:
    by_id = {vector["tcId"]: vector for vector, _ in vectors(wycheproof / name, OFFERED[name])}
    for reason, ids in DIFFERENT[name].items():
        for vector in (by_id[tc_id] for tc_id in ids):
            if reason == CONTEXT:
                assert vector["result"] == "valid"
                assert vector["ctx"]
            else:
                assert vector["result"] == "invalid"
                assert vector["comment"].startswith("s_len changed to ")


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_no_vector_of_an_algorithm_that_is_not_offered_is_accepted(name: str, wycheproof: Path) -> None:
    judged = list(vectors(wycheproof / name, NOT_OFFERED[name]))
    assert [vector["tcId"] for vector, key in judged if accepted(vector, key)] == []
    refusals = {key.code for _, key in judged if isinstance(key, InputError)}
    assert refusals == ({"key-unsupported"} if NOT_OFFERED[name] is None else set())


@pytest.mark.parametrize("name", [name for name in OFFERED if name.startswith("ml")])
def test_public_keys_of_a_wrong_length_are_refused_when_they_are_read(name: str, wycheproof: Path) -> None:
    refused = [
        (vector, key) for vector, key in vectors(wycheproof / name, OFFERED[name]) if isinstance(key, InputError)
    ]
    assert {key.code for _, key in refused} == {"key-invalid"}
    assert {flag for vector, _ in refused for flag in vector["flags"]} == {"IncorrectPublicKeyLength"}
