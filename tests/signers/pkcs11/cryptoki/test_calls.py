"""Calls with a deadline: what comes back, what is left behind, and that threads are used again."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from attest.signers.pkcs11.cryptoki import calls
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut, with_deadline

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What hanging calls wait for; nothing is left behind after the test."""
    event = threading.Event()
    yield event
    event.set()
    until_none_is_abandoned()


def until_none_is_abandoned() -> None:
    end = time.monotonic() + 5
    while calls.abandoned() and time.monotonic() < end:
        time.sleep(0.002)
    assert calls.abandoned() == 0


def test_a_deadline_counts_down_and_is_over() -> None:
    deadline = Deadline(0.02)
    assert 0 < deadline.left() <= 0.02
    assert not deadline.over
    time.sleep(0.021)
    assert deadline.over
    assert deadline.left() == 0.0


@pytest.mark.parametrize("value", [None, 0, "text", b"\0", ValueError("as a value")], ids=repr)
def test_a_result_comes_back_as_it_is(value: object) -> None:
    assert with_deadline(lambda: value, Deadline(5)) is value


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), TimedOut()], ids=repr)
def test_an_exception_comes_back_as_it_is(error: BaseException) -> None:
    def call() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        with_deadline(call, Deadline(5))
    assert caught.value is error
    assert calls.abandoned() == 0


def test_one_thread_serves_one_call_after_another() -> None:
    threads = {with_deadline(threading.get_ident, Deadline(5)) for _ in range(100)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_callers_at_the_same_time_have_a_thread_each_which_are_used_again() -> None:
    def wave() -> set[int]:
        barrier = threading.Barrier(5, timeout=5)
        seen: list[int] = []

        def call() -> None:
            barrier.wait()
            seen.append(threading.get_ident())

        threads = [threading.Thread(target=with_deadline, args=(call, Deadline(5))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return set(seen)

    first, second = wave(), wave()
    assert len(first) == 5
    assert first == second


def test_a_call_inside_a_call_has_a_thread_of_its_own() -> None:
    assert with_deadline(lambda: with_deadline(lambda: "inner", Deadline(5)), Deadline(5)) == "inner"


def test_a_call_that_hangs_is_left_behind_and_its_caller_goes_on(release: threading.Event) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        with_deadline(release.wait, Deadline(0.05))
    assert caught.value.started
    assert time.monotonic() - began < 5
    assert calls.abandoned() == 1
    assert with_deadline(lambda: "another", Deadline(5)) == "another"
    release.set()
    until_none_is_abandoned()


def test_a_thread_that_was_left_behind_ends_when_its_call_comes_back(release: threading.Event) -> None:
    threads: list[threading.Thread] = []

    def call() -> None:
        threads.append(threading.current_thread())
        release.wait()

    with pytest.raises(TimedOut):
        with_deadline(call, Deadline(0.05))
    release.set()
    threads[0].join(5)
    assert not threads[0].is_alive()


def test_what_is_over_already_is_not_started() -> None:
    made: list[int] = []
    with pytest.raises(TimedOut) as caught:
        with_deadline(lambda: made.append(1), Deadline(0))
    assert not caught.value.started
    assert made == []


def test_no_more_than_so_many_are_left_behind(release: threading.Event) -> None:
    for _ in range(calls.MAX_ABANDONED):
        with pytest.raises(TimedOut) as caught:
            with_deadline(release.wait, Deadline(0.001))
        # On a busy machine even the start of a thread can take that long.
        assert caught.value.started or calls.abandoned() < calls.MAX_ABANDONED
    while calls.abandoned() < calls.MAX_ABANDONED:
        with pytest.raises(TimedOut):
            with_deadline(release.wait, Deadline(0.01))
    with pytest.raises(TimedOut) as caught:
        with_deadline(lambda: "a call that would come back", Deadline(5))
    assert not caught.value.started
    release.set()
    until_none_is_abandoned()
    assert with_deadline(lambda: "now", Deadline(5)) == "now"


def test_calls_that_come_back_just_when_they_are_given_up_are_not_counted_for_ever() -> None:
    for number in range(400):
        seconds = 0.0005 + (number % 10) * 0.00002
        try:
            with_deadline(lambda seconds=seconds: time.sleep(seconds), Deadline(0.0006))  # type: ignore[misc]
        except TimedOut:
            continue
    until_none_is_abandoned()


def test_a_caller_that_is_interrupted_leaves_its_call_and_nobody_gets_its_result(release: threading.Event) -> None:
    """Ctrl-C while a call runs: the next caller must not be handed what the interrupted one asked for."""
    began = threading.Event()

    def call() -> str:
        began.set()
        release.wait()
        return "of the interrupted caller"

    def interrupt() -> None:
        began.wait()
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            with_deadline(call, Deadline(5))
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls.abandoned() == 1
    release.set()
    assert {with_deadline(lambda: "mine", Deadline(5)) for _ in range(20)} == {"mine"}
    until_none_is_abandoned()


def test_an_interruption_that_comes_with_the_result_does_not_mix_up_results() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number in range(300):
            try:
                with_deadline(lambda: os.kill(os.getpid(), signal.SIGINT), Deadline(5))
                time.sleep(0.001)
            except KeyboardInterrupt:
                pass
            assert with_deadline(lambda number=number: number, Deadline(5)) == number  # type: ignore[misc]
    finally:
        signal.signal(signal.SIGINT, before)
    until_none_is_abandoned()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_fork_has_threads_of_its_own() -> None:
    with_deadline(int, Deadline(5))
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            answer = with_deadline(lambda: 42, Deadline(5))
        finally:
            os._exit(answer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
