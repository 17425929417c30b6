"""Tokens that are lost behind attest's back, each in its own way: what the caller gets, and what recovers."""

from __future__ import annotations

import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import open_signer
from attest.signers.pkcs11.cryptoki import calls
from attest.signers.pkcs11.cryptoki.module import MAX_LEFT_BEHIND
from tests.support.tokens.checks import check, refusal, until, within
from tests.support.tokens.fixtures import (
    TIMEOUT,
    copied_hsm,
    faults_of_copy,
    other_hsm,
    started_server,
    token_of_two_keys,
    used_signer,
)
from tests.support.tokens.hsm import PIN, Server, SoftHSM, member_of

if TYPE_CHECKING:
    from tests.support.tokens.injector import FaultInjector

__all__ = [
    "copied_hsm",
    "faults_of_copy",
    "other_hsm",
    "started_server",
    "token_of_two_keys",
    "used_signer",
]  # fixtures

# What another program does to the token meanwhile.
_SET_PIN = """
import sys
import pkcs11
module, pin, other = sys.argv[1:]
pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin).set_pin(pin, other)
"""


def signs(signer: attest.Signer) -> bool:
    try:
        check(signer)
    except attest.SignerError:
        return False
    return True


def state(signer: Any, index: int = 0) -> str:
    return str(member_of(signer, index).state)


def test_the_token_folder_is_moved_away_and_back(hsm: SoftHSM, signer: Any) -> None:
    tokens, away = hsm.folder / "tokens", hsm.folder / "away"
    tokens.rename(away)
    tokens.mkdir()
    assert refusal(signer).code == "token-not-found"
    tokens.rmdir()
    away.rename(tokens)
    until(lambda: state(signer) == "up", 20)
    check(signer)


def test_the_token_folder_is_moved_away_and_another_signs(hsm: SoftHSM, other: SoftHSM) -> None:
    with open_signer(hsm.uri(timeout=TIMEOUT, failover=other.uri(timeout=TIMEOUT))) as signer:
        check(signer)
        (hsm.folder / "tokens").rename(hsm.folder / "away")
        for _ in range(5):
            with within(20):
                check(signer)
        assert state(signer) == "down"


def test_the_key_is_destroyed_by_another_process(hsm: SoftHSM, signer: Any) -> None:
    hsm.destroy_key("t", "p256")
    error = refusal(signer)
    assert error.code == "key-not-found"
    assert "p384" in error.message
    with open_signer(hsm.uri(key="p384", timeout=TIMEOUT)) as another:
        check(another)


@pytest.mark.parametrize("keys", [(), ("p256",)], ids=["without-keys", "with-another-key-of-that-name"])
def test_a_token_that_is_initialised_anew_is_another_token(
    keys: tuple[str, ...], hsm: SoftHSM, signer: Any, faults: FaultInjector
) -> None:
    """It has another serial number, so it gets no PIN; when the first one comes back, it signs again."""
    (first,) = (hsm.folder / "tokens").iterdir()
    first.rename(hsm.folder / "away")
    hsm.add_token("t")
    if keys:
        hsm.add_keys("t", *keys)
    error = refusal(signer)
    assert error.code == "token-not-found"
    assert "the token is not there; the module has 't' (serial " in error.message
    assert faults.calls["C_Login"] == 0
    for other in (hsm.folder / "tokens").iterdir():
        shutil.rmtree(other)
    (hsm.folder / "away").rename(first)
    until(lambda: signs(signer), 20)


def test_the_pin_is_changed_and_the_login_holds_until_the_next(
    hsm: SoftHSM, signer: Any, faults: FaultInjector
) -> None:
    hsm.run(sys.executable, "-c", _SET_PIN, str(hsm.module), PIN, "another PIN")
    check(signer)
    assert "C_Login" not in faults.calls
    faults.fail("C_Sign", 0x30, last=1)
    assert refusal(signer).code == "pin-wrong"
    assert refusal(signer).code == "pin-wrong"
    assert state(signer) == "latched"
    assert faults.calls["C_Login"] == 1


def test_somebody_else_in_the_process_finalizes_the_module(signer: Any, faults: FaultInjector) -> None:
    assert faults.call("C_Finalize", 0) == 0
    check(signer)
    assert faults.calls["C_Login"] == 1
    assert faults.calls["C_Initialize"] == 1


def test_somebody_else_in_the_process_closes_all_sessions(signer: Any, faults: FaultInjector) -> None:
    slot = member_of(signer).connection._token.slot.slot_id
    assert faults.call("C_CloseAllSessions", slot) == 0
    check(signer)
    assert faults.calls["C_Login"] == 1, "the login went with the last session"


def test_somebody_else_in_the_process_logs_out(signer: Any, faults: FaultInjector) -> None:
    assert faults.call("C_Logout", member_of(signer).connection._anchor.handle) == 0
    check(signer)
    assert faults.calls["C_Login"] == 1
    assert not faults.calls["C_Finalize"]


def test_the_connections_of_a_server_are_killed(server: Server) -> None:
    with open_signer(server.uri(timeout="2")) as signer:
        check(signer)
        server.kill_connections()
        with within(20):
            check(signer)


def test_a_server_is_killed_and_started_again(server: Server) -> None:
    with open_signer(server.uri(timeout=TIMEOUT)) as signer:
        check(signer)
        server.kill()
        with within(20):
            assert refusal(signer).code in {"token-lost", "token-not-found"}
        server.start()
        until(lambda: state(signer) == "up", 20)
        check(signer)


def test_a_server_that_is_not_there_at_first_is_found_later(hsm: SoftHSM, other: SoftHSM) -> None:
    server = Server(hsm)
    try:
        with open_signer(server.uri(timeout=TIMEOUT, failover=other.uri(timeout=TIMEOUT))) as signer:
            check(signer)
            assert state(signer) == "down"
            server.start()
            until(lambda: state(signer) == "up", 20)
            check(signer)
    finally:
        server.close()


def test_a_server_that_is_stopped_is_left_and_another_signs(server: Server, other: SoftHSM) -> None:
    with open_signer(server.uri(timeout=TIMEOUT, failover=other.uri(timeout=TIMEOUT))) as signer:
        check(signer)
        server.signal(signal.SIGSTOP)
        with within(20):
            check(signer)
        for _ in range(10):
            with within(1):  # less than the one that is stopped is given
                check(signer)
        assert state(signer) == "down"
        assert member_of(signer).reason.code == "token-timeout"
        assert member_of(signer).health()["abandoned_instances"] >= 1
        server.signal(signal.SIGCONT)
        until(lambda: state(signer) == "up", 20)
        check(signer)
        until(lambda: calls.abandoned() == 0)
        assert member_of(signer).health()["abandoned_instances"] == 0


def test_a_server_that_is_stopped_and_alone_is_a_timeout(server: Server) -> None:
    with open_signer(server.uri(timeout=TIMEOUT)) as signer:
        check(signer)
        server.signal(signal.SIGSTOP)
        with within(20):
            assert refusal(signer).code == "token-timeout"
        server.signal(signal.SIGCONT)
        until(lambda: state(signer) == "up", 20)
        check(signer)
    until(lambda: calls.abandoned() == 0)


def test_a_server_that_is_stopped_for_long_costs_a_bounded_number_of_threads(server: Server) -> None:
    before = calls.abandoned()
    with open_signer(server.uri(timeout="0.5")) as signer:
        check(signer)
        server.signal(signal.SIGSTOP)
        for _ in range(12):
            refusal(signer)
        assert before < calls.abandoned() <= before + MAX_LEFT_BEHIND + 1
        server.signal(signal.SIGCONT)
        until(lambda: signs(signer), 20)  # who asks ends the pause, which has grown to half a minute by now
    until(lambda: calls.abandoned() <= before)
