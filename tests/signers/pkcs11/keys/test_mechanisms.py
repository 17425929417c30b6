"""Every mechanism: signed in a token, verified by cryptography and openssl, and through `attest sign` and `verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import attest
from attest.keys import ALGORITHMS
from tests.interop.test_openssl import openssl, verify
from tests.support.cli.calls import call
from tests.support.tokens.hsm import Server, SoftHSM, Templates, member_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["openssl"]

KEYS = {
    "ecdsa-sha2-nistp256": "p256",
    "ecdsa-sha2-nistp384": "p384",
    "ed25519": "ed",
    **{f"rsa{kind}-sha{bits}": "rsa" for kind in ("ssa-pss", "-pkcs1v15") for bits in (256, 384, 512)},
}
# What crosses p11-kit 0.24: neither Ed25519, nor PSS with the hash in the token.
BEHIND_A_SERVER = [algorithm for algorithm in KEYS if algorithm != "ed25519"]


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("mechanisms")
    return Templates(folder).copy(folder / folder.name)


@pytest.fixture(scope="module")
def server(hsm: SoftHSM) -> Iterator[Server]:
    started = Server(hsm)
    started.start()
    yield started
    started.close()


def signs(uri: str, algorithm: str) -> bool:
    with attest.open_signer(uri) as signer:
        assert signer.public_key.algorithm.name == algorithm
        for data in (b"", b"data", b"x" * 100_000):
            signature = signer.sign(data)
            signer.public_key.verify(signature.sig, data)
            signer.verify(signature.sig, data)
            with pytest.raises(attest.Rejected):
                signer.verify(signature.sig, data + b".")
            assert signature.keyid == signer.public_key.keyid
    return True


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_signs_and_verifies(algorithm: str, hsm: SoftHSM) -> None:
    assert signs(hsm.uri("t", KEYS[algorithm], x_algorithm=algorithm), algorithm)


@pytest.mark.parametrize("algorithm", BEHIND_A_SERVER)
def test_a_token_behind_a_server_signs_and_verifies(algorithm: str, server: Server) -> None:
    assert signs(server.uri(KEYS[algorithm], x_algorithm=algorithm), algorithm)


def test_what_a_module_does_not_do_is_said_to_be_missing(server: Server) -> None:
    with attest.open_signer(server.uri("ed")) as signer, pytest.raises(attest.SignerError) as caught:
        signer.sign(b"")
    assert caught.value.code == "mechanism-missing"


def test_ml_dsa_is_missing_and_never_replaced(hsm: SoftHSM) -> None:
    uri = hsm.uri("t", "pq", x_algorithm="ml-dsa-65")
    with pytest.raises(attest.SignerError) as caught:
        attest.generate_key(uri)
    assert caught.value.code in {"token-refused", "mechanism-missing"}


@pytest.mark.parametrize("algorithm", KEYS)
def test_openssl_and_the_command_line_accept_it(
    algorithm: str, hsm: SoftHSM, openssl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = hsm.uri("t", KEYS[algorithm], x_algorithm=algorithm, key_policy="strict")
    Path("app.whl").write_text("hello\n")
    call("trust", "init", "--anchor", "release", "--key", uri, "-o", "trust.json").done()
    call("build", "app.whl", "--type", "https://example.com/x/v1", "-o", "s.json").done()
    call("sign", "s.json", "--signer", uri, "-o", "e.json").done()
    call("verify", "e.json", "--trust", "trust.json", "--artifact", "app.whl").done()

    envelope = attest.Envelope.from_json(Path("e.json").read_bytes())
    Path("pae").write_bytes(envelope.pae())
    Path("sig").write_bytes(envelope.signatures[0].sig)
    Path("public.pem").write_bytes(call("key", "export", uri).stdout)
    assert verify(openssl, algorithm, tmp_path)[0] == 0

    key = attest.TrustBundle.load("trust.json").anchors["release"].keys[0]
    assert (key.backend, key.signer) == ("pkcs11", uri)
    with key.resolve() as signer:
        assert signer.public_key == key.public_key


def test_the_same_key_under_an_hsm_name_resolves_to_the_token_alone(hsm: SoftHSM, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    anchor = ("trust", "init", "--anchor", "release", "--algorithm", "HSM-ECDSA-P256", "-o", str(trust))
    call(*anchor, "--key", hsm.uri()).done()
    key = attest.TrustBundle.load(trust).anchors["release"].keys[0]
    assert (key.algorithm, key.required_scheme) == ("HSM-ECDSA-P256", "pkcs11")
    document = json.loads(trust.read_bytes())
    document["anchors"]["release"]["keys"][0] |= {"signer": "file:release.pem", "backend": "file"}
    moved = attest.TrustBundle.from_document(document).anchors["release"].keys[0]
    with pytest.raises(attest.SignerError) as caught:
        moved.resolve()
    assert caught.value.code == "backend-mismatch"


def test_a_bundle_that_says_pkcs11_means_strict(hsm: SoftHSM, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    call("key", "generate", f"file:{pem}", "--algorithm", "ecdsa-sha2-nistp256").done()
    imported = SoftHSM.make(tmp_path / f"imported-{tmp_path.name}", "t")
    imported.import_key("t", pem, "p256")
    call("trust", "init", "--anchor", "a", "--key", imported.uri(), "-o", str(tmp_path / "trust.json")).done()
    key = attest.TrustBundle.load(tmp_path / "trust.json").anchors["a"].keys[0]
    with pytest.raises(attest.SignerError, match=r"ALWAYS_SENSITIVE is false.*LOCAL is false") as caught:
        key.resolve()
    assert caught.value.code == "key-not-allowed"
    with attest.open_signer(imported.uri(key_policy="off")) as signer:
        signer.sign(b"")
        assert member_of(signer).checks == ()


def test_every_signing_algorithm_of_the_table_is_asked_for() -> None:
    assert set(KEYS) | {"ml-dsa-44", "ml-dsa-65", "ml-dsa-87"} == set(ALGORITHMS)
