"""Key generation: connecting has the timeout of the URI, and only the generation itself may take longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import attest
from attest.errors import SignerError
from tests.support.tokens.checks import within
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy
from tests.support.tokens.hsm import SoftHSM

if TYPE_CHECKING:
    from tests.support.tokens.injector import FaultInjector

__all__ = ["copied_hsm", "faults_of_copy"]  # fixtures


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    return SoftHSM.make(tmp_path_factory.mktemp("hsm") / "generating", "t")


@pytest.mark.parametrize(
    "function",
    ["C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login", "C_FindObjectsInit"],
)
def test_what_hangs_before_a_key_is_made_has_the_timeout_of_the_uri(
    function: str, hsm: SoftHSM, faults: FaultInjector
) -> None:
    faults.hang(function)
    with within(30), pytest.raises(SignerError) as caught:
        attest.generate_key(hsm.uri(timeout="0.3"))
    assert caught.value.code == "token-timeout"
    assert not faults.calls["C_GenerateKeyPair"]


def test_a_key_may_take_longer_than_the_timeout(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.delay("C_GenerateKeyPair", 1.5)
    with attest.generate_key(hsm.uri(timeout="1")) as signer:
        faults.clear()
        signer.public_key.verify(signer.sign(b"data").sig, b"data")


def test_a_key_of_that_name_is_found_before_one_is_made(hsm: SoftHSM, faults: FaultInjector) -> None:
    attest.generate_key(hsm.uri()).close()
    faults.clear()
    for secret in ("", ";type=secret-key"):
        uri = hsm.uri().replace("object=p256", f"object=p256{secret}")
        if secret:
            attest.generate_key(uri).close()
            faults.clear()
        with pytest.raises(SignerError) as caught:
            attest.generate_key(uri)
        assert caught.value.code == "key-exists"
        assert not faults.calls["C_GenerateKeyPair"]
        assert not faults.calls["C_GenerateKey"]
    assert faults.calls["C_OpenSession"] == faults.calls["C_CloseSession"]
