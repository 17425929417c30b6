"""Several tokens with one key: the order they are asked in, who is refused, and what is said when nobody can."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from attest import SignerError, open_signer
from attest.signers.pkcs11.uri import percent_encode
from tests.support.cli.calls import call
from tests.support.tokens.checks import DATA, check, refusal, until, within
from tests.support.tokens.hsm import SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEVICE_ERROR = 0x30
LIBRARY_LOAD_FAILED = 0x1B7


@pytest.fixture(scope="module")
def hsms(tmp_path_factory: pytest.TempPathFactory) -> list[SoftHSM]:
    """Three modules with copies of one token, which holds two keys."""
    folder = tmp_path_factory.mktemp("hsm")
    first = SoftHSM.make(folder / "first", "t")
    first.add_keys("t", "p256", "another=ecdsa-sha2-nistp256", "open=ecdsa-sha2-nistp256")
    return [first, first.twin(folder / "second"), first.twin(folder / "third")]


@pytest.fixture
def faults(hsms: list[SoftHSM]) -> Iterator[list[FaultInjector]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FaultInjector(hsm.module)) for hsm in hsms]


def uri(hsms: list[SoftHSM], timeout: str = "10", **query: str) -> str:
    """A group of which nothing waits for the `timeout`, except what is told to hang."""
    failover = " ".join(hsm.uri(timeout=timeout) for hsm in hsms[1:])
    return hsms[0].uri(timeout=timeout, failover=failover, **query)


def signed(faults: list[FaultInjector]) -> list[int]:
    """How often each was asked to sign since the last time."""
    asked = [injector.calls["C_SignInit"] for injector in faults]
    for injector in faults:
        injector.clear()
    return asked


def test_the_first_signs_for_as_long_as_it_can(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms)) as signer:
        check(signer)
        signed(faults)
        for _ in range(10):
            check(signer)
        assert signed(faults) == [10, 0, 0]


def test_the_next_one_signs_in_the_order_of_the_uri(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms)) as signer:
        check(signer)
        signed(faults)
        for injector in faults[:2]:
            injector.fail("C_Sign", DEVICE_ERROR)
        with within(5):  # half of the time that one call has
            check(signer)
        assert faults[2].calls["C_SignInit"] == 1
        assert signer.failovers == 2  # type: ignore[attr-defined]
        signed(faults)
        until(lambda: [member_of(signer, index).state for index in range(3)] == ["up"] * 3)
        signed(faults)
        check(signer)
        assert signed(faults) == [1, 0, 0], "it is back, and preferred"


def test_round_robin_asks_each_in_its_turn(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms, prefer="round-robin")) as signer:
        check(signer)
        signed(faults)
        for _ in range(12):
            check(signer)
        assert signed(faults) == [4, 4, 4]


def test_fastest_asks_the_one_that_answers_soonest(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms, prefer="fastest")) as signer:
        faults[0].delay("C_Sign", 0.02)
        faults[2].delay("C_Sign", 0.02)
        for _ in range(6):
            check(signer)
        for injector in faults:
            injector.calls.clear()
        for _ in range(10):
            check(signer)
        assert [injector.calls["C_SignInit"] for injector in faults] == [0, 10, 0]


def test_a_member_with_another_key_is_refused_by_name(hsms: list[SoftHSM]) -> None:
    other = hsms[1].uri(key="another")
    with open_signer(hsms[0].uri(failover=other)) as signer:
        for _ in range(2):
            error = refusal(signer)
            assert error.code == "key-mismatch"
            assert error.where == other


def test_a_member_with_another_key_is_refused_when_it_comes_up_later(
    hsms: list[SoftHSM], faults: list[FaultInjector]
) -> None:
    faults[1].fail("C_SignInit", DEVICE_ERROR)
    with open_signer(hsms[0].uri(failover=hsms[1].uri(key="another"))) as signer:
        check(signer)
        faults[1].clear()
        until(lambda: member_of(signer, 1).state == "wrong")
        assert member_of(signer, 1).reason.code == "key-mismatch"
        check(signer)


def test_when_nobody_can_each_says_why(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms, timeout="2")) as signer:
        check(signer)
        faults[0].fail("C_Sign", DEVICE_ERROR)
        faults[1].hang("C_Sign")
        faults[2].fail("C_Sign", LIBRARY_LOAD_FAILED)
        with within(20):
            error = refusal(signer)
        assert error.code == "token-lost"
        for said in ("none of 3 tokens", "DeviceError", "token-lost", "token-timeout", "0x1b7", "token-refused"):
            assert said in error.message
        for injector in faults:
            injector.clear()
        check(signer)


def test_when_all_say_the_same_that_is_the_code(hsms: list[SoftHSM]) -> None:
    missing = [hsm.uri("absent", timeout="0.5") for hsm in hsms[1:]]
    with open_signer(hsms[0].uri("absent", timeout="0.5", failover=" ".join(missing))) as signer:
        error = refusal(signer)
        assert error.code == "token-not-found"
        assert error.message.count("no token matches") == 3


def test_a_member_that_is_away_at_first_joins_later(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    faults[0].fail("C_OpenSession", 0xE0)
    with open_signer(uri(hsms)) as signer:
        check(signer)
        assert member_of(signer, 0).state == "down"
        faults[0].clear()
        until(lambda: member_of(signer, 0).state == "up")
        signed(faults)
        check(signer)
        assert signed(faults) == [1, 0, 0]


def test_a_request_at_fault_goes_to_no_other_member(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms)) as signer:
        check(signer)
        signed(faults)
        faults[0].fail("C_Sign", 0x21)
        assert refusal(signer).code == "token-refused"
        assert signed(faults) == [1, 0, 0]


def test_a_refused_pin_fails_over_and_is_not_sent_again(
    hsms: list[SoftHSM], faults: list[FaultInjector], tmp_path: Path
) -> None:
    # A token of the test's own: this process never forgets that it refused the PIN.
    refusing = hsms[0].twin(tmp_path / f"refusing-{tmp_path.name}")
    with (
        FaultInjector(refusing.module) as refuses,
        open_signer(refusing.uri(failover=hsms[1].uri())) as signer,
    ):
        refuses.fail("C_Login", 0xA0)
        for _ in range(3):
            check(signer)
        assert member_of(signer, 0).state == "latched"
        assert refuses.calls["C_Login"] == 1


def test_closing_waits_for_what_is_in_flight(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    signer = open_signer(uri(hsms))
    check(signer)
    slow = faults[0].hang("C_Sign", last=1)
    signatures: list[bytes] = []
    thread = threading.Thread(target=lambda: signatures.append(signer.sign(DATA).sig))
    thread.start()
    assert slow.entered.wait(5)
    closing = threading.Thread(target=signer.close)
    closing.start()
    time.sleep(0.05)
    assert closing.is_alive()
    slow.release()
    closing.join(5)
    thread.join(5)
    assert len(signatures) == 1
    assert refusal(signer).code == "signer-closed"
    opened = Counter(name for name, _ in faults[0].log)
    assert opened["C_OpenSession"] == opened["C_CloseSession"]


def test_closing_does_not_wait_for_ever(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    signer = open_signer(uri(hsms[:1], timeout="2"))
    check(signer)
    slow = faults[0].hang("C_Sign")
    said: list[str] = []

    def work() -> None:
        try:
            signer.sign(DATA)
        except SignerError as error:
            said.append(error.code)

    thread = threading.Thread(target=work)
    thread.start()
    assert slow.entered.wait(5)
    with within(20):
        signer.close()
        thread.join(5)
    assert said in (["token-timeout"], ["signer-closed"])
    slow.release()


def test_health_tells_of_every_member(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    with open_signer(uri(hsms)) as signer:
        check(signer)
        faults[1].fail("C_Sign", DEVICE_ERROR)
        with pytest.raises(Exception, match="the connection was lost: DeviceError"):
            member_of(signer, 1).sign(DATA)
        health = [entry for entry, _ in signer.health()]
        assert [entry["state"] for entry in health] == ["up", "down", "up"]
        assert health[1]["errors"] == {"DeviceError": 1}
        assert "(token-lost)" in str(health[1]["reason"])
        assert health[0]["reason"] is None
        assert health[0]["sessions"] == 1


def test_the_first_signature_does_not_wait_for_a_token_that_hangs(
    hsms: list[SoftHSM], faults: list[FaultInjector]
) -> None:
    hung = faults[1].hang("C_GetSlotList")
    with open_signer(hsms[0].uri(failover=hsms[1].uri(timeout="60"))) as signer:
        check(signer)
        assert hung.entered.is_set()
        assert not hung.released.is_set()
        assert [member_of(signer, index).state for index in range(2)] == ["up", "new"]
        hung.release()
        until(lambda: member_of(signer, 1).state == "up")


@pytest.mark.parametrize("prefer", ["first", "fastest", "round-robin"])
def test_the_second_signs_while_the_first_hangs_and_the_first_joins_when_it_is_back(
    prefer: str, hsms: list[SoftHSM], faults: list[FaultInjector]
) -> None:
    hung = faults[0].hang("C_GetSlotList")
    with open_signer(hsms[0].uri(timeout="60", failover=hsms[1].uri(), prefer=prefer)) as signer:
        for _ in range(4):
            check(signer)
        assert [member_of(signer, index).state for index in range(2)] == ["new", "up"]
        assert not faults[0].calls["C_SignInit"]
        hung.release()
        until(lambda: member_of(signer, 0).state == "up")
        signed(faults)
        for _ in range(4):
            check(signer)
        assert signed(faults)[0] >= {"first": 4, "fastest": 1, "round-robin": 2}[prefer]


def test_a_token_that_is_late_and_holds_another_key_never_signs_and_is_named(
    hsms: list[SoftHSM], faults: list[FaultInjector], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "attest")
    hung = faults[1].hang("C_GetSlotList")
    other = hsms[1].uri(key="another", timeout="60")
    with open_signer(hsms[0].uri(failover=other, prefer="round-robin")) as signer:
        check(signer)
        hung.release()
        until(lambda: member_of(signer, 1).state == "wrong")
        made = faults[1].calls["C_SignInit"]
        for _ in range(4):
            check(signer)
        assert faults[1].calls["C_SignInit"] == made
        with pytest.raises(SignerError) as caught:
            signer.settle()
        assert (caught.value.code, caught.value.where) == ("key-mismatch", other)
    assert [record.levelname for record in caplog.records if "the token is not used" in record.message] == ["WARNING"]


def test_settling_waits_for_every_token(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    hung = faults[1].hang("C_GetSlotList")
    settled = threading.Event()
    with open_signer(hsms[0].uri(failover=hsms[1].uri(timeout="60"))) as signer:
        check(signer)

        def settle() -> None:
            signer.settle()
            settled.set()

        thread = threading.Thread(target=settle)
        thread.start()
        assert not settled.wait(0.2)
        hung.release()
        thread.join(20)
        assert settled.is_set()
        assert [entry["state"] for entry, _ in signer.health()] == ["up", "up"]


def test_a_signer_check_shows_the_token_that_hangs(hsms: list[SoftHSM], faults: list[FaultInjector]) -> None:
    faults[1].hang("C_GetSlotList")
    uri = hsms[0].uri(failover=hsms[1].uri(timeout="1.5"))
    result = call("signer", "check", uri, "--format", "json").json
    assert [member["state"] for member in result["members"]] == ["up", "down"]
    assert "token-timeout" in result["members"][1]["reason"]


def test_a_setup_mistake_stays_an_error_while_nothing_has_signed(
    hsms: list[SoftHSM], faults: list[FaultInjector]
) -> None:
    with open_signer(hsms[0].uri(failover=hsms[1].uri(key="another"))) as signer:
        made = [injector.calls["C_SignInit"] for injector in faults]
        for _ in range(3):
            assert refusal(signer).code == "key-mismatch"
            with pytest.raises(SignerError, match="expected key"):
                _ = signer.public_key
        canaries = [injector.calls["C_SignInit"] - before for injector, before in zip(faults, made, strict=True)]
        assert max(canaries) <= 1, "one test signature by each"


def test_what_the_callback_for_a_pin_raises_reaches_the_caller(hsms: list[SoftHSM], tmp_path: Path) -> None:
    def interrupted(_: str) -> str:
        raise ZeroDivisionError("no terminal")

    # Tokens of this test's own, in which the process is not logged in yet.
    own = [hsms[0].twin(tmp_path / f"{name}-{tmp_path.name}").uri(pin_source="") for name in "ab"]
    uri = f"{own[0]}&failover={percent_encode(own[1])}"
    with open_signer(uri, secrets=interrupted) as signer, pytest.raises(ZeroDivisionError):
        signer.sign(DATA)


def test_closing_does_not_wait_for_a_token_that_is_still_connecting(
    hsms: list[SoftHSM], faults: list[FaultInjector]
) -> None:
    hung = faults[1].hang("C_OpenSession")
    with open_signer(hsms[0].uri(failover=hsms[1].uri(timeout="60"))) as signer:
        check(signer)
        assert hung.entered.wait(5)
    assert not hung.released.is_set(), "closed, though it hangs"
    hung.release()
    until(lambda: faults[1].calls["C_OpenSession"] == faults[1].calls["C_CloseSession"])
