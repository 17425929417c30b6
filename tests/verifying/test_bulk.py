"""Many envelopes: each has its outcome, in its turn, whatever the others are and whoever dies."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest import Artifact, Envelope, InputError, Rejected, ResourceDescriptor, Statement, sign, verify_many
from attest.bulk import CHUNK
from tests.support.examples import few
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, MALLORY
from tests.support.making.statements import CONTENT, PREDICATE_TYPE, signed
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest.bulk import Outcome

TRUST = bundle({"release": anchor(ALICE)})
BAD: dict[int, tuple[bytes, str]] = {
    3: (b"{", "json-invalid"),
    CHUNK: (signed(MALLORY).to_json(), "threshold-not-met"),
    CHUNK + 1: (b"", "json-invalid"),
    3 * CHUNK + 7: (Envelope(b"hello", "text/plain", signed().signatures).to_json(), "threshold-not-met"),
}


def about(number: int) -> bytes:
    """A good envelope whose subject is named by a number, or a bad one."""
    if number in BAD:
        return BAD[number][0]
    subject = ResourceDescriptor(f"{number}", {"sha256": f"{number:064x}"})
    return sign(Statement.build([subject], predicate_type=PREDICATE_TYPE), [ALICE]).to_json()


MANY = [about(number) for number in range(5 * CHUNK + 11)]


def demand_all_in_turn(outcomes: list[Outcome], number: int = len(MANY)) -> None:
    assert [outcome.position for outcome in outcomes] == list(range(number))
    for position, verified, error in outcomes:
        if position in BAD:
            assert verified is None
            assert error is not None
            assert error.code == BAD[position][1]
        else:
            assert error is None
            assert verified is not None
            assert [subject.name for subject in verified.statement.subjects] == [str(position)]
            assert (verified.anchors, verified.report.now) == (("release",), NOW)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_envelope_has_its_outcome_in_its_turn(workers: int) -> None:
    demand_all_in_turn(list(verify_many(MANY, TRUST, artifacts=None, workers=workers, now=NOW)))


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_will_do_and_stays_open(kind: Callable[[int], Executor]) -> None:
    with kind(2) as executor:
        for _ in range(2):
            demand_all_in_turn(list(verify_many(MANY, TRUST, artifacts=None, executor=executor, now=NOW)))


def test_results_that_come_out_of_order_are_put_into_it() -> None:
    class Backward(Executor):
        """The last of four that was asked for is done first."""

        def __init__(self) -> None:
            self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

        def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            self.waiting.append((future, lambda: fn(*arguments, **named)))
            if len(self.waiting) == 3:
                for one, call in reversed(self.waiting):
                    one.set_result(call())
                self.waiting.clear()
            return future

    executor = Backward()
    number = CHUNK * 6
    stream = verify_many(
        (about(n) for n in range(number)), TRUST, artifacts=None, executor=executor, workers=1, now=NOW
    )
    demand_all_in_turn(list(stream), number)


def test_envelopes_are_taken_as_they_are_needed() -> None:
    taken = count()

    def endless() -> Iterator[bytes]:
        for number in taken:
            yield MANY[number % 2]

    outcomes = verify_many(endless(), TRUST, artifacts=None, workers=2, now=NOW)
    assert len(list(islice(outcomes, 1000))) == 1000
    outcomes.close()  # type: ignore[attr-defined]
    assert next(taken) < 1000 + CHUNK * 10


def test_a_few_need_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.bulk.Workers", None)
    assert [outcome.error for outcome in verify_many(MANY[:3], TRUST, artifacts=None, workers=8, now=NOW)] == [None] * 3
    assert list(verify_many([], TRUST, artifacts=None)) == []


def test_an_envelope_may_be_read_already_and_an_artifact_is_hashed_once(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(CONTENT)
    outcomes = verify_many((envelope for envelope in [signed()] * 3), TRUST, artifacts=[path], now=NOW)
    path.unlink()
    assert all(outcome.verified is not None and outcome.verified.covers(Artifact.of(path)) for outcome in outcomes)


def test_what_is_wrong_with_the_options_is_said_at_once(tmp_path: Path) -> None:
    for settings, code in (
        ({"artifacts": None, "cover": "most"}, "option-invalid"),
        ({"artifacts": None, "predicate_type": "slsa-provenanse"}, "predicate-type-unknown"),
        ({"artifacts": None, "now": NOW.replace(tzinfo=None)}, "time-invalid"),
        ({"artifacts": [tmp_path / "gone"]}, "file-unreadable"),
    ):
        with refused(InputError, code):
            verify_many(MANY, TRUST, **settings)
    with pytest.raises(TypeError):
        verify_many(MANY, TRUST, artifacts=None, colour="red")  # type: ignore[call-arg]


class Deadly(bytes):
    """An envelope that whoever is sent it dies of."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_an_envelope_that_kills_whoever_verifies_it_costs_no_other() -> None:
    number, deadly = CHUNK * 2 + 5, CHUNK + 2
    envelopes: list[bytes] = [Deadly(MANY[n]) if n == deadly else MANY[n] for n in range(number)]
    outcomes = list(verify_many(envelopes, TRUST, artifacts=None, workers=2, now=NOW))
    [position, verified, error] = outcomes.pop(deadly)
    assert (position, verified) == (deadly, None)
    assert isinstance(error, InputError)
    assert error.code == "worker-lost"
    assert [outcome.position for outcome in outcomes] == [n for n in range(number) if n != deadly]
    assert all((outcome.error is None) is (outcome.position not in BAD) for outcome in outcomes)


def processes(parent: int | None = None) -> list[int]:
    """Those that `parent`, or else this process, has to verify in."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
            if int(fields[1]) == (parent or os.getpid()) and b"_base/worker.py" in command:
                found.append(int(status.parent.name))
    return found


def test_processes_that_are_killed_are_replaced_and_nothing_is_lost() -> None:
    number = CHUNK * len(few(30, range(60)))
    outcomes, killed = [], set()
    stream = verify_many((MANY[n % 3] for n in range(number)), TRUST, artifacts=None, workers=2, now=NOW)
    for outcome in stream:
        outcomes.append(outcome)
        if outcome.position % (CHUNK * 2) == CHUNK:
            time.sleep(random.random() / 100)  # so that some of them die while they send what they have
            victim = next(iter(processes()), None)
            if victim is not None:
                killed.add(victim)
                os.kill(victim, signal.SIGKILL)
    assert [outcome.position for outcome in outcomes] == list(range(number))
    for outcome in outcomes:
        assert outcome.verified is not None
        assert [subject.name for subject in outcome.verified.statement.subjects] == [str(outcome.position % 3)]
    assert len(killed) > 5
    assert processes() == []


def test_who_stops_early_leaves_no_process_behind() -> None:
    stream = verify_many((MANY[n % 3] for n in count()), TRUST, artifacts=None, workers=2, now=NOW)
    next(stream)
    assert processes()
    stream.close()  # type: ignore[attr-defined]
    assert processes() == []


def test_processes_end_with_who_started_them(tmp_path: Path) -> None:
    """Killed as an orchestrator kills, it can clean up nothing."""
    (tmp_path / "envelope").write_bytes(MANY[0])
    (tmp_path / "trust.json").write_bytes(TRUST.to_json())
    script = """
import itertools, attest
envelope, trust = open("envelope", "rb").read(), attest.TrustBundle.load("trust.json")
for outcome in attest.verify_many(itertools.repeat(envelope), trust, artifacts=None, workers=2):
    if outcome.position == 500:
        print("under way", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        started = processes(program.pid)
        program.kill()
    assert len(started) == 2
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < deadline, "a worker has outlived who started it"
        time.sleep(0.01)


def test_where_no_process_can_be_started_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/nowhere/python", shutil.which("false") or ""):
        monkeypatch.setattr(sys, "executable", program)
        with refused(InputError, "worker-lost"):
            list(verify_many(MANY, TRUST, artifacts=None, workers=2))
    assert processes() == []


def test_a_no_is_a_rejection_with_its_report() -> None:
    for workers in (1, 2):
        outcomes = list(verify_many(MANY[: CHUNK * 2], TRUST, artifacts=None, workers=workers, now=NOW))
        error = outcomes[CHUNK].error
        assert isinstance(error, Rejected)
        assert [check.code for check in error.report.signatures] == ["key-unknown"]  # type: ignore[union-attr]
