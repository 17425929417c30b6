"""Verification on other machines: a real Dask scheduler and two workers on loopback, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from distributed import Client

from attest import verify_many
from attest.bulk import CHUNK
from tests.builders import ALICE, anchor, bundle
from tests.helpers import NOW
from tests.test_bulk import MANY, demand_all_in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = bundle({"release": anchor(ALICE)})


class Cluster:
    """A scheduler and workers, each a process of its own, as on several machines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--port", "0", "--no-dashboard", "--no-show")
        self.workers = [self.start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(2)]

    @property
    def address(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                address: str = json.loads(self._file.read_text())["address"]
            except (OSError, ValueError):
                time.sleep(0.05)
            else:
                return address
        raise TimeoutError("the scheduler did not start")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(self._file), "--host", "127.0.0.1"]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        with (self._folder / f"{len(self.processes)}.log").open("wb") as log:
            started = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)
        self.processes.append(started)
        return started

    def stop(self) -> None:
        for process in self.processes:  # asked nicely, each waits for the others
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.stop()


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
        demand_all_in_turn(list(verify_many(MANY, TRUST, artifacts=None, executor=executor, now=NOW)))
