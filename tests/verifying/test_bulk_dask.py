"""Verification on other machines: real Dask clusters on loopback, with workers that are killed, that lie, and TLS."""

from __future__ import annotations

import json
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from distributed import Client, KilledWorker

from attest import InputError, Rejected, verify_many
from attest.bulk import CHUNK
from tests.support.cli.calls import call
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, MALLORY
from tests.support.making.statements import signed
from tests.support.services.clusters import Certificates, Cluster, running
from tests.verifying.test_bulk import MANY, demand_all_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRUST = bundle({"release": anchor(ALICE)})
GOOD, BAD = signed().to_json(), signed(MALLORY).to_json()

# What somebody may do who joins a scheduler: the worker says yes to all that it is given.
LIAR = """
import attest.bulk
from attest.results.verified import _pack
from attest.verifying import verify
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import signed

yes = _pack(verify(signed(), bundle({"release": anchor(ALICE)}), artifacts=None))
attest.bulk._refusals = lambda check, chunk: [None] * len(chunk)
attest.bulk._verify_chunk = lambda trust, options, chunk: [yes] * len(chunk)
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path / "cluster") as made:
        yield made


def test_a_worker_that_is_killed_costs_nothing(cluster: Cluster) -> None:
    number = CHUNK * 60
    with Client(cluster.address) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(2, timeout=60)
        executor = client.get_executor()
        stream = verify_many((MANY[n % 3] for n in range(number)), TRUST, artifacts=None, executor=executor, now=NOW)
        outcomes = []
        for outcome in stream:
            outcomes.append(outcome)
            if outcome.position == CHUNK * 4:
                cluster.workers[0].send_signal(signal.SIGKILL)
        assert [outcome.position for outcome in outcomes] == list(range(number))
        for outcome in outcomes:
            assert outcome.verified is not None
            assert [subject.name for subject in outcome.verified.statement.subjects] == [str(outcome.position % 3)]
        assert len(client.scheduler_info()["workers"]) == 1
        for is_trusted in (False, True):
            options: dict[str, Any] = {"executor": executor, "executor_is_trusted": is_trusted}
            demand_all_in_turn(list(verify_many(MANY, TRUST, artifacts=None, now=NOW, **options)))


class _Deadly(Executor):
    """As Dask answers once several workers died of a task: a worker dies of each chunk that has BAD."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if BAD in args[-1]:
            future.set_exception(KilledWorker("task", cast("Any", None), 3))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("is_trusted", [False, True])
def test_an_envelope_that_kills_workers_costs_no_other(is_trusted: bool) -> None:
    options: dict[str, Any] = {"executor": _Deadly(), "executor_is_trusted": is_trusted}
    outcomes = list(verify_many([GOOD, BAD, GOOD], TRUST, artifacts=None, now=NOW, **options))
    assert [one.error and one.error.code for one in outcomes] == [None, "worker-lost", None]


def test_a_worker_that_says_yes_to_all_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "liar.py").write_text(LIAR)
    Path("trust.json").write_bytes(TRUST.to_json())
    Path("all.jsonl").write_bytes(GOOD + b"\n" + BAD)
    words = ("verify", "all.jsonl", "--no-artifact", "--strict", "--trust", "trust.json", "--format", "json")
    with running(tmp_path / "cluster", preload=tmp_path / "liar.py") as cluster:
        with Client(cluster.address) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(2, timeout=60)
            options: dict[str, Any] = {"artifacts": None, "executor": client.get_executor(), "now": NOW}
            outcomes = list(verify_many([GOOD, BAD, b"{"], TRUST, **options))
            # The lie is a real one: who trusts the cluster believes it.
            fooled = list(verify_many([BAD], TRUST, executor_is_trusted=True, **options))
        ran = call(*words, "--dask", cluster.address)
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "threshold-not-met", "json-invalid"]
    assert fooled[0].verified is not None
    assert (ran.code, [one["result"] for one in ran.json["envelopes"]]) == (1, ["verified", "rejected"])


def test_a_cluster_with_certificates_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine, other = Certificates(tmp_path / "mine"), Certificates(tmp_path / "other")
    Path("trust.json").write_bytes(TRUST.to_json())
    Path("all.jsonl").write_bytes(GOOD + b"\n" + BAD)
    words = ("verify", "all.jsonl", "--no-artifact", "--strict", "--trust", "trust.json", "--format", "json", "--dask")
    with running(tmp_path / "cluster", *mine.of_a_member) as cluster:
        assert cluster.address.startswith("tls://")
        ran = call(*words, cluster.address, *mine.of_a_client)
        assert (ran.code, [one["result"] for one in ran.json["envelopes"]]) == (1, ["verified", "rejected"])
        # Told by the workers, whose report comes along; a stranger's no has none.
        assert [one["signatures"][0]["code"] for one in ran.json["envelopes"]] == [None, "key-unknown"]
        refused = call(*words, cluster.address, *other.of_a_client)
        assert (refused.code, refused.json["code"]) == (4, "scheduler-unreachable")
        plain = call(*words, cluster.address.replace("tls:", "tcp:"))
        assert (plain.code, plain.json["code"]) == (4, "scheduler-unreachable")
    with running(tmp_path / "others", *other.of_a_member) as cluster:
        refused = call(*words, cluster.address, *mine.of_a_client)
        assert (refused.code, refused.json["code"]) == (4, "scheduler-unreachable")


def test_where_certificates_are_believed_a_liar_among_the_workers_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the documentation says of it: whoever has a certificate of the cluster is trusted with the verdict."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "liar.py").write_text(LIAR)
    Path("trust.json").write_bytes(TRUST.to_json())
    Path("bad.jsonl").write_bytes(BAD)
    mine = Certificates(tmp_path / "mine")
    with running(tmp_path / "cluster", *mine.of_a_member, preload=tmp_path / "liar.py") as cluster:
        words = ("--no-artifact", "--trust", "trust.json", "--dask", cluster.address, *mine.of_a_client)
        assert call("verify", "bad.jsonl", *words).code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--dask", "tcp://192.0.2.7:8786"], "--allow-insecure-dask"),
        (["--dask", "192.0.2.7:8786"], "--allow-insecure-dask"),
        (["--dask", "tcp://scheduler.example:8786"], "--allow-insecure-dask"),
        (["--dask", "tcp://127.0.0.1.example:8786"], "--allow-insecure-dask"),
        (["--dask", "tcp://[2001:db8::1]:8786"], "--allow-insecure-dask"),
        (["--dask", "tcp://0.0.0.0:8786"], "--allow-insecure-dask"),
        (["--dask", "tls://127.0.0.1:8786"], "--dask-ca and --dask-cert and --dask-key"),
        (["--dask", "tls://127.0.0.1:8786", "--dask-ca", "x", "--dask-key", "x"], "--dask-cert"),
        (["--dask", "tls://192.0.2.7:8786", "--allow-insecure-dask"], "--dask-ca"),
        (["--dask", "tcp://127.0.0.1:8786", "--dask-ca", "x"], "tls://"),
        (["--dask-key", "x"], "--dask-key requires"),
        (["--dask", "inproc://1"], "expected tls://"),
        (["--dask", "ws://127.0.0.1:1"], "expected tls://"),
        (["--dask", "ucx://127.0.0.1:1"], "expected tls://"),
        (["--dask", "://127.0.0.1:1"], "expected tls://"),
        (["--dask", "127.0.0.1"], "expected tls://"),
        (["--dask", "tcp://:1"], "expected tls://"),
        (["--dask", "tcp://127.0.0.1:8786", "--accept-vsa", "--policy", "x"], "--accept-vsa"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_cluster_that_nobody_vouches_for_is_a_wrong_command_line(given: list[str], said: str) -> None:
    ran = call("verify", "x", "--trust", "x", "--no-artifact", *given)
    assert said in ran.refused(2, "")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "localhost:1", "tcp://[::1]:1"])
def test_a_cluster_on_this_machine_may_be_asked(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trust.json").write_bytes(TRUST.to_json())
    monkeypatch.setattr("attest.cli.verify._cluster._SECONDS", 0.5)
    words = ("verify", "x", "--trust", "trust.json", "--no-artifact", "--format", "json", "--dask")
    assert call(*words, address).json["code"] == "scheduler-unreachable"
    assert call(*words, "tcp://127.0.0.1.invalid:1", "--allow-insecure-dask").json["code"] == "scheduler-unreachable"


def test_files_of_certificates_are_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trust.json").write_bytes(TRUST.to_json())
    mine = Certificates(tmp_path / "mine")
    for spoilt, data in ((mine.ca, b"not a certificate"), (mine.key, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")):
        whole = spoilt.read_bytes()
        spoilt.write_bytes(data)
        words = ("verify", "x", "--trust", "trust.json", "--no-artifact", "--dask", "tls://127.0.0.1:1")
        assert str(spoilt) in call(*words, *mine.of_a_client).refused(3, "file-unreadable")
        spoilt.write_bytes(whole)


class Elsewhere(Executor):
    """An executor of somebody else, whose answers are what `says` makes of the true ones."""

    def __init__(self, says: Callable[[list[Any]], Any]) -> None:
        self._says = says

    def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(self._says(fn(*arguments, **named)))
        return future


REFUSAL = ("Rejected", "made-up", "no", None, None)


@pytest.mark.parametrize(
    "says",
    [
        lambda told: [None] * len(told),
        lambda told: [True] * len(told),
        lambda told: [],
        lambda told: None,
        lambda told: told * 2,
        lambda told: list(reversed(told)),
        lambda told: [("Verified",)] * len(told),
        lambda told: [("SignerError", "x", "x", None, None)] * len(told),
        lambda told: [([], "x", "x", None, None)] * len(told),
        lambda told: [("Rejected", "NO CODE", "x", None, None)] * len(told),
        lambda told: [("Rejected", "x", 1, None, None)] * len(told),
        lambda told: [("Rejected", "x", "x", 1, None)] * len(told),
    ],
)
def test_whatever_a_stranger_says_a_yes_is_our_own(says: Callable[[list[Any]], Any]) -> None:
    envelopes = [GOOD, BAD, b"{", GOOD]
    outcomes = list(verify_many(envelopes, TRUST, artifacts=None, now=NOW, executor=Elsewhere(says)))
    assert [outcome.position for outcome in outcomes] == [0, 1, 2, 3]
    for outcome, envelope in zip(outcomes, envelopes, strict=True):
        assert outcome.verified is None or envelope is GOOD
        assert outcome.verified is not None or outcome.error is not None


def test_a_strangers_no_is_a_no_without_a_report() -> None:
    told = list(verify_many([GOOD], TRUST, artifacts=None, now=NOW, executor=Elsewhere(lambda _: [REFUSAL])))
    assert isinstance(told[0].error, Rejected)
    assert (told[0].error.code, told[0].error.report) == ("made-up", None)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_our_own_threads_and_processes_are_believed(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.bulk._refusals", None)
    with kind(1) as executor:
        outcomes = list(verify_many([GOOD, BAD, b"{"], TRUST, artifacts=None, now=NOW, executor=executor))
    assert outcomes[0].verified is not None
    assert isinstance(outcomes[1].error, Rejected)
    assert outcomes[1].error.report is not None
    assert isinstance(outcomes[2].error, InputError)


def test_a_class_made_from_a_pool_is_somebody_elses() -> None:
    class Mine(ThreadPoolExecutor):
        """It may send its calls anywhere."""

    with Mine(1) as executor:
        outcomes = list(verify_many([BAD], TRUST, artifacts=None, now=NOW, executor=executor))
    assert isinstance(outcomes[0].error, Rejected)
    assert outcomes[0].error.report is None


def test_results_stay_json() -> None:
    """An error without a report, as a stranger tells it, is one that a result can hold."""
    [outcome] = verify_many([BAD], TRUST, artifacts=None, now=NOW, executor=Elsewhere(lambda told: told))
    assert outcome.error is not None
    assert json.dumps([outcome.error.code, str(outcome.error), outcome.error.hint])
