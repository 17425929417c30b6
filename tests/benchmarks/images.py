"""`verify --image`: its round trips, with a registry that answers after 100 ms, and its memory.

A round trip is 100 ms of the time that it takes: what is fetched at the same time counts once. "Others" attach as
cosign does, with the content in a blob; `oci attach` embeds it in the manifest.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import attest
from attest.oci.attaching import attach
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.benchmarks._measures import Measure
from tests.support.making.images import empty_layout, made, put_as_others, put_image, put_referrers, trust
from tests.support.services.registries import docker_registry, forward, forwarding, with_referrers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.services.registries import Registry
    from tests.support.services.servers import Request, Response

SECONDS: Final = 15.0
DELAY: Final = 0.1
ROUNDS: Final = 3
NUMBERS: Final = (1, 8, 16)
WAYS: Final = ("attest", "others")
MEASURES: Final = {
    f"{way}, {number}": Measure("16", f"verify --image by tag, {number} attached by {way}", "trips", at_most=number + 2)
    for way in WAYS
    for number in NUMBERS
} | {"memory": Measure("16", "1,000 attestations instead of 100: more memory", "MiB", at_most=3)}


class Far:
    """Answers as a registry did the first time, `DELAY` later."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answers: dict[tuple[str, str], Response] = {}
        self._lock = Lock()
        self.delay = 0.0

    def __call__(self, asked: Request) -> Response:
        time.sleep(self.delay)
        key = asked.method, asked.path
        with self._lock:
            if key not in self._answers:
                self._answers[key] = forward(self._registry, asked)
        return self._answers[key]


def trips(registry: Registry, name: str, number: int) -> float:
    """Round trips of a verification; everything was asked for once before."""
    far = Far(registry)
    with forwarding(registry, far) as front:
        verify(front.name(name), number)
        far.delay = DELAY
        spent = []
        for _ in range(ROUNDS):  # what else the machine does only adds
            began = time.perf_counter()
            verify(front.name(name), number)
            spent.append(time.perf_counter() - began)
    return min(spent) // DELAY  # what is less than a trip is work here


def verify(name: str, number: int) -> None:
    """As `verify --image` does it."""
    with attest.sources.image(name) as image:
        report = attest.verify_collection(image, trust(), artifacts=[image.artifact])
    assert len(report.verified) == number, report


def most_memory(folder: Path, number: int) -> float:
    """MiB at most for so many attestations of 20 KiB in a layout, by `tracemalloc`; they are not kept."""
    name = empty_layout(folder)
    store = open_store(parse(name))
    put_referrers(store, put_image(store), number, text="x" * 10_000)
    tracemalloc.start()
    try:
        with attest.sources.image(f"{name}:1") as image:
            assert sum(one.envelope is not None for one in image) == number
        return tracemalloc.get_traced_memory()[1] / (1 << 20)
    finally:
        tracemalloc.stop()


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """The least of a few rounds, however many seconds there are."""
    with tempfile.TemporaryDirectory() as name, docker_registry(Path(name) / "registry") as plain:
        folder = Path(name)
        for way in WAYS:
            with with_referrers(plain, api=True) as registry:
                for number in NUMBERS:
                    repository = f"acme/{way}-{number}"
                    store = open_store(parse(registry.name(repository)))
                    image = put_image(store)
                    if way == "attest":
                        attach(store, image, made(image, *range(number)))
                    else:
                        put_as_others(store, image, *range(number))
                    yield f"{way}, {number}", trips(registry, f"{repository}:1", number)
        few, many = (most_memory(folder / str(number), number) for number in (100, 1_000))
        yield "memory", max(0.0, many - few)
