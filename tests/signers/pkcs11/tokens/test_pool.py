"""The pool of sessions over a real SoftHSM: bounded, oldest first, and nothing left open."""

from __future__ import annotations

import threading
import time
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pkcs11.exceptions as p11
import pytest

from attest import SignerError, open_signer
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale, module_at
from attest.signers.pkcs11.tokens.pool import Entry, SessionPool
from attest.signers.pkcs11.uri import percent_encode
from tests.support.examples import few
from tests.support.tokens.fixtures import cleared_faults, module_injector
from tests.support.tokens.hsm import SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attest.signers.pkcs11.cryptoki.module import Module

__all__ = ["cleared_faults", "module_injector"]  # fixtures

LIMIT = 3


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "pool", "t")
    made.add_keys("t", "p256")
    return made


@pytest.fixture
def module(hsm: SoftHSM) -> Module:
    return module_at(str(hsm.module), environment=(("SOFTHSM2_CONF", str(hsm.configuration)),))


@pytest.fixture
def pool(module: Module, faults: FaultInjector) -> Iterator[SessionPool]:
    generation = module.start(Deadline(5))
    token = next(token for token in module.tokens(generation, Deadline(5)) if token.label == "t")
    faults.clear()
    made = SessionPool(module, generation, token, LIMIT)
    yield made
    faults.clear()
    made.close(Deadline(5))


def sessions(faults: FaultInjector) -> int:
    return faults.calls["C_OpenSession"] - faults.calls["C_CloseSession"]


def waits(pool: SessionPool, number: int) -> None:
    end = time.monotonic() + 5
    while pool.waiting < number:
        assert time.monotonic() < end, f"{pool.waiting} wait, and not {number}"
        time.sleep(0.001)


class Taker(threading.Thread):
    """Takes a session in a thread of its own."""

    def __init__(self, pool: SessionPool, seconds: float = 5, then: Callable[[], object] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.pool, self.seconds, self.then = pool, seconds, then
        self.entry: Entry | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.entry = self.pool.take(Deadline(self.seconds))
        except Exception as error:  # noqa: BLE001
            self.error = error
        self.then()

    def outcome(self) -> Any:
        self.join(6)
        assert not self.is_alive()
        return self.entry or self.error


def test_a_session_is_opened_when_it_is_needed_and_used_again(pool: SessionPool, faults: FaultInjector) -> None:
    assert sessions(faults) == 0
    first = pool.take(Deadline(5))
    pool.give_back(first, Deadline(5))
    assert pool.take(Deadline(5)) is first
    pool.give_back(first, Deadline(5))
    assert pool.opened == sessions(faults) == 1


def test_the_session_that_was_used_last_is_used_next(pool: SessionPool) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    for entry in taken:
        pool.give_back(entry, Deadline(5))
    assert pool.take(Deadline(5)) is taken[-1]
    pool.give_back(taken[-1], Deadline(5))


def test_no_more_sessions_are_opened_than_the_limit(pool: SessionPool, faults: FaultInjector) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    began = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        pool.take(Deadline(0.05))
    assert not caught.value.started
    assert 0.04 < time.monotonic() - began < 5
    assert pool.opened == sessions(faults) == LIMIT
    assert pool.waiting == 0
    for entry in taken:
        pool.give_back(entry, Deadline(5))


def test_a_session_that_is_given_back_goes_to_who_waits_longest(pool: SessionPool) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    takers = []
    for number in range(1, 5):
        takers.append(Taker(pool))
        waits(pool, number)
    for number, taker in enumerate(takers):
        pool.give_back(taken[0], Deadline(5))
        assert taker.outcome() is taken[0]
        assert pool.waiting == len(takers) - number - 1
    for entry in taken:
        pool.give_back(entry, Deadline(5))


def test_who_gave_up_waiting_is_passed_over(pool: SessionPool) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    impatient = Taker(pool, 0.03)
    waits(pool, 1)
    patient = Taker(pool)
    assert isinstance(impatient.outcome(), TimedOut)
    pool.give_back(taken[0], Deadline(5))
    assert patient.outcome() is taken[0]
    for entry in taken:
        pool.give_back(entry, Deadline(5))


def test_a_session_that_is_discarded_is_closed_and_leaves_room(pool: SessionPool, faults: FaultInjector) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    taker = Taker(pool)
    waits(pool, 1)
    pool.discard(taken[0], Deadline(5))
    fresh = taker.outcome()
    assert isinstance(fresh, Entry)
    assert fresh not in taken
    assert pool.opened == sessions(faults) == LIMIT
    for entry in (fresh, *taken[1:]):
        pool.give_back(entry, Deadline(5))


def test_a_session_that_cannot_be_opened_leaves_room_for_who_waits(pool: SessionPool, faults: FaultInjector) -> None:
    pool.limit = 1
    hung = faults.hang("C_OpenSession", code=0x30, last=1)
    first = Taker(pool)
    assert hung.entered.wait(5)
    second = Taker(pool)
    waits(pool, 1)
    hung.release()
    assert isinstance(first.outcome(), p11.DeviceError)
    entry = second.outcome()
    assert isinstance(entry, Entry)
    assert pool.opened == 1
    pool.give_back(entry, Deadline(5))


def test_a_pool_that_shrinks_keeps_what_it_has_and_never_less_than_one(pool: SessionPool) -> None:
    first, second = pool.take(Deadline(5)), pool.take(Deadline(5))
    pool.shrink()
    assert pool.limit == 2
    with pytest.raises(TimedOut):
        pool.take(Deadline(0.01))
    for entry in (first, second):
        pool.discard(entry, Deadline(5))
    pool.shrink()
    assert pool.limit == 1


def test_a_pool_that_is_closed_closes_what_is_free(pool: SessionPool, faults: FaultInjector) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    for entry in taken[1:]:
        pool.give_back(entry, Deadline(5))
    pool.close(Deadline(5))
    assert sessions(faults) == pool.opened == 1
    pool.discard(taken[0], Deadline(5))
    assert sessions(faults) == pool.opened == 0


def test_a_session_that_is_given_back_after_the_pool_was_closed_is_closed(
    pool: SessionPool, faults: FaultInjector
) -> None:
    entry = pool.take(Deadline(5))
    pool.close(Deadline(5))
    pool.give_back(entry, Deadline(5))
    assert sessions(faults) == pool.opened == 0


def test_nobody_waits_for_a_pool_that_is_closed(pool: SessionPool, faults: FaultInjector) -> None:
    taken = [pool.take(Deadline(5)) for _ in range(LIMIT)]
    takers = [Taker(pool) for _ in range(2)]
    waits(pool, 2)
    began = time.monotonic()
    pool.close(Deadline(5))
    assert all(isinstance(taker.outcome(), Stale) for taker in takers)
    with pytest.raises(Stale):
        pool.take(Deadline(5))
    assert time.monotonic() - began < 4.5
    for entry in taken:
        pool.discard(entry, Deadline(5))
    assert sessions(faults) == 0


def test_no_session_of_another_generation_is_used(pool: SessionPool, module: Module) -> None:
    entry = pool.take(Deadline(5))
    module.start_over(pool.generation, Deadline(5))
    with pytest.raises(Stale):
        pool.take(Deadline(5))
    pool.discard(entry, Deadline(5))
    assert pool.opened == 0


def test_a_crowd_shares_the_sessions_and_each_has_one_alone(pool: SessionPool) -> None:
    in_use: set[int] = set()
    lock = threading.Lock()
    clashes: list[int] = []
    done: list[int] = []

    def work() -> None:
        for number in range(100):
            entry = pool.take(Deadline(10))
            with lock:
                if id(entry) in in_use or len(in_use) >= LIMIT:
                    clashes.append(id(entry))
                in_use.add(id(entry))
            with lock:
                in_use.remove(id(entry))
                done.append(1)
            if number % 10:
                pool.give_back(entry, Deadline(5))
            else:
                pool.discard(entry, Deadline(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(done), clashes) == (800, [])
    assert pool.opened <= LIMIT
    assert pool.waiting == 0


def test_a_signer_whose_sessions_are_all_in_use_is_busy(hsm: SoftHSM, faults: FaultInjector) -> None:
    # Connections are kept by what names the token, and with the size that they began with.
    with open_signer(hsm.uri(timeout="2", pool_size="1").replace("=t;", "=t;model=SoftHSM%20v2;")) as signer:
        signer.sign(b"x")
        entry = member_of(signer).connection.pool.take(Deadline(30))
        began = time.monotonic()
        with pytest.raises(SignerError) as caught:
            signer.sign(b"x")
        assert caught.value.code == "token-busy"
        assert time.monotonic() - began < 20
        assert not faults.calls["C_Finalize"]
        member_of(signer).connection.pool.give_back(entry, Deadline(5))
        signer.sign(b"x")


@pytest.mark.parametrize(("most", "allowed"), [(1, 1), (2, 1), (5, 4), (100, 8), (0, 8), (2**64 - 1, 8)])
def test_the_pool_stays_within_what_the_token_has(most: int, allowed: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.set_session_limit(most)
    with open_signer(hsm.uri()) as signer:
        signer.sign(b"x")
        assert member_of(signer).connection.pool.limit == allowed


@pytest.mark.slow
@pytest.mark.parametrize("number", few(1, [20_000, 100_000]))
def test_signatures_leak_neither_sessions_nor_threads(number: int, hsm: SoftHSM, tmp_path: Path) -> None:
    """Counted by SoftHSM itself, whose handles of sessions and objects go up and are never given twice."""
    alone = hsm.twin(tmp_path / f"alone-{number}")
    with open_signer(alone.uri(timeout="30", pool_size="4")) as signer:

        def work(times: int) -> None:
            for _ in range(times):
                signer.sign(b"x")

        def crowd(times: int) -> None:
            threads = [threading.Thread(target=work, args=(times,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        crowd(10)
        pool = member_of(signer).connection.pool
        threads = threading.active_count()
        first = pool._token.open()
        crowd(number // 4)
        last = pool._token.open()
        assert last.handle - first.handle < 20, "sessions or objects were opened along the way"
        assert pool.opened <= 4
        assert (pool.waiting, len(pool._handed)) == (0, 0)
        assert threading.active_count() <= threads + 4
        for session in (first, last):
            session.close()


def test_failed_logins_leak_neither_sessions_nor_threads(hsm: SoftHSM, pool: SessionPool, tmp_path: Path) -> None:
    token = pool._token
    names = {"serial": token.serial.decode(), "model": token.model, "manufacturer": token.manufacturer_id}
    parts = [f"{name}={percent_encode(str(value))};" for name, value in names.items()]
    refusing = hsm.twin(tmp_path / f"refusing-{tmp_path.name}")
    refusing.pin_file.write_text("not the PIN")
    before = threading.active_count()
    ways = ["".join(some) for number in range(4) for some in combinations(parts, number)]
    with FaultInjector(refusing.module) as faults:
        for way in ways:
            with open_signer(refusing.uri("t ").replace("pkcs11:", f"pkcs11:{way}")) as signer:
                for _ in range(5):
                    with pytest.raises(SignerError) as caught:
                        signer.sign(b"x")
                    assert caught.value.code == "pin-wrong"
        assert faults.calls["C_Login"] == 1, "eight names of one token"
        assert sessions(faults) == 0
    assert threading.active_count() <= before + 1
