"""PIN pads, CKF_PROTECTED_AUTHENTICATION_PATH: no PIN is asked for and none is sent, and a person gets time."""

from __future__ import annotations

import ctypes
import logging
import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from attest import open_signer
from attest.signers.pkcs11.tokens import logins
from tests.support.cli.calls import call
from tests.support.cli.inputs import INPUTS
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers import SecretRequest
    from tests.support.tokens.injector import Arguments, FaultInjector

__all__ = ["copied_hsm", "faults_of_copy"]  # fixtures

PAD = 0x100
_TYPED = ctypes.create_string_buffer(PIN.encode())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "made", "t")
    made.add_keys("t", "p256")
    return made


class Pad:
    """A PIN pad: a person types the PIN after some `seconds`, and a PIN that a program sends is refused."""

    def __init__(self, faults: FaultInjector, answer: int | None = None, seconds: float = 0.0) -> None:
        self.asked = 0
        self.sent = 0
        self.answer = answer
        self.seconds = seconds
        faults.raise_token_flag(PAD)
        faults.on("C_Login", self._login)

    def _login(self, login: Callable[..., int], arguments: Arguments) -> int:
        session, kind, pin, length = arguments
        if pin:
            self.sent += 1
            return 0xA0
        assert length == 0
        self.asked += 1
        time.sleep(self.seconds)
        return login(session, kind, ctypes.addressof(_TYPED), len(PIN)) if self.answer is None else self.answer


class Told:
    """A callback that has no PIN, and remembers for which tokens a pad was to be used."""

    def __init__(self) -> None:
        self.pads: list[SecretRequest] = []
        self.asked: list[SecretRequest] = []

    def __call__(self, request: SecretRequest) -> None:
        self.asked.append(request)

    def use_pad(self, request: SecretRequest) -> None:
        """As `Secrets` describes it."""
        self.pads.append(request)


def test_a_pad_takes_the_pin_and_no_program_does(hsm: SoftHSM, faults: FaultInjector) -> None:
    pad, told = Pad(faults), Told()
    with open_signer(hsm.uri(pin_source=""), secrets=told) as signer:
        for _ in range(3):
            check(signer)
    assert (pad.asked, pad.sent, told.asked) == (1, 0, [])
    [request] = told.pads
    assert request.token is not None
    assert request.token.label == "t"
    assert request.pad


def test_without_a_callback_the_logger_says_what_to_do(
    hsm: SoftHSM, faults: FaultInjector, caplog: pytest.LogCaptureFixture
) -> None:
    pad = Pad(faults)
    with open_signer(hsm.uri(pin_source="")) as signer:
        check(signer)
    assert pad.asked == 1
    [message] = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert message.startswith("enter the PIN of token 't'")


def test_a_command_tells_the_user_on_standard_error_and_sends_no_variable(
    hsm: SoftHSM, faults: FaultInjector, monkeypatch: pytest.MonkeyPatch
) -> None:
    pad = Pad(faults)
    monkeypatch.setenv("ATTEST_PIN", PIN)
    ran = call("sign", "--signer", hsm.uri(pin_source=""), str(INPUTS / "statement.json"))
    assert ran.code == 0
    assert ran.json["signatures"]
    [line] = ran.prose
    assert line.startswith("attest: note: enter the PIN of token 't'")
    assert line.endswith("on its PIN pad")
    assert (pad.asked, pad.sent) == (1, 0)


def test_a_person_takes_longer_than_a_module_may(hsm: SoftHSM, faults: FaultInjector) -> None:
    pad = Pad(faults, seconds=3)
    signers = [open_signer(hsm.uri(pin_source="", timeout="2"), secrets=Told()) for _ in range(3)]
    failed: list[object] = []

    def work(index: int) -> None:
        try:
            check(signers[index])
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert (pad.asked, pad.sent) == (1, 0)
    for signer in signers:
        signer.close()


def test_nobody_at_the_pad_is_an_error_and_the_pad_is_left_alone(
    hsm: SoftHSM, faults: FaultInjector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "PAD_SECONDS", 0.2)
    faults.raise_token_flag(PAD)
    nobody = faults.hang("C_Login", 0x50)
    with open_signer(hsm.uri(pin_source="", timeout="2"), secrets=Told()) as signer:
        error = refusal(signer)
        assert error.code == "pin-missing"
        assert "within 0.2 s" in error.message
        assert member_of(signer).state == "latched"
        assert refusal(signer).code == "token-timeout", "the pad still waits"
        assert faults.calls["C_Login"] == 1
        nobody.release()


@pytest.mark.parametrize(("answer", "expected"), [(0x50, "pin-missing"), (0x01, "pin-missing"), (0x06, "login-failed")])
def test_a_login_that_is_cancelled_is_not_repeated_by_itself(
    answer: int, expected: str, hsm: SoftHSM, faults: FaultInjector
) -> None:
    pad = Pad(faults, answer)
    with open_signer(hsm.uri(pin_source=""), secrets=Told()) as signer:
        error = refusal(signer)
        assert error.code == expected
        assert "PIN pad" in str(error.hint)
        assert member_of(signer).state == "latched"
        assert pad.asked == 1
        pad.answer = None
        check(signer)
    assert pad.asked == 2


def test_a_wrong_pin_on_the_pad_is_remembered_like_any_other(hsm: SoftHSM, faults: FaultInjector) -> None:
    pad = Pad(faults, 0xA0)
    for name in ("token=t;", "token=t;model=SoftHSM%20v2;"):
        with open_signer(hsm.uri(pin_source="").replace("token=t;", name), secrets=Told()) as signer:
            assert [refusal(signer).code for _ in range(2)] == ["pin-wrong"] * 2
    assert pad.asked == 1


@pytest.mark.parametrize("flag", [0x20000, 0x40000])
def test_the_flags_of_the_token_hold_for_a_pad_too(flag: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(PAD | flag)
    told = Told()
    with open_signer(hsm.uri(pin_source=""), secrets=told) as signer:
        assert refusal(signer).code == "pin-locked"
    assert not faults.calls["C_Login"]
    assert not told.pads


def test_a_pin_file_in_the_uri_is_for_a_token_that_has_the_flag_by_mistake(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(PAD)
    with open_signer(hsm.uri(), secrets=Told()) as signer:
        check(signer)


def test_a_pin_file_for_a_real_pad_costs_one_try(hsm: SoftHSM, faults: FaultInjector) -> None:
    pad = Pad(faults)
    with open_signer(hsm.uri()) as signer:
        assert [refusal(signer).code for _ in range(2)] == ["pin-wrong"] * 2
    assert (pad.asked, pad.sent) == (0, 1)
