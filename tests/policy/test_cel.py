"""The process that evaluates CEL: bounded in time and memory, started again where it dies, and gone when it is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from attest.policy import _cel_process, _cel_worker
from attest.policy._cel_process import Evaluator
from tests.support.making.keys import BOB
from tests.support.making.policies import CLAIM, claim, codes, decide, no, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA: Final[dict[str, Any]] = {
    "predicate": {},
    "predicateType": CLAIM,
    "subjects": [],
    "artifacts": [],
    "params": {},
    "now": "2026-06-01T12:00:00+00:00",
}
# Two thousand comparisons of a hundred thousand numbers: minutes.
SLOW: Final = "predicate.l.all(a, predicate.m == predicate.m)"
FOREVER: Final = {"l": list(range(2000)), "m": list(range(100_000))}
# A few iterations that each make a string of megabytes.
BOMB: Final = f"predicate.l.map(a, {' + '.join(['predicate.s'] * 25)}).size() > 0"
MUCH: Final = {"l": list(range(200)), "s": "s" * 200_000}


def children() -> set[int]:
    """The processes that this one has started and that are still there, zombies among them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        found |= {int(word) for word in file.read_text().split()}
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before, open_before = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert children() <= before
    # Not exactly as many: a server of an earlier test may close a connection meanwhile.
    assert len(os.listdir("/proc/self/fd")) <= open_before


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each process that is started from now on."""
    numbers: list[int] = []
    start = _cel_process._Worker.__init__

    def counted(self: _cel_process._Worker) -> None:
        start(self)
        numbers.append(self._child.pid)

    monkeypatch.setattr(_cel_process._Worker, "__init__", counted)
    return numbers


def ask(evaluator: Evaluator, *expressions: str, **predicate: Any) -> Any:
    return evaluator.ask(expressions, {**DATA, "predicate": predicate})


def instead(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Have another program answer: `body` is what it does with each `request` that it reads from `asked`."""
    program = folder / "worker.py"
    program.write_text(f"""
import json, os, signal, socket, time
asked = socket.socket(fileno=0)
for number, line in enumerate(asked.makefile("rb"), 1):
    request = json.loads(line)
    {body}
""")
    monkeypatch.setattr(_cel_worker, "__file__", str(program))


def test_one_process_answers_for_all_of_a_decision() -> None:
    before = children()
    with Evaluator() as evaluator:
        assert children() == before, "it is started when it is needed"
        [(first, _), (second, why)] = ask(evaluator, "predicate.a == 1", "predicate.b", a=1)
        assert (first, second, bool(why)) == (True, None, True)
        [process] = children() - before
        for number in range(50):
            assert ask(evaluator, "predicate.a == 7", a=number) == [(number == 7, "")]
            assert children() - before == {process}
    assert children() == before


def test_a_decision_over_many_has_one_process_and_each_is_answered_for_itself(started: list[int]) -> None:
    asked = policy({"type": CLAIM, "cel": ["predicate.n % 3 == 0", "predicate.n >= 0"]})
    many = [claim({"n": number}) for number in range(150)]
    decision = decide(asked, *many)
    assert len(started) == 1
    assert [ord(name) - ord("a") for name in decision.requirements[0].by] == list(range(0, 150, 3))


def test_what_takes_forever_and_what_takes_all_memory_cost_the_others_nothing(started: list[int]) -> None:
    good = claim({"x": 1})
    for expression, predicate in ((SLOW, FOREVER), (BOMB, MUCH)):
        asked = policy({"type": CLAIM, "cel": [f"!has(predicate.l) || {expression}"]})
        decision = decide(asked, good, claim(predicate), good)
        assert decision.requirements[0].by == ("a", "c")
        [failure] = decision.requirements[0].failures
        assert (failure.code, failure.attestation) == ("cel-failed", "b")
    # The first and one after what took too long; the first, another try at what took too much, and one after that.
    assert len(started) <= 2 + 3
    assert codes(decide(asked, claim(predicate))) == ["cel-failed"]
    assert len(started) <= 2 + 3 + 1


def test_a_decision_has_so_much_time_and_what_is_not_evaluated_then_is_not_true() -> None:
    with Evaluator(seconds=0.5, in_all=1.2) as evaluator:
        said = [ask(evaluator, SLOW, **FOREVER) for _ in range(4)]
        assert "were not evaluated within 0.5 s" in said[0]
        assert "used up: 1.2 s" in said[3]
        assert "used up: 1.2 s" in ask(evaluator, "true")


def test_who_does_not_vouch_for_it_uses_up_no_time(started: list[int]) -> None:
    asked = policy({"type": CLAIM, "anchors": ["ci"], "cel": [SLOW]})
    failures = no(decide(asked, *[claim(FOREVER, BOB)] * 4))
    assert {failure.code for failure in failures} == {"anchor-not-accepted"}
    assert started == []


@pytest.mark.parametrize(
    ("expression", "predicate"),
    [
        ('predicate.by == "good"', {"by": "good\0evil"}),
        ("has(predicate.approved)", {"approved\0not": True}),
        ("predicate.one == predicate.other", {"one": "a\0b", "other": "a\0c"}),
        ("size(predicate.text) == 2", {"text": "ab\0cd"}),
    ],
)
def test_a_text_does_not_end_at_a_nul(expression: str, predicate: dict[str, Any]) -> None:
    asked = policy({"type": CLAIM, "cel": [expression]})
    assert codes(decide(asked, claim(predicate))) == ["cel-failed"]


def test_a_process_that_was_killed_is_replaced() -> None:
    before = children()
    with Evaluator() as evaluator:
        for _ in range(3):
            assert ask(evaluator, "true") == [(True, "")]
            [process] = children() - before
            os.kill(process, signal.SIGKILL)
        assert ask(evaluator, "false") == [(False, "")]


def test_one_that_is_killed_while_it_works_has_said_nothing() -> None:
    before = children()

    def kill(times: int) -> None:
        for _ in range(times):
            while not (found := children() - before):
                time.sleep(0.01)
            time.sleep(0.3)
            os.kill(found.pop(), signal.SIGKILL)
            time.sleep(0.1)

    with Evaluator() as evaluator:
        killer = threading.Thread(target=kill, args=(1,))
        killer.start()
        assert "cannot be evaluated" in ask(evaluator, SLOW, **FOREVER)
        killer.join()
        assert ask(evaluator, "true") == [(True, "")]


@pytest.mark.parametrize(
    "answer",
    [
        "[request['number'], [[True, '']] * 2]",
        "[request['number'], [[True, '']]]",
        "[request['number'] + 1, [[True, ''], [True, '']], 1]",
        "[request['number'] + 1, [[True, ''], [True, '']]]",
        "[True, [[True, ''], [True, '']]]",
        "[request['number'], [[1, ''], [True, '']]]",
        "[request['number'], [['true', ''], [True, '']]]",
        "[request['number'], [[True], [True]]]",
        "[request['number'], [[True, None], [True, '']]]",
        "[request['number'], True]",
        "{'number': request['number']}",
        "'true'",
        "None",
    ],
)
def test_an_answer_that_is_none_is_not_true(answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, tmp_path, f"asked.sendall(json.dumps({answer}).encode() + b'\\n')")
    with Evaluator() as evaluator:
        for _ in range(2):
            said = ask(evaluator, "predicate.a", "predicate.b")
            assert said == [(True, "")] * 2 if answer.endswith("* 2]") else isinstance(said, str)


@pytest.mark.parametrize(
    "body",
    [
        "asked.sendall(b'true\\n')",
        "asked.sendall(b'[' * 100_000 + b'\\n')",
        "asked.sendall(b'\\xff\\n')",
        "asked.sendall(b'[%d, [[true, \"\"]]]' % number); break",
        'asked.sendall(b\'[%d, [[true, ""]]]\\n[%d, [[true, ""]]]\\n\' % (number, number + 1))',
        "asked.sendall(b'x' * 1_000_000)",
        "break",
        "os.abort()",
        "time.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_a_process_that_talks_nonsense_or_nothing_is_ended(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    instead(monkeypatch, tmp_path, body)
    with Evaluator(seconds=1) as evaluator:
        assert isinstance(ask(evaluator, "true"), str)
        assert isinstance(ask(evaluator, "true"), str)
    assert len(started) == 2


def test_one_that_does_not_read_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, tmp_path, "")
    (tmp_path / "worker.py").write_text("import time\ntime.sleep(60)\n")
    with Evaluator(seconds=0.5) as evaluator:
        assert "not evaluated within 0.5 s" in ask(evaluator, "true", s="s" * 3_000_000)


def test_the_process_has_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('this is not ours to import')")
    with Evaluator() as evaluator:
        assert ask(evaluator, "true") == [(True, "")]
    told = "[dict(os.environ), os.getcwd(), sorted(map(int, os.listdir('/proc/self/fd')))]"
    answer = f"asked.sendall(json.dumps([number, [[None, json.dumps({told})]]]).encode() + b'\\n')"
    instead(monkeypatch, tmp_path, answer)
    with Path(tmp_path / "open").open("wb") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        with Evaluator() as evaluator:
            [(_, text)] = ask(evaluator, "true")
    environment, folder, descriptors = json.loads(text)
    assert environment.keys() <= {"LC_CTYPE"}, "which Python sets by itself"
    assert folder == "/"
    assert descriptors == [0, 1, 2, 3], "the last one is that of the listing"


def test_an_interruption_ends_the_process_too() -> None:
    def interrupted() -> None:
        timer.start()
        ask(evaluator, SLOW, **FOREVER)

    with Evaluator() as evaluator:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        timer.join()
        assert ask(evaluator, "true") == [(True, "")], "nothing of what was interrupted is taken for its answer"


@pytest.mark.slow
def test_who_dies_without_a_word_leaves_no_process_behind(tmp_path: Path) -> None:
    # It ends itself after this time, which the library burns to the end: a second is as good as five.
    own, shorter = Path(_cel_worker.__file__).read_text(), f"SECONDS = {_cel_worker.SECONDS} "
    assert shorter in own
    (tmp_path / "worker.py").write_text(own.replace(shorter, "SECONDS = 1 "))
    program = f"""
from attest.policy import _cel_worker
from attest.policy._cel_process import Evaluator
_cel_worker.__file__ = {str(tmp_path / "worker.py")!r}
with Evaluator(seconds=60) as evaluator:
    evaluator.ask([{SLOW!r}], {DATA | {"predicate": FOREVER}})
"""
    (tmp_path / "asks.py").write_text(program)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(tmp_path / "asks.py")], env=environment) as asks:
        while not (found := Path(f"/proc/{asks.pid}/task/{asks.pid}/children").read_text().split()):
            time.sleep(0.05)
        time.sleep(0.5)
        asks.kill()
    began = time.monotonic()
    while Path(f"/proc/{found[0]}").exists() and "zombie" not in Path(f"/proc/{found[0]}/status").read_text():
        assert time.monotonic() - began < 60
        time.sleep(0.1)
