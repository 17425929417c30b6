"""Every row of the error table, from a real SoftHSM that is made to fail: what the caller gets, and what was called."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, open_signer
from attest.signers.pkcs11.cryptoki import calls
from tests.support.tokens.checks import check, refusal, until, within
from tests.support.tokens.fixtures import cleared_faults, module_injector
from tests.support.tokens.hsm import PIN, SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["cleared_faults", "module_injector"]  # fixtures

NEW_SESSION = (0xB3, 0xB0, 0x90, 0x91, 0x50, 0x202, 0xB5)
LOG_IN = (0x101, 0x82, 0x60)
PIN_REFUSED = {
    0xA0: "pin-wrong",
    0xA1: "pin-wrong",
    0xA2: "pin-wrong",
    0xA3: "pin-expired",
    0xA4: "pin-locked",
    0x102: "pin-wrong",
}
BUSY = (0xB1, 0x31, 0x201, 0x02)
DOWN = (0x30, 0x32, 0xE0, 0xE1, 0x03, 0x190, 0x191, 0x104, 0x105)
PROBE = (0x05, 0x06, 0x200, 0x80000001, 0x7777)
FINAL = {
    **dict.fromkeys((0x70, 0x71, 0x54), "mechanism-missing"),
    **dict.fromkeys((0x68, 0x63), "key-not-allowed"),
    **dict.fromkeys(
        (0x62, 0x20, 0x21, 0x07, 0x40, 0x41, 0x42, 0xC0, 0xC1, 0x10, 0x11, 0x12, 0x13, 0x1B, 0xD0, 0xD1),
        "token-refused",
    ),
    **dict.fromkeys((0x130, 0x140, 0x203), "token-refused"),
}
DEAD = (0x1B6, 0x1B7, 0xE2)
FLAGS = {0x20000: "pin-locked", 0x40000: "pin-locked", 0x80000: "pin-expired"}


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "faults", "t")
    made.add_keys("t", "p256", "p384")
    return made


@pytest.fixture
def signer(hsm: SoftHSM, faults: FaultInjector) -> Iterator[Any]:
    """A signer that has signed, and calls are counted from there."""
    with open_signer(hsm.uri(timeout="2")) as opened:
        check(opened)
        faults.clear()
        yield opened
        faults.clear()


@pytest.fixture
def fresh(hsm: SoftHSM, tmp_path: Path) -> SoftHSM:
    """A token of the test's own: what this process has learned of a PIN, it never forgets."""
    return hsm.twin(tmp_path / f"fresh-{tmp_path.name}")


@pytest.fixture
def faults_of_fresh(fresh: SoftHSM) -> Iterator[FaultInjector]:
    with FaultInjector(fresh.module) as injector:
        yield injector


def sessions_of(faults: FaultInjector, function: str) -> list[int]:
    return [session for name, session in faults.log if name == function]


@pytest.mark.parametrize("code", NEW_SESSION, ids=hex)
@pytest.mark.parametrize("function", ["C_SignInit", "C_Sign"])
def test_a_spoilt_session_is_closed_and_another_signs(
    function: str, code: int, signer: Any, faults: FaultInjector
) -> None:
    faults.fail(function, code, last=2)
    check(signer)
    assert faults.calls["C_OpenSession"] == 2
    assert not faults.calls["C_Login"]
    assert not faults.calls["C_Finalize"]
    spoilt = sessions_of(faults, "C_CloseSession")
    used = sessions_of(faults, "C_SignInit")
    assert len(spoilt) == 2
    assert [used.count(session) for session in spoilt] == [1, 1], "a spoilt session was used again"


@pytest.mark.parametrize("code", NEW_SESSION, ids=hex)
def test_sessions_that_spoil_three_times_start_the_module_over(code: int, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_Sign", code, last=3)
    check(signer)
    assert faults.calls["C_Finalize"] == faults.calls["C_Initialize"] == faults.calls["C_Login"] == 1


@pytest.mark.parametrize("code", [*LOG_IN, *BUSY, *DOWN, *PROBE, *FINAL, *DEAD], ids=hex)
def test_a_session_that_raised_anything_is_never_used_again(code: int, signer: Any, faults: FaultInjector) -> None:
    fault = faults.fail("C_Sign", code, last=1)
    with pytest.raises(SignerError) if code in {*PROBE, *FINAL, *DEAD} else within(2):
        check(signer)
    assert fault.happened == 1
    spoilt = sessions_of(faults, "C_SignInit")[0]
    assert sessions_of(faults, "C_SignInit").count(spoilt) == 1


@pytest.mark.parametrize("code", LOG_IN, ids=hex)
def test_a_login_that_is_still_there_is_not_repeated(code: int, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_SignInit", code, last=1)
    check(signer)
    assert faults.calls["C_GetSessionInfo"] == 1
    assert faults.calls["C_FindObjectsInit"] == 1, "the key was not looked up again"
    assert not faults.calls["C_Login"]
    assert not faults.calls["C_Finalize"]


@pytest.mark.parametrize("code", LOG_IN, ids=hex)
def test_handles_that_are_refused_twice_start_the_module_over(code: int, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_SignInit", code, last=2)
    check(signer)
    assert faults.calls["C_Finalize"] == faults.calls["C_Login"] == 1


def test_a_login_that_is_gone_is_made_once_more(signer: Any, faults: FaultInjector) -> None:
    assert faults.call("C_Logout", member_of(signer).connection._anchor.handle) == 0
    check(signer)
    assert faults.calls["C_Login"] == 1
    assert not faults.calls["C_Finalize"]


@pytest.mark.parametrize(("code", "expected"), PIN_REFUSED.items(), ids=lambda value: str(value))
def test_a_pin_that_is_refused_is_sent_once(
    code: int, expected: str, fresh: SoftHSM, faults_of_fresh: FaultInjector
) -> None:
    faults_of_fresh.fail("C_Login", code)
    with open_signer(fresh.uri()) as signer:
        assert [refusal(signer).code for _ in range(3)] == [expected] * 3
        assert PIN not in str(refusal(signer))
        assert member_of(signer).state == "latched"
    # A token without a user PIN is looked at once more: no PIN was tried, and another process may be writing it.
    assert faults_of_fresh.calls["C_Login"] == (2 if code == 0x102 else 1)
    assert faults_of_fresh.calls["C_OpenSession"] == faults_of_fresh.calls["C_CloseSession"], (
        "a failed login left its session open"
    )


def test_a_pin_that_was_refused_is_not_sent_by_the_next_signer_either(
    fresh: SoftHSM, faults_of_fresh: FaultInjector
) -> None:
    fresh.pin_file.write_text("not the PIN")
    for _ in range(3):
        with open_signer(fresh.uri()) as signer:
            assert refusal(signer).code == "pin-wrong"
    assert faults_of_fresh.calls["C_Login"] == 1


def test_a_pin_that_is_really_wrong_costs_one_try(fresh: SoftHSM, faults_of_fresh: FaultInjector) -> None:
    asked: list[str] = []

    def wrong(what: str) -> str:
        asked.append(what)
        return "not the PIN"

    with open_signer(fresh.uri(pin_source=""), secrets=wrong) as signer:
        threads = [Thread(target=refusal, args=(signer,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refusal(signer).code == "pin-wrong"
    assert faults_of_fresh.calls["C_Login"] == len(asked) == 1


@pytest.mark.parametrize("code", PIN_REFUSED, ids=hex)
def test_a_pin_that_is_refused_later_is_not_sent_again(
    code: int, fresh: SoftHSM, faults_of_fresh: FaultInjector
) -> None:
    with open_signer(fresh.uri()) as signer:
        check(signer)
        faults_of_fresh.clear()
        faults_of_fresh.fail("C_Sign", code)
        assert [refusal(signer).code for _ in range(2)] == [PIN_REFUSED[code]] * 2
        assert member_of(signer).state == "latched"
        assert not faults_of_fresh.calls["C_Login"]


@pytest.mark.parametrize(("flag", "expected"), FLAGS.items(), ids=lambda value: str(value))
def test_a_pin_in_danger_is_not_sent_at_all(
    flag: int, expected: str, fresh: SoftHSM, faults_of_fresh: FaultInjector
) -> None:
    faults_of_fresh.raise_token_flag(flag)
    with open_signer(fresh.uri()) as signer:
        assert refusal(signer).code == expected
    assert not faults_of_fresh.calls["C_Login"]


def test_a_pin_that_was_wrong_lately_is_warned_of(fresh: SoftHSM, faults_of_fresh: FaultInjector) -> None:
    faults_of_fresh.raise_token_flag(0x10000)
    with open_signer(fresh.uri()) as signer:
        check(signer)
        assert "few PIN tries are left" in signer.health()[0][0]["warnings"][0]


def test_a_token_that_is_logged_in_already_is_used(fresh: SoftHSM, faults_of_fresh: FaultInjector) -> None:
    faults_of_fresh.fail("C_Login", 0x100, when=lambda _: faults_of_fresh.calls["C_Login"] > 1)
    faults_of_fresh.on("C_Login", lambda call, arguments: call(*arguments) or 0x100, last=1)
    with open_signer(fresh.uri()) as signer:
        check(signer)
    assert faults_of_fresh.calls["C_Login"] == 1
    assert faults_of_fresh.calls["C_OpenSession"] == faults_of_fresh.calls["C_CloseSession"]


@pytest.mark.parametrize("code", BUSY, ids=hex)
@pytest.mark.parametrize("function", ["C_Sign", "C_OpenSession"])
def test_a_token_that_is_full_is_waited_for(function: str, code: int, signer: Any, faults: FaultInjector) -> None:
    if function == "C_OpenSession":
        faults.fail("C_Sign", 0xB3, last=1)
    faults.fail(function, code, last=2)
    check(signer)
    assert not faults.calls["C_Finalize"]
    assert not faults.calls["C_Login"]


def test_arguments_that_are_bad_for_a_new_session_mean_that_the_token_is_full(
    signer: Any, faults: FaultInjector
) -> None:
    faults.fail("C_Sign", 0xB3, last=1)
    faults.fail("C_OpenSession", 0x07, last=2)
    check(signer)
    assert not faults.calls["C_Finalize"]


@pytest.mark.parametrize("code", [*BUSY, 0x07], ids=hex)
def test_a_token_that_stays_full_is_busy_and_not_lost(
    code: int, fresh: SoftHSM, faults_of_fresh: FaultInjector
) -> None:
    with open_signer(fresh.uri(timeout="2")) as signer:
        check(signer)
        faults_of_fresh.clear()
        faults_of_fresh.fail("C_Sign", 0xB3, last=1)
        faults_of_fresh.fail("C_OpenSession", code)
        with within(20):
            error = refusal(signer)
        assert error.code == "token-busy", error
        assert not faults_of_fresh.calls["C_Finalize"]
        faults_of_fresh.clear()
        check(signer)


@pytest.mark.parametrize("code", DOWN, ids=hex)
def test_a_token_that_is_gone_is_connected_anew(code: int, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_Sign", code, last=1)
    check(signer)
    assert faults.calls["C_Finalize"] == faults.calls["C_Initialize"] == faults.calls["C_Login"] == 1
    assert member_of(signer).state == "up"


@pytest.mark.parametrize("code", PROBE, ids=hex)
def test_an_ambiguous_code_is_the_requests_fault_where_the_canary_signs(
    code: int, signer: Any, faults: FaultInjector
) -> None:
    faults.fail("C_Sign", code, last=1)
    assert refusal(signer).code == "token-refused"
    assert faults.calls["C_SignInit"] == 2, "one for the request, and one for the canary"
    assert not faults.calls["C_Finalize"]
    check(signer)
    assert not faults.calls["C_Finalize"]


@pytest.mark.parametrize("code", PROBE, ids=hex)
def test_an_ambiguous_code_is_the_tokens_fault_where_the_canary_fails(
    code: int, signer: Any, faults: FaultInjector
) -> None:
    faults.fail("C_Sign", code, last=2)
    check(signer)
    assert faults.calls["C_Finalize"] == faults.calls["C_Login"] == 1


def test_an_ambiguous_code_that_stays_is_a_lost_token(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
        faults.fail("C_Sign", 0x05)
        with within(20):
            error = refusal(signer)
        assert error.code == "token-lost"
        assert "GeneralError" in error.message
        faults.clear()
        until(lambda: member_of(signer).state == "up")
        check(signer)


@pytest.mark.parametrize(("code", "expected"), FINAL.items(), ids=lambda value: str(value))
def test_a_request_at_fault_is_refused_at_once(code: int, expected: str, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_Sign", code, last=1)
    error = refusal(signer)
    assert error.code == expected
    assert error.where == str(member_of(signer).uri)
    assert faults.calls["C_SignInit"] == faults.calls["C_Sign"] == 1
    assert not faults.calls["C_Finalize"]
    check(signer)


@pytest.mark.parametrize("code", DEAD, ids=hex)
def test_what_only_a_person_can_mend_is_not_tried_again(code: int, signer: Any, faults: FaultInjector) -> None:
    faults.fail("C_Sign", code, last=1)
    assert refusal(signer).code == "token-refused"
    made = faults.calls.copy()
    assert refusal(signer).code == "token-refused"
    time.sleep(0.1)  # a reconnect in the background would come within 50 ms
    assert faults.calls == made
    assert member_of(signer).state == "dead"
    assert calls.abandoned() == 0
