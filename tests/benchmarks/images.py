"""`python -m tests.benchmarks.images`: the round trips of `verify --image`, with a registry that answers after 100 ms.

A table for each kind of registry and of attestation: time / 100 ms, requests and connections, by tag and by digest.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from threading import Lock, current_thread
from typing import TYPE_CHECKING

import attest
from attest.oci.attaching import attach
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.images import made, put_as_others, put_image, trust
from tests.support.registries import docker_registry, forward, forwarding, with_referrers

if TYPE_CHECKING:
    from tests.support.registries import Registry
    from tests.support.servers import Request, Response

NUMBERS = (1, 2, 8, 16, 100)
SECONDS = 0.1
ROUNDS = 3


class Far:
    """Answers as a registry did the first time, `SECONDS` later."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answers: dict[tuple[str, str], Response] = {}
        self._lock = Lock()
        self.delay = 0.0
        self.requests = 0
        self.connections: set[object] = set()  # a thread of the server is for one connection

    def __call__(self, asked: Request) -> Response:
        time.sleep(self.delay)
        with self._lock:
            self.requests += 1
            self.connections.add(current_thread())
        key = asked.method, asked.path
        if key not in self._answers:
            self._answers[key] = forward(self._registry, asked)
        return self._answers[key]


def measure(registry: Registry, name: str, number: int) -> str:
    """Round trips, requests and connections of a verification; everything was asked for once before."""
    far = Far(registry)
    with forwarding(registry, far) as front:
        verify(front.name(name), number)
        best = float("inf")
        for _ in range(ROUNDS):  # what else the machine does only adds
            far.delay, far.requests = SECONDS, 0
            far.connections.clear()
            began = time.perf_counter()
            verify(front.name(name), number)
            best = min(best, time.perf_counter() - began)
        return f"{best / SECONDS:6.1f} {far.requests:5} {len(far.connections):4}"


def verify(name: str, number: int) -> None:
    """As `verify --image` does it."""
    with attest.sources.image(name) as image:
        report = attest.verify_collection(image, trust(), artifacts=[image.artifact])
    assert len(report.verified) == number, report


def main() -> None:
    """Print the tables; a target that is missed has an exclamation mark."""
    with tempfile.TemporaryDirectory() as folder, docker_registry(Path(folder) / "registry") as plain:
        for title, with_api, ours in (
            ("without the referrers API, attached by attest", False, True),
            ("with the referrers API, attached by attest", True, True),
            ("with the referrers API, attached by others", True, False),
        ):
            with with_referrers(plain, api=with_api) as registry:
                print(f"{title}\n    N  by tag: trips, requests, connections   by digest")
                for number in NUMBERS:
                    repository = f"acme/app-{number}-{with_api}-{ours}".lower()
                    store = open_store(parse(registry.name(repository)))
                    image = put_image(store)
                    if ours:
                        attach(store, image, made(image, *range(number)))
                    else:
                        put_as_others(store, image, *range(number))
                    found = [measure(registry, repository + end, number) for end in (":1", f"@{image.digest}")]
                    print(
                        f"{number:5}  {found[0]}                        {found[1]}   (target {number + 2})", flush=True
                    )


if __name__ == "__main__":
    main()
