"""Threads: several calls at the same time, until enough have succeeded, one fails, or in order; locks for forks.

Rule: a caller of `together` never waits for an act that does not return, and what comes back late changes nothing.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Progress = Callable[[int], object]

_MOST_PROCESSORS = 8

_T = TypeVar("_T")
_S = TypeVar("_S")


class ForkLock:
    """A lock that is free in a child of fork, even if a thread held it then: the child does not have this thread."""

    def __init__(self) -> None:
        self._free = self._held = threading.Lock()
        _fork_locks.add(self)

    def __enter__(self) -> None:
        lock = self._free
        lock.acquire()
        self._held = lock

    def __exit__(self, *_: object) -> None:
        # The thread that forks may hold the lock itself, and releases the one that it has.
        self._held.release()

    def begin_anew(self) -> None:
        """Make it free: for the child of a fork."""
        self._free = threading.Lock()


def _begin_anew() -> None:
    for lock in list(_fork_locks):
        lock.begin_anew()


def at_fork(after_in_child: Callable[[], object], **others: Callable[[], object]) -> None:
    """`os.register_at_fork`, on systems that have forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after_in_child, **others)


_fork_locks: WeakSet[ForkLock] = WeakSet()
at_fork(_begin_anew)


class TaskResult(Generic[_T]):
    """What became of one act: its `result`, the `error` that it raised, or neither, if nobody waited for its end."""

    __slots__ = ("error", "result")

    def __init__(self, result: _T | None = None, error: BaseException | None = None) -> None:
        self.result = result
        self.error = error

    def settled(self) -> _T | None:
        """The result, or None if there is neither. Raises the error."""
        if self.error is not None:
            raise self.error
        return self.result


def together(
    acts: Sequence[Callable[[], _T]],
    *,
    enough: int,
    seconds: float | None = None,
    complete: Callable[[_T], bool] = lambda _: True,
) -> list[TaskResult[_T]]:
    """The outcomes of `acts`, in their order, as they are when it is settled.

    That is when `enough` have succeeded, when so many have failed that they cannot any more, or after `seconds`. An act
    whose result is not `complete` has done neither. One act without a limit of time needs no thread, and gets none.
    """
    if len(acts) == 1 and seconds is None:
        return [_outcome(acts[0])]
    outcomes: list[TaskResult[_T] | None] = [None] * len(acts)
    change = threading.Condition()

    def perform(index: int) -> None:
        outcome = _outcome(acts[index])
        with change:
            outcomes[index] = outcome
            change.notify()

    def settled() -> bool:
        ended = [outcome for outcome in outcomes if outcome is not None]
        failed = [outcome for outcome in ended if outcome.error is not None]
        succeeded = [outcome for outcome in ended if outcome.result is not None and complete(outcome.result)]
        return len(succeeded) >= enough or len(acts) - len(failed) < enough or len(ended) == len(acts)

    until = None if seconds is None else monotonic() + seconds
    for index in range(len(acts)):
        threading.Thread(target=perform, args=(index,), name="attest-together", daemon=True).start()
    with change:
        while not settled() and (until is None or monotonic() < until):
            change.wait(None if until is None else until - monotonic())
        return [outcome or TaskResult() for outcome in outcomes]


def share_out(
    act: Callable[[_S, Callable[[Progress | None], Progress]], _T], items: Sequence[_S], *, threads: int | None = None
) -> list[TaskResult[_T]]:
    """What `act` makes of each of the items, in their order, by as many threads as there are processors, up to eight.

    The first failure ends it: what was not finished then has neither a result nor an error. For that, `act` calls the
    second thing that it is given with a callback, and what this returns with the number of bytes of each piece; the
    callback is called by one thread at a time.
    """
    outcomes: list[TaskResult[_T]] = [TaskResult() for _ in items]
    left = iter(range(len(items)))
    lock = threading.Lock()
    stopped = False

    def paced(progress: Progress | None) -> Progress:
        def count(number: int) -> None:
            if stopped:
                raise _Stopped
            if progress:
                with lock:
                    progress(number)

        return count

    def take() -> int | None:
        with lock:
            return None if stopped else next(left, None)

    def work() -> None:
        while (index := take()) is not None:
            outcome = _outcome(partial(act, items[index], paced))
            if isinstance(outcome.error, _Stopped):
                return
            outcomes[index] = outcome
            if outcome.error is not None:
                raise outcome.error

    count = max(1, min(threads or processors(), _MOST_PROCESSORS, len(items)))
    try:
        together([work] * count, enough=count)
    finally:
        stopped = True
    return list(outcomes)


class _Stopped(Exception):
    """Another thread has failed, or nobody waits any more."""


def processors() -> int:
    """How many processors this process may use, where the system can say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begin(act: Callable[[], _T]) -> Callable[[], _T]:
    """Start `act` now, in a thread of its own. The function that is returned waits for it, and returns or raises as it.

    Nobody has to wait: a thread that is still at work does not keep the process from ending.
    """
    outcome: list[TaskResult[_T]] = []
    thread = threading.Thread(target=lambda: outcome.append(_outcome(act)), name="attest-begun", daemon=True)
    thread.start()

    def end() -> _T:
        thread.join()
        [ended] = outcome
        if ended.error is not None:
            raise ended.error
        return cast("_T", ended.result)

    return end


def in_order(act: Callable[[_S], _T], items: Iterable[_S], threads: int) -> Iterator[_T]:
    """What `act` returns for each of the items, in their order, with up to `threads` at work ahead of the caller.

    With one thread nothing is done ahead, and no thread is started. What `act` raises is raised in its place.
    """
    if threads <= 1:
        yield from map(act, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[_T]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="attest-in-order")
    try:
        for item in items:
            waiting.append(pool.submit(act, item))
            if len(waiting) >= threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _outcome(act: Callable[[], _T]) -> TaskResult[_T]:
    try:
        return TaskResult(act())
    except BaseException as error:  # noqa: BLE001
        return TaskResult(error=error)
