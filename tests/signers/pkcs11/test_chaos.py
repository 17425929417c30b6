"""Signing goes on while tokens come and go, and no server that is stopped stops this process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11.failover.recovery import MemberUnavailable
from tests.support.examples import few
from tests.support.tokens.chaos import BACK, TIMEOUT, servers, storm_elsewhere
from tests.support.tokens.hsm import Server, member_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIGN_AND_LEAVE = """
import os, signal, sys
import attest
with attest.open_signer(sys.argv[1]) as signer:
    signer.sign(b"data")
os.killpg(int(sys.argv[2]), signal.SIGSTOP)
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Server]]:
    with servers(tmp_path) as started:
        yield started


def group(server: Server) -> int:
    """The process group of a server and of those of its children that serve a connection."""
    assert server._process is not None
    return server._process.pid


@pytest.mark.slow
@pytest.mark.parametrize("seed", few(2, [1, 2, 3, 4, 5]))  # an odd one and an even one: each server has its turn
def test_a_storm_costs_time_and_nothing_else(seed: int) -> None:
    result = storm_elsewhere(seed, 10)
    print(result)
    assert result.errors == []
    assert (result.lost, result.wrong, result.twice, result.stuck) == (0, 0, 0, 0)
    assert result.asked > 500
    assert result.p99 < 1  # the benchmark hsm_chaos measures it
    assert any("swap" in event for event in result.events)
    assert result.down == []
    assert result.back_after <= BACK
    assert result.sessions <= 8
    assert (result.sessions_left, result.threads_left) == ([], 0)
    # p11-kit's client has a lost wake-up: some calls never come back when a connection dies under several of them. An
    # instance with such a call cannot be finalised, and may keep its socket. And a C_Initialize that fails because the
    # server goes away at that moment leaves a socket open (p11-kit 0.24).
    assert result.abandoned_instances <= len(result.events) // 2
    assert result.descriptors[1] - result.descriptors[0] <= result.abandoned_instances + 2


def test_a_member_that_was_long_away_is_tried_at_once_when_there_is_no_other(pair: list[Server]) -> None:
    first, second = pair
    with attest.open_signer(first.uri(timeout=f"{TIMEOUT}", failover=second.uri(timeout=f"{TIMEOUT}"))) as signer:
        signer.sign(b"data")
        member = member_of(signer, 1)
        second.kill()
        with pytest.raises(MemberUnavailable):
            member.sign(b"data")
        member._pause = 600.0  # as after a night without it
        time.sleep(0.3)
        second.start()
        first.kill()
        signer.public_key.verify(signer.sign(b"data").sig, b"data")


def test_starting_over_a_module_that_hangs_lets_other_threads_run(pair: list[Server]) -> None:
    server = pair[0]
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while not over.wait(0.01):
            ticks += 1

    over = threading.Event()
    ticking = threading.Thread(target=tick)
    with attest.open_signer(server.uri(timeout="0.5")) as signer:
        signer.sign(b"data")
        member = member_of(signer)
        member._pool.lost = True
        member.state = "new"
        # Should this process be stopped too, somebody else must end it.
        rescue = subprocess.Popen(["sh", "-c", f"sleep 4; kill -s CONT -- -{group(server)}"])
        try:
            server.signal(signal.SIGSTOP)
            ticking.start()
            with pytest.raises(attest.SignerError):
                signer.sign(b"data")
        finally:
            over.set()
            server.signal(signal.SIGCONT)
            rescue.terminate()
            rescue.wait()
            ticking.join()
    assert ticks > 5, "whoever waits half a second for the module holds up nobody else"


def test_the_interpreter_ends_while_a_module_hangs(pair: list[Server]) -> None:
    server = pair[0]
    command = [sys.executable, "-c", _SIGN_AND_LEAVE, server.uri(), str(group(server))]
    assert subprocess.run(command, check=False, timeout=10).returncode == 0
