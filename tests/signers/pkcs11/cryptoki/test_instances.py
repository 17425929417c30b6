"""Instances of p11-kit's client that hang: no thread waits for them, and nothing of them is left once they are back."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import open_signer
from attest.signers.pkcs11.cryptoki import calls, environment, forks
from attest.signers.pkcs11.cryptoki.binding import Library
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from tests.support.examples import few
from tests.support.tokens.checks import check, refusal, until
from tests.support.tokens.fixtures import started_server
from tests.support.tokens.hsm import Server, SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["started_server"]  # a fixture


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "instances", "t")
    made.add_keys("t", "p256")
    return made


@pytest.fixture
def signer(server: Server) -> Iterator[Any]:
    with open_signer(server.uri(timeout="1")) as opened:
        check(opened)
        yield opened


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def connections(server: Server) -> int:
    """The processes of a server that serve a connection; those of this group but the server itself."""
    assert server._process is not None
    listed = subprocess.run(["ps", "-o", "pid=", "-g", str(server._process.pid)], capture_output=True, check=True)
    return len(listed.stdout.split()) - 1


def signs(signer: Any) -> bool:
    try:
        check(signer)
    except attest.SignerError:
        return False
    return True


def hang(server: Server, signer: Any) -> None:
    """Stop the server until a call is given up, and wait until the signer is well again."""
    server.signal(signal.SIGSTOP)
    try:
        assert refusal(signer).code == "token-timeout"
    finally:
        server.signal(signal.SIGCONT)
    until(lambda: signs(signer), 20)


def test_a_module_that_hangs_in_finalize_stops_no_other_thread(server: Server, signer: Any) -> None:
    module = member_of(signer).connection.module
    ticks, over = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not over.wait(0.01):
            ticks += 1

    ticking = threading.Thread(target=tick)
    # Should this process be stopped too, another one must end it.
    rescue = subprocess.Popen(["sh", "-c", f"sleep 20; kill -s CONT -- -{server._process.pid}"])  # type: ignore[union-attr]
    try:
        server.signal(signal.SIGSTOP)
        ticking.start()
        with pytest.raises(TimedOut):
            module.start_over(module.generation, Deadline(0.5))
    finally:
        over.set()
        server.signal(signal.SIGCONT)
        rescue.terminate()
        rescue.wait()
        ticking.join()
    assert ticks > 5
    until(lambda: module.left_behind == 0, 20)
    until(lambda: signs(signer), 20)


@pytest.mark.slow
@pytest.mark.parametrize("cycles", few(1, [4, 60]))
def test_stops_and_continues_leave_nothing_behind(
    cycles: int, server: Server, signer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    load = Library.load

    def counted(path: str, reserved: str | None = None) -> Library:
        loads.append(path)
        return load(path, reserved)

    monkeypatch.setattr(Library, "load", counted)
    module = member_of(signer).connection.module
    before = descriptors(), connections(server)
    for _ in range(cycles):
        hang(server, signer)
        until(lambda: module.left_behind == 0, 20)
    until(lambda: (descriptors(), connections(server)) == before, 20)
    assert calls.abandoned() == 0
    assert len(loads) <= 4, "an instance that came back is used again, and no other one is loaded"


def test_an_instance_that_hangs_is_counted_until_it_is_finalised(server: Server, signer: Any) -> None:
    server.signal(signal.SIGSTOP)
    assert refusal(signer).code == "token-timeout"
    held = threading.Event()
    module = member_of(signer).connection.module
    instance = module._left_behind[0]
    finalize = instance.finalize

    def slowly(library: Library) -> None:
        assert held.wait(20)
        finalize(library)

    instance.finalize = slowly
    server.signal(signal.SIGCONT)
    until(lambda: instance.calls == 0, 20)
    until(lambda: signs(signer), 20)
    assert member_of(signer).health()["abandoned_instances"] >= 1
    held.set()
    until(lambda: member_of(signer).health()["abandoned_instances"] == 0, 20)


def test_an_instance_for_which_no_thread_was_left_is_finalised_at_the_next_start(
    server: Server, signer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = member_of(signer).connection.module
    server.signal(signal.SIGSTOP)
    assert refusal(signer).code == "token-timeout"
    with monkeypatch.context() as full:
        full.setattr(calls, "MAX_ABANDONED", 0)
        server.signal(signal.SIGCONT)
        until(lambda: all(not left.calls for left in module._left_behind), 20)
        until(lambda: not any(left.reclaiming for left in module._left_behind))
        assert module.left_behind >= 1
    until(lambda: signs(signer), 20)
    module.start(Deadline(5))
    until(lambda: module.left_behind == 0, 20)


def test_a_module_in_one_piece_is_not_finalised_behind_the_back_of_its_next_start(tmp_path: Path) -> None:
    hsm = SoftHSM.make(tmp_path / f"one-{tmp_path.name}", "t")
    hsm.add_keys("t", "p256")
    with FaultInjector(hsm.module) as faults, open_signer(hsm.uri(timeout="2")) as signer:
        hung = faults.hang("C_Initialize", last=1)
        assert refusal(signer).code == "token-timeout"
        hung.release()
        until(lambda: member_of(signer).state == "up", 20)
        faults.clear()
        check(signer)
        assert not faults.calls["C_Finalize"]
        assert member_of(signer).health()["abandoned_instances"] == 0


A, B = (("X_ATTEST_TEST", "a"),), (("X_ATTEST_TEST", "b"),)


def in_turn(variables: environment.Environment, entered: threading.Event, leave: threading.Event) -> threading.Thread:
    """A thread that starts a module with these variables, until it may leave."""

    def work() -> None:
        with environment.applied(variables, Deadline(20)):
            entered.set()
            assert leave.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_modules_with_the_same_variables_start_together_and_others_wait() -> None:
    entered, leave = [threading.Event() for _ in range(4)], threading.Event()
    threads = [in_turn(A, entered[0], leave), in_turn(A, entered[1], leave)]
    assert all(event.wait(5) for event in entered[:2])
    assert os.environ["X_ATTEST_TEST"] == "a"
    with pytest.raises(TimedOut), environment.applied(B, Deadline(0.05)):
        raise AssertionError("it has not waited")
    threads.append(in_turn(B, entered[2], leave))
    until(lambda: len(environment._turns._waiting) == 1)
    threads.append(in_turn(A, entered[3], leave))  # it may not overtake the other one for ever
    until(lambda: len(environment._turns._waiting) == 2)
    assert not entered[2].is_set()
    assert not entered[3].is_set()
    leave.set()
    for thread in threads:
        thread.join(5)
    assert all(event.is_set() for event in entered)
    assert "X_ATTEST_TEST" not in os.environ


def test_variables_are_as_they_were_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_ATTEST_TEST", "before")
    with environment.applied(A, Deadline(5)):
        assert os.environ["X_ATTEST_TEST"] == "a"
    assert os.environ["X_ATTEST_TEST"] == "before"
    assert forks.gate._under_way == 0
