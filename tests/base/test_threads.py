"""Several calls at once, whose results come in order."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from attest._base.threads import ForkLock, begin, in_order, share_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_results_come_in_order_and_no_more_is_done_ahead_than_there_are_threads(threads: int) -> None:
    begun: list[int] = []

    def act(item: int) -> int:
        begun.append(item)
        return item * 2

    found = in_order(act, range(50), threads)
    for number, result in enumerate(found):
        assert result == number * 2
        assert len(begun) <= number + threads + 1
    assert sorted(begun) == list(range(50))


def test_they_are_done_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=30)
    assert len(list(in_order(lambda _: together.wait(), range(4), 4))) == 4


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_is_raised_in_its_place(threads: int) -> None:
    def act(item: int) -> int:
        return 6 // (3 - item)

    found = in_order(act, range(9), threads)
    assert [next(found) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_an_error_in_the_items_is_raised_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError

    found = in_order(lambda item: item, items(), 1)
    assert next(found) == 1
    with pytest.raises(KeyError):
        next(found)


def test_nothing_more_is_begun_when_the_caller_stops() -> None:
    begun: list[int] = []
    found = in_order(begun.append, range(1000), 2)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(begun) < 10


def test_what_was_begun_is_at_work_before_anyone_waits_for_it() -> None:
    begun, go = threading.Event(), threading.Event()

    def act() -> int:
        begun.set()
        go.wait(30)
        return 7

    def fail() -> int:
        raise KeyError

    wait, wait_for_failure = begin(act), begin(fail)
    assert begun.wait(30)
    go.set()
    assert (wait(), wait()) == (7, 7)
    with pytest.raises(KeyError):
        wait_for_failure()


def in_child(act: Callable[[], object]) -> int:
    """The status of a child of fork that performs `act` within 10 s."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(10)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def test_a_child_of_fork_finds_a_lock_free_that_another_thread_held() -> None:
    lock, taken, go = ForkLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            go.wait(30)

    def twice() -> None:
        for _ in range(2):
            with lock:
                pass

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(30)
    assert in_child(twice) == 0
    go.set()
    thread.join()
    with lock:
        assert in_child(twice) == 0


def test_a_thread_that_forks_while_it_holds_a_lock_releases_it_in_both_processes() -> None:
    lock = ForkLock()
    with lock:
        child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(10)
            with lock:
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with lock:
        pass


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_shared_out_comes_back_in_order_and_reports_one_at_a_time(threads: int) -> None:
    meeting = threading.Barrier(threads, timeout=30)
    reporting = threading.Lock()
    counted: list[int] = []

    def progress(number: int) -> None:
        with_no_other = reporting.acquire(blocking=False)
        assert with_no_other
        counted.append(number)
        reporting.release()

    def act(item: int, paced: Callable[..., Callable[[int], object]]) -> int:
        meeting.wait()  # which ends only if so many are at work
        paced(progress)(item)
        return item * 2

    found = share_out(act, range(6), threads=threads)
    assert [one.settled() for one in found] == [0, 2, 4, 6, 8, 10]
    assert sorted(counted) == [0, 1, 2, 3, 4, 5]


def test_the_first_failure_ends_what_is_shared_out() -> None:
    others: list[int] = []

    def act(item: int, paced: Callable[..., Callable[[int], object]]) -> int:
        if item == 1:
            raise KeyError
        others.append(item)
        while True:  # until it is told to end
            paced(None)(1)

    found = share_out(act, range(9), threads=2)
    assert [type(one.error) for one in found] == [type(None), KeyError, *[type(None)] * 7]
    assert [one.result for one in found] == [None] * 9
    assert others in ([0], [])
