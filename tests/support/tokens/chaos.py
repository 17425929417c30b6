"""A seeded storm over two p11-kit servers that hold one key: what it did, what callers saw, and what was left of it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from pkcs11.exceptions import SessionReadOnlyExists

import attest
from attest.keys import ALGORITHMS
from attest.signers._software import generate, to_pem
from attest.signers.pkcs11.cryptoki import calls
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.failover.recovery import MemberUnavailable
from tests.support.tokens.hsm import PIN, Server, SoftHSM

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
TIMEOUT = 1.0
NAMES = "ab"
BACK = 35.0  # seconds after the last event in which every member must sign again


@dataclass
class Storm:
    """What came of it. `seconds` are the latencies of all calls that signed, in order of length."""

    seed: int
    events: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    asked: int = 0
    lost: int = 0
    wrong: int = 0
    twice: int = 0
    stuck: int = 0
    down: list[str] = field(default_factory=list)
    sessions: int = 0
    sessions_left: list[str] = field(default_factory=list)
    threads_left: int = 0
    abandoned_calls: int = 0
    abandoned_instances: int = 0
    connections: int = 0
    descriptors: tuple[int, int] = (0, 0)
    back_after: float = 0.0

    @property
    def p99(self) -> float:
        """The latency that all but one in a hundred stayed within."""
        return self._percentile(0.99)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.seconds)} signatures of {self.asked}, {len(self.errors)} errors, "
            f"{self.wrong} wrong, {self.twice} twice, {self.lost} lost, {len(self.events)} events, "
            f"{self.connections} connections, p50 {self._percentile(0.5) * 1000:.1f} ms, p99 {self.p99 * 1000:.1f} ms, "
            f"p99.9 {self._percentile(0.999) * 1000:.0f} ms, worst {self._percentile(1):.2f} s, "
            f"{self.abandoned_instances} instances and {self.abandoned_calls} calls abandoned, "
            f"{self.threads_left} threads and {len(self.sessions_left)} sessions leaked, "
            f"file descriptors {self.descriptors[0]} to {self.descriptors[1]}, all back after {self.back_after:.1f} s"
        )

    def _percentile(self, share: float) -> float:
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * share))]


class Event(NamedTuple):
    """Something that is done to a server at a moment of the storm."""

    at: float
    server: int
    what: str


@contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """Two servers, each in front of a token of its own that holds the same P-256 key."""
    pem = new_key(folder / "key.pem")
    with ExitStack() as stack:
        started = []
        for name in NAMES:
            hsm = SoftHSM.make(folder / name, "t")
            hsm.import_key("t", pem, "p256")
            server = Server(hsm)
            stack.callback(server.close)
            server.start()
            started.append(server)
        yield started


def new_key(path: Path) -> Path:
    """A file with a new P-256 key."""
    path.write_bytes(to_pem(generate(ALGORITHMS["ecdsa-sha2-nistp256"])))
    return path


def impostors(hsm: SoftHSM) -> dict[str, SoftHSM]:
    """What can take the place of a token: itself with another key of the same name, or another token with one."""
    pem = new_key(hsm.folder / "other.pem")
    same, other = hsm.twin(hsm.folder / "swap key"), SoftHSM.make(hsm.folder / "swap folder", "t")
    same.destroy_key("t", "p256")
    for made in (same, other):
        made.import_key("t", pem, "p256")
    return {made.folder.name: made for made in (same, other)}


def plan(seed: int, seconds: float) -> list[Event]:
    """What happens when: to each server for itself, at times longer than a call may take; once both are away.

    Only one of the servers gets other keys, which begins its storm: while both had them, nobody could sign.
    """
    chance = random.Random(seed)
    together, away = seconds * chance.uniform(0.4, 0.6), chance.uniform(0.3, 1.0)
    events: list[Event] = []
    for server in range(len(NAMES)):
        at, met = chance.uniform(0.3, 1.5), False
        swaps = ["swap key", "swap folder"] if server == seed % len(NAMES) else []
        kinds = ("kill", "kill", "drop", "stop", *swaps)
        while at < seconds:
            what = swaps.pop() if swaps else chance.choice(kinds)
            pause = chance.choice((chance.uniform(0.05, 0.5),) * 4 + (chance.uniform(1.0, 1.8),))
            if what.startswith("swap"):
                pause = chance.uniform(0.05, 3.5)
            if not met and at + pause >= together:
                at, what, pause, met = together, "kill", away, True
            events.append(Event(at, server, what))
            if what != "drop":
                events.append(Event(at + pause, server, {"kill": "start", "stop": "continue"}.get(what, what)))
            at += pause + chance.uniform(0.6, 2.4)
            at = at if met else min(at, together)
    return sorted(events)


def storm(seed: int, seconds: float, *, threads: int = 8) -> Storm:
    """Sign with `threads` threads for so long, while servers and connections are killed, stopped and restarted."""
    result = Storm(seed)
    with TemporaryDirectory(prefix="storm-") as folder, servers(Path(folder)) as (first, second):
        signer = attest.open_signer(first.uri(timeout=f"{TIMEOUT}", failover=second.uri(timeout=f"{TIMEOUT}")))
        key = signer.public_key
        signer.settle()
        before = _descriptors()
        over = threading.Event()
        delivered: list[list[tuple[bytes, bytes, float]]] = [[] for _ in range(threads)]
        asked = [0] * threads

        def work(number: int) -> None:
            while not over.is_set():
                data = f"{number}:{asked[number]}".encode()
                asked[number] += 1
                began = time.perf_counter()
                try:
                    signature = signer.sign(data).sig
                except attest.AttestError as error:
                    result.errors.append(f"after {time.perf_counter() - began:.2f} s: {error}")
                else:
                    delivered[number].append((data, signature, time.perf_counter() - began))

        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
        for worker in workers:
            worker.start()
        _blow(plan(seed, seconds), [first, second], result)
        ended = time.monotonic()
        over.set()
        for worker in workers:
            worker.join(20)
        result.stuck = sum(worker.is_alive() for worker in workers)
        _until(lambda: all(_signs(member) for member in signer._group.members), BACK)  # type: ignore[attr-defined]
        result.back_after = time.monotonic() - ended
        _until(lambda: _descriptors() <= before, 5)
        result.descriptors = (before, _descriptors())
        _reckon(result, signer)
        everything = [item for items in delivered for item in items]
        result.asked = sum(asked)
        result.lost = result.asked - len(everything) - len(result.errors)
        result.wrong = sum(not key.accepts(signature, data) for data, signature, _ in everything)
        result.twice = len(everything) - len({signature for _, signature, _ in everything})
        result.seconds = sorted(taken for _, _, taken in everything)
        return result


def storm_elsewhere(seed: int, seconds: float) -> Storm:
    """A storm in a process of its own, because threads in calls that never came back stay."""
    command = [sys.executable, "-m", "tests.support.tokens.chaos", str(seed), str(seconds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return Storm(**json.loads(ran.stdout))


def _blow(events: list[Event], servers: list[Server], result: Storm) -> None:
    others = [impostors(server.hsm) for server in servers]
    began = time.monotonic()
    for event in events:
        time.sleep(max(0.0, event.at - (time.monotonic() - began)))
        result.events.append(f"{time.monotonic() - began:.2f} s {event.what} {NAMES[event.server]}")
        server = servers[event.server]
        match event.what:
            case "kill":
                server.kill()
            case "start":
                server.start()
            case "drop":
                server.kill_connections()
            case "stop":
                server.signal(signal.SIGSTOP)
            case "continue":
                server.signal(signal.SIGCONT)
            case swap:
                server.hsm.swap_tokens(others[event.server][swap])


def _reckon(result: Storm, signer: Any) -> None:
    """Close the signer and count what is left."""
    members = signer._group.members
    result.down = [f"{member.state}: {member.reason}" for member in members if not _signs(member)]
    result.connections = sum(member.connection.epoch for member in members)
    result.sessions = max(member.health()["sessions"] for member in members)
    tokens = [(member.connection.module, member.connection._token) for member in members]
    signer.close()
    for module, token in tokens:
        try:
            # The security officer may not log in while anybody has a read-only session.
            module.call(module.generation, partial(_log_in_as_officer, token), Deadline(5))
        except SessionReadOnlyExists:
            result.sessions_left.append(str(token))
    _until(lambda: _threads_left() == 0, 5)
    result.threads_left = _threads_left()
    result.abandoned_calls = calls.abandoned()
    result.abandoned_instances = sum(module.left_behind for module, _ in tokens)


def _log_in_as_officer(token: Any) -> None:
    token.open(rw=True, so_pin=PIN).close()


def _signs(member: Any) -> bool:
    try:
        return bool(member.sign(b"after the storm"))
    except MemberUnavailable:
        return False


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _threads_left() -> int:
    """Threads of ours that neither wait for a call nor are in one that never came back."""
    ours = sum(thread.name.startswith("attest-pkcs11") for thread in threading.enumerate())
    return ours - len(calls._idle) - calls.abandoned()


def _until(holds: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)


if __name__ == "__main__":
    print(json.dumps(vars(storm(int(sys.argv[1]), float(sys.argv[2])))))
