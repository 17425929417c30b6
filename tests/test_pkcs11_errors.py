"""Every row of the error table, with real codes out of a real SoftHSM: what the caller gets, and what was tried."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest.pkcs11 import calls
from attest.pkcs11.codes import Reaction
from tests.hsm import PIN, SoftHSM, Templates, member_of
from tests.module_faults import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = b"DSSEv1 what is signed"
NEW_SESSION = {
    0xB3: "SESSION_HANDLE_INVALID",
    0xB0: "SESSION_CLOSED",
    0x90: "OPERATION_ACTIVE",
    0x91: "OPERATION_NOT_INITIALIZED",
    0x50: "FUNCTION_CANCELED",
    0x202: "OPERATION_CANCEL_FAILED",
    0xB5: "SESSION_READ_ONLY",
}
LOG_IN = {0x101: "USER_NOT_LOGGED_IN", 0x82: "OBJECT_HANDLE_INVALID", 0x60: "KEY_HANDLE_INVALID"}
DOWN = {
    0x30: "DEVICE_ERROR",
    0x32: "DEVICE_REMOVED",
    0xE0: "TOKEN_NOT_PRESENT",
    0xE1: "TOKEN_NOT_RECOGNIZED",
    0x03: "SLOT_ID_INVALID",
    0x190: "CRYPTOKI_NOT_INITIALIZED",
    0x104: "USER_ANOTHER_ALREADY_LOGGED_IN",
}
PROBE = {0x05: "GENERAL_ERROR", 0x06: "FUNCTION_FAILED", 0x200: "FUNCTION_REJECTED", 0x80000001: "VENDOR", 0x7777: "?"}
FINAL = {
    0x70: "mechanism-missing",
    0x71: "mechanism-missing",
    0x54: "mechanism-missing",
    0x68: "key-not-allowed",
    0x63: "key-not-allowed",
    0x62: "token-refused",
    0x20: "token-refused",
    0x21: "token-refused",
    0x07: "token-refused",
    0x1B: "token-refused",
    0x203: "token-refused",
}
LATCH = {
    0xA0: "pin-wrong",
    0xA1: "pin-wrong",
    0xA2: "pin-wrong",
    0xA3: "pin-expired",
    0xA4: "pin-locked",
    0x102: "pin-wrong",
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def hsm(templates: Templates, tmp_path: Path) -> SoftHSM:
    return templates.copy(tmp_path / f"hsm-{tmp_path.name}")


@pytest.fixture
def module(hsm: SoftHSM) -> Iterator[FaultInjector]:
    injector = FaultInjector(hsm.module)
    injector.watch("Initialize", "Finalize", "OpenSession", "CloseSession", "Login", "SignInit", "Sign")
    yield injector
    injector.restore()


@pytest.fixture
def signer(hsm: SoftHSM, module: FaultInjector) -> Iterator[Any]:
    with attest.open_signer(hsm.uri(timeout="3")) as opened:
        opened.sign(DATA)
        module.calls.clear()
        yield opened


def signs(signer: Any) -> bool:
    signer.public_key.verify(signer.sign(DATA).sig, DATA)
    return True


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("code", NEW_SESSION, ids=NEW_SESSION.get)
def test_a_spoilt_session_is_replaced_and_never_used_again(code: int, signer: Any, module: FaultInjector) -> None:
    spoilt = member_of(signer).connection.pool._free[-1].session.handle
    module.fail("Sign", code)
    assert signs(signer)
    assert (module.calls["OpenSession"], module.calls["CloseSession"]) == (1, 1)
    assert (module.calls["Login"], module.calls["Finalize"]) == (0, 0)
    assert spoilt not in {entry.session.handle for entry in member_of(signer).connection.pool._free}


def test_sessions_that_are_spoilt_again_and_again_take_the_member_down(signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", 0xB3, times=3)
    assert signs(signer)  # it came up again within the call's time
    assert member_of(signer).errors["SessionHandleInvalid"] == 3
    assert module.calls["Initialize"] == 1


@pytest.mark.parametrize("code", LOG_IN, ids=LOG_IN.get)
def test_a_login_that_still_holds_is_not_repeated(code: int, signer: Any, module: FaultInjector) -> None:
    module.fail("SignInit", code)
    assert signs(signer)
    assert (module.calls["Login"], module.calls["Finalize"]) == (0, 0)


@pytest.mark.parametrize("code", DOWN, ids=DOWN.get)
def test_a_module_that_is_gone_is_started_over(code: int, signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", code)
    assert signs(signer)
    assert (module.calls["Finalize"], module.calls["Initialize"], module.calls["Login"]) == (1, 1, 1)


@pytest.mark.parametrize("code", PROBE, ids=PROBE.get)
def test_an_ambiguous_code_is_probed_and_is_final_if_the_token_still_signs(
    code: int, signer: Any, module: FaultInjector
) -> None:
    module.fail("Sign", code)
    with pytest.raises(attest.SignerError) as caught:
        signer.sign(DATA)
    assert caught.value.code == "token-refused"
    assert (module.calls["Finalize"], module.calls["Login"]) == (0, 0)
    assert signs(signer)


def test_an_ambiguous_code_that_stays_takes_the_member_down(hsm: SoftHSM, module: FaultInjector) -> None:
    with attest.open_signer(hsm.uri(timeout="0.3")) as signer:
        signer.sign(DATA)
        module.fail("Sign", 0x05, times=None)
        with pytest.raises(attest.SignerError) as caught:
            signer.sign(DATA)
        assert caught.value.code == "token-lost"
        module.mend()
        assert until(lambda: member_of(signer).state == "up")
        assert signs(signer)


@pytest.mark.parametrize(("code", "expected"), FINAL.items(), ids=map(hex, FINAL))
def test_a_request_at_fault_is_not_tried_again(code: int, expected: str, signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", code)
    with pytest.raises(attest.SignerError) as caught:
        signer.sign(DATA)
    assert caught.value.code == expected
    assert (module.calls["SignInit"], module.calls["Login"], module.calls["Finalize"]) == (1, 0, 0)
    assert signs(signer)


@pytest.mark.parametrize("code", [0xB1, 0x31, 0x02, 0x201], ids=hex)
def test_a_token_that_is_full_is_waited_for(code: int, signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", code, times=2)
    assert signs(signer)
    assert module.calls["Finalize"] == 0


@pytest.mark.parametrize("code", [0x1B6, 0x1B7, 0xE2], ids=hex)
def test_what_only_a_person_can_mend_is_not_reconnected(code: int, signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", code)
    for _ in range(2):
        with pytest.raises(attest.SignerError) as caught:
            signer.sign(DATA)
        assert caught.value.code == "token-refused"
    assert member_of(signer).state == "dead"
    assert module.calls["Finalize"] == 0


@pytest.mark.parametrize(("code", "expected"), LATCH.items(), ids=map(hex, LATCH))
def test_a_pin_that_was_refused_is_sent_once(code: int, expected: str, hsm: SoftHSM, module: FaultInjector) -> None:
    module.fail("Login", code, times=None)
    with attest.open_signer(hsm.uri()) as signer:
        for _ in range(3):
            with pytest.raises(attest.SignerError) as caught:
                signer.sign(DATA)
            assert caught.value.code == expected
            assert PIN not in str(caught.value)
    assert module.calls["Login"] == 1
    assert module.calls["OpenSession"] == module.calls["CloseSession"]


def test_a_wrong_pin_costs_one_try(hsm: SoftHSM, module: FaultInjector) -> None:
    hsm.pin_file.write_text("not the PIN")
    with attest.open_signer(hsm.uri()) as signer:
        for _ in range(5):
            with pytest.raises(attest.SignerError) as caught:
                signer.sign(DATA)
            assert caught.value.code == "pin-wrong"
    assert module.calls["Login"] == 1


def test_a_call_that_hangs_comes_back_in_time_and_the_token_later(hsm: SoftHSM, module: FaultInjector) -> None:
    before = calls.abandoned()
    with attest.open_signer(hsm.uri(timeout="0.5")) as signer:
        signer.sign(DATA)
        with module.hang("Sign") as go:
            began = time.monotonic()
            with pytest.raises(attest.SignerError) as caught:
                signer.sign(DATA)
            assert caught.value.code == "token-timeout"
            assert time.monotonic() - began < 2.5
            assert member_of(signer).health().abandoned_calls == before + 1
            module.mend()
            go.set()
        assert until(lambda: member_of(signer).state == "up", 10)
        assert signs(signer)
        assert until(lambda: calls.abandoned() <= before)


def test_a_call_that_hangs_fails_over(hsm: SoftHSM, module: FaultInjector, tmp_path: Path) -> None:
    other = SoftHSM.make(tmp_path / f"other-{tmp_path.name}")
    other.copy_tokens_of(hsm)
    with attest.open_signer(hsm.uri(timeout="0.5", failover=other.uri(timeout="0.5"))) as signer:
        signer.sign(DATA)
        with module.hang("Sign"):
            began = time.monotonic()
            assert signs(signer)
            assert time.monotonic() - began < 1.5
        assert member_of(signer).health().reason is not None


def test_eight_callers_share_a_fault_and_all_get_their_signatures(signer: Any, module: FaultInjector) -> None:
    module.fail("Sign", 0x30, after=20)
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.extend(signs(signer) for _ in range(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 80


def test_every_reaction_is_reached_by_some_code() -> None:
    assert {reaction.name for reaction in Reaction} == {
        *("NEW_SESSION", "LOG_IN", "LATCH", "BUSY", "DOWN", "PROBE", "FINAL", "DEAD")
    }
