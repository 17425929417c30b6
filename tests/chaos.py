"""A seeded storm over two p11-kit servers that hold one key: what it did, what callers saw, and how long it took."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import attest
from attest.keys import ALGORITHMS
from attest.signers._software import generate, to_pem
from tests.hsm import Server, SoftHSM

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
EVENTS = ("kill a", "kill b", "drop a", "drop b", "stop a", "stop b", "kill both")


@dataclass
class Storm:
    """What came of it. `seconds` are the latencies of all calls, in order of length; `wrong` counts bad signatures."""

    seed: int
    events: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[attest.AttestError] = field(default_factory=list)
    wrong: int = 0
    stuck: int = 0
    sessions: int = 0
    left_behind: int = 0
    threads: int = 0

    def percentile(self, share: float) -> float:
        """The latency that this share of the calls stayed within."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * share))]

    def summary(self) -> dict[str, Any]:
        """What a test asks of it."""
        return {
            "text": str(self),
            "signatures": len(self.seconds),
            "errors": [str(error) for error in self.errors],
            "wrong": self.wrong,
            "stuck": self.stuck,
            "sessions": self.sessions,
            "threads": self.threads,
            "left_behind": self.left_behind,
            "p99": self.percentile(0.99),
        }

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.seconds)} signatures, {len(self.errors)} errors, {self.wrong} wrong, "
            f"p50 {self.percentile(0.5) * 1000:.1f} ms, p99 {self.percentile(0.99) * 1000:.1f} ms, "
            f"worst {self.seconds[-1]:.2f} s, {len(self.events)} events, {self.left_behind} instances left behind"
        )


def storm_elsewhere(seed: int, seconds: float) -> dict[str, Any]:
    """A storm in a process of its own, because threads in calls that never came back stay; what `summary` says."""
    command = [sys.executable, "-m", "tests.chaos", str(seed), str(seconds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    summary: dict[str, Any] = json.loads(ran.stdout)
    return summary


def storm(seed: int, seconds: float, *, threads: int = 8) -> Storm:
    """Sign with `threads` threads for so long, while servers and connections are killed, stopped and restarted."""
    result = Storm(seed)
    folder = Path(mkdtemp(prefix="storm-"))
    before = threading.active_count()
    servers = list(_servers(folder))
    try:
        signer = attest.open_signer(servers[0].uri(timeout="1", failover=servers[1].uri(timeout="1")))
        key = signer.public_key
        over = threading.Event()
        lock = threading.Lock()

        def work(number: int) -> None:
            count = 0
            while not over.is_set():
                data = f"{number}:{count}".encode()
                count += 1
                began = time.perf_counter()
                try:
                    signature = signer.sign(data)
                except attest.AttestError as error:
                    result.errors.append(error)
                    continue
                finally:
                    taken = time.perf_counter() - began
                with lock:
                    result.seconds.append(taken)
                    result.wrong += not key.accepts(signature.sig, data)

        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
        for worker in workers:
            worker.start()
        _blow(random.Random(seed), servers, seconds, result)
        over.set()
        for worker in workers:
            worker.join(20)
        result.stuck = sum(worker.is_alive() for worker in workers)
        health = [entry for entry, _ in signer.health()]
        result.sessions = max(entry["sessions"] for entry in health)
        result.left_behind = sum(entry["abandoned_instances"] for entry in health)
        signer.close()
        time.sleep(0.2)
        result.threads = threading.active_count() - before
        result.seconds.sort()
        return result
    finally:
        for server in servers:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _servers(folder: Path) -> Iterator[Server]:
    pem = folder / "key.pem"
    pem.write_bytes(to_pem(generate(ALGORITHMS["ecdsa-sha2-nistp256"])))
    for name in ("a", "b"):
        hsm = SoftHSM.make(folder / name, "t")
        hsm.import_key("t", pem, "p256")
        server = Server(hsm)
        server.start()
        yield server


def _blow(chance: random.Random, servers: list[Server], seconds: float, result: Storm) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.3, 1.2))
        event = chance.choice(EVENTS)
        result.events.append(event)
        what, _, which = event.partition(" ")
        hit = servers if which == "both" else [servers["ab".index(which)]]
        pause = chance.uniform(0.05, 0.5)
        for server in hit:
            if what == "kill":
                server.kill()
            elif what == "drop":
                server.kill_connections()
            else:
                server.signal(signal.SIGSTOP)
        time.sleep(pause)
        for server in hit:
            if what == "kill":
                server.start()
            elif what == "stop":
                server.signal(signal.SIGCONT)


if __name__ == "__main__":
    print(json.dumps(storm(int(sys.argv[1]), float(sys.argv[2])).summary()))
