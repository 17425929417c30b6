"""NSS softokn, the second implementation: what it does alike, and what it says differently of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import attest
from attest.keys import algorithm_named
from tests.support.tokens.hsm import ALGORITHMS, NSS

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"DSSEv1 what is signed"
RSA = [f"rsa{kind}-sha{bits}" for kind in ("ssa-pss", "-pkcs1v15") for bits in (256, 384, 512)]


@pytest.fixture(scope="module")
def nss(tmp_path_factory: pytest.TempPathFactory) -> NSS:
    folder = tmp_path_factory.mktemp("softokn")
    made = NSS.make(folder / folder.name)
    for name in ("p256", "p384", "rsa"):
        attest.generate_key(made.uri(name), algorithm_named(ALGORITHMS[name])).close()
    return made


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [("p256", ALGORITHMS["p256"]), ("p384", ALGORITHMS["p384"]), *(("rsa", algorithm) for algorithm in RSA)],
)
def test_it_signs_and_verifies(name: str, algorithm: str, nss: NSS) -> None:
    with attest.open_signer(nss.uri(name, x_algorithm=algorithm)) as signer:
        signature = signer.sign(DATA)
        signer.public_key.verify(signature.sig, DATA)
        signer.verify(signature.sig, DATA)
        with pytest.raises(attest.Rejected):
            signer.verify(signature.sig, DATA + b".")


def test_its_own_keys_are_not_local_and_so_not_strict(nss: NSS) -> None:
    with attest.open_signer(nss.uri("p256", key_policy="standard")) as signer:
        signer.sign(DATA)
    with (
        attest.open_signer(nss.uri("p256", key_policy="strict")) as signer,
        pytest.raises(attest.SignerError, match="LOCAL is false") as caught,
    ):
        signer.sign(DATA)
    assert caught.value.code == "key-not-allowed"


def test_without_its_arguments_it_does_not_start(nss: NSS, tmp_path: Path) -> None:
    alone = NSS.make(tmp_path / f"alone-{tmp_path.name}")
    with attest.open_signer(alone.uri("p256", x_init_args="", timeout="2")) as signer:
        with pytest.raises(attest.SignerError) as caught:
            signer.sign(DATA)
        assert caught.value.code == "module-failed"


def test_a_module_in_use_is_not_silently_given_other_settings(nss: NSS) -> None:
    with attest.open_signer(nss.uri("p256")) as signer:
        signer.sign(DATA)
        with attest.open_signer(nss.uri("p256", x_init_args="configdir='sql:/nowhere'")) as other:
            with pytest.raises(attest.SignerError, match="other settings") as caught:
                other.sign(DATA)
            assert caught.value.code == "module-invalid"
