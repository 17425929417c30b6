"""Many signatures at once: each is verified, in its place, and made again if it is faulty or missing."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import Signature, SignerError, open_signer
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.failover.chunks import CHUNK
from tests.support.tokens.checks import check
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy
from tests.support.tokens.hsm import SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.tokens.injector import FaultInjector

__all__ = ["copied_hsm", "faults_of_copy"]  # fixtures

DEVICE_ERROR, SESSION_HANDLE_INVALID = 0x30, 0xB3
SEVERAL = [b"DSSEv1 %d" % number for number in range(3 * CHUNK + 5)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    hsm = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "chunks", "t")
    hsm.add_keys("t", "p256", "rsa=rsassa-pss-sha256", "ed25519=ed25519")
    return hsm


@pytest.fixture
def signer(hsm: SoftHSM, faults: FaultInjector) -> Iterator[Any]:
    with open_signer(hsm.uri(timeout="2")) as opened:
        check(opened)
        faults.clear()
        yield opened


def valid(signer: Any, made: Sequence[Signature | SignerError], data: Sequence[bytes] = SEVERAL) -> int:
    """How many are signed from the beginning, each by the key and over its own data; no other one is."""
    assert len(made) == len(data)
    signed = [one for one in made if isinstance(one, Signature)]
    assert signed == list(made[: len(signed)]), "after an error nothing is signed"
    for one, signature in zip(data, signed, strict=False):
        assert signature.keyid == signer.public_key.keyid
        signer.public_key.verify(signature.sig, one)
    return len(signed)


@pytest.mark.parametrize("key", ["p256", "rsa", "ed25519"])
@pytest.mark.parametrize("number", [0, 1, CHUNK, CHUNK + 1])
def test_each_signature_is_over_its_own_data(key: str, number: int, hsm: SoftHSM) -> None:
    with open_signer(hsm.uri("t", key)) as signer:
        data = SEVERAL[:number]
        assert valid(signer, signer.sign_many(data), data) == number


def test_a_token_is_asked_twice_for_each_in_one_session(signer: Any, faults: FaultInjector) -> None:
    assert valid(signer, signer.sign_many(SEVERAL)) == len(SEVERAL)
    assert faults.calls == {"C_SignInit": len(SEVERAL), "C_Sign": len(SEVERAL)}
    assert len({session for _, session in faults.log}) == 1


@pytest.mark.parametrize("code", [SESSION_HANDLE_INVALID, DEVICE_ERROR])
def test_after_an_error_the_rest_is_made_in_a_new_session(code: int, signer: Any, faults: FaultInjector) -> None:
    fault = faults.fail("C_Sign", code, first=CHUNK + 3, last=CHUNK + 3)
    assert valid(signer, signer.sign_many(SEVERAL)) == len(SEVERAL)
    assert fault.happened == 1
    if code == SESSION_HANDLE_INVALID:  # what was made before is not made again
        assert faults.calls["C_Sign"] == len(SEVERAL) + 1


def spoil(call: Callable[..., int], arguments: tuple[int, ...]) -> int:
    """Sign, and change the signature afterwards."""
    code = call(*arguments)
    ctypes.c_ubyte.from_address(arguments[3]).value ^= 0xFF
    return code


@pytest.mark.parametrize("position", [1, CHUNK, CHUNK + 1, len(SEVERAL)])
def test_a_faulty_signature_does_not_leave_and_is_made_again(position: int, signer: Any, faults: FaultInjector) -> None:
    faults.on("C_Sign", spoil, first=position, last=position)
    assert valid(signer, signer.sign_many(SEVERAL)) == len(SEVERAL)
    assert member_of(signer).errors["signature-faulty"] == 1


def test_a_token_that_fails_for_good_keeps_what_it_has_signed(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", DEVICE_ERROR, first=CHUNK + 4)
        made = signer.sign_many(SEVERAL)
        assert valid(signer, made) == CHUNK + 3
        assert {one.code for one in made if isinstance(one, SignerError)} == {"token-lost"}


def test_a_signature_that_hangs_has_the_time_of_one_call(
    signer: Any, faults: FaultInjector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of a whole chunk: each signature before it has begun it anew."""
    restarts: list[float] = []
    restart = Deadline.restart

    def recorded(self: Deadline, seconds: float) -> None:
        restarts.append(seconds)
        restart(self, seconds)

    monkeypatch.setattr(Deadline, "restart", recorded)
    hung = faults.hang("C_Sign", first=5, last=5)
    made = signer.sign_many(SEVERAL[:8])
    assert restarts[:4] == [2.0] * 4
    assert member_of(signer).errors["TimedOut"] >= 1
    assert valid(signer, made, SEVERAL[:8]) == 4, "the module has one instance, which hangs"
    assert {one.code for one in made if isinstance(one, SignerError)} <= {"token-timeout", "token-lost"}
    hung.release()


def test_the_next_token_goes_on_where_the_first_one_ended(hsm: SoftHSM, faults: FaultInjector, tmp_path: Path) -> None:
    other = hsm.twin(tmp_path / "other")
    uri = hsm.uri(timeout="2", failover=other.uri())
    with open_signer(uri) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", DEVICE_ERROR, first=CHUNK // 2)
        assert valid(signer, signer.sign_many(SEVERAL)) == len(SEVERAL)
        assert member_of(signer).errors["DeviceError"] >= 1


def test_a_token_that_is_away_is_an_error_for_each(hsm: SoftHSM) -> None:
    with open_signer(hsm.uri("absent")) as signer:
        made = signer.sign_many(SEVERAL[:3])
    assert [one.code for one in made if isinstance(one, SignerError)] == ["token-not-found"] * 3


def test_a_secret_key_signs_nothing(hsm: SoftHSM) -> None:
    uri = hsm.uri("t", None).replace("token=t", "token=t;object=wrap;type=secret-key", 1)
    with attest.generate_key(uri) as signer, pytest.raises(SignerError) as caught:
        signer.sign_many(SEVERAL)
    assert caught.value.code == "capability-missing"
