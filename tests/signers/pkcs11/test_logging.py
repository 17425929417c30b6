"""What a token that comes and goes leaves in the log `attest`, and that a PIN is never part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest import open_signer
from tests.support.tokens.checks import check, refusal, until
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy, other_hsm
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from tests.support.tokens.injector import FaultInjector

__all__ = ["copied_hsm", "faults_of_copy", "other_hsm"]  # fixtures

DEVICE_ERROR = 0x30
SESSION_INVALID = 0xB3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    hsm = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "logged", "t")
    hsm.add_keys("t", "p256")
    return hsm


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("DEBUG", "attest")
    return caplog


def said(log: pytest.LogCaptureFixture, level: str) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelname == level and record.name == "attest"]


def test_a_token_that_is_lost_and_comes_back(
    hsm: SoftHSM, faults: FaultInjector, log: pytest.LogCaptureFixture
) -> None:
    with open_signer(hsm.uri(timeout="3")) as signer:
        check(signer)
        assert said(log, "INFO") == []
        assert any("connected (connection 1, " in line for line in said(log, "DEBUG"))
        faults.fail("C_SignInit", DEVICE_ERROR)
        assert refusal(signer).code == "token-lost"
        faults.clear()
        until(lambda: member_of(signer, 0).state == "up", 20)
    lines = said(log, "INFO")
    assert any("(token-lost); reconnecting in the background" in line for line in lines), lines
    assert any(line.startswith("token 't'") and line.endswith(": connected again") for line in lines), lines
    assert PIN not in log.text


def test_a_failover_says_to_which_token_and_why(hsm: SoftHSM, other: SoftHSM, log: pytest.LogCaptureFixture) -> None:
    with open_signer(hsm.uri(timeout="3", failover=other.uri(timeout="3"))) as signer:
        check(signer)
        (hsm.folder / "tokens").rename(hsm.folder / "away")
        check(signer)
    assert any(line.startswith("failover to token 't'") for line in said(log, "INFO")), said(log, "INFO")
    assert PIN not in log.text


def test_a_pin_that_is_refused_is_not_in_the_log(hsm: SoftHSM, log: pytest.LogCaptureFixture) -> None:
    with open_signer(hsm.uri(pin_source=""), secrets=lambda _: "hunter2") as signer:
        assert refusal(signer).code == "pin-wrong"
    assert any(line.endswith("(pin-wrong); no reconnect") for line in said(log, "INFO"))
    assert "hunter2" not in log.text


def test_a_retry_is_a_detail(hsm: SoftHSM, faults: FaultInjector, log: pytest.LogCaptureFixture) -> None:
    with open_signer(hsm.uri()) as signer:
        check(signer)
        faults.fail("C_SignInit", SESSION_INVALID, last=1)
        check(signer)
    assert any(line.endswith("SessionHandleInvalid (new_session)") for line in said(log, "DEBUG")), log.text
