"""Attaching by several processes at once, and by one that is killed: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from attest.oci.attachments import find, read
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.cli.calls import ATTEST
from tests.support.cli.forks import Fork
from tests.support.making.images import about, empty_layout, push_image
from tests.support.services.registries import docker_registry, forwarding, with_referrers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest.oci.documents import ImageDocument
    from tests.support.services.registries import Registry
    from tests.support.services.servers import Request, Response

WRITERS = 8


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def attach(name: str, image: ImageDocument, file: Path, *options: str) -> Fork:
    """A process that attaches a file."""
    with file.with_suffix(".log").open("wb") as log:
        streams = [log.fileno()] * 3
        return Fork([ATTEST, "oci", "attach", f"{name}@{image.digest}", str(file), *options], streams)


def found(name: str, image: ImageDocument) -> Counter[bytes]:
    """The contents that are attached, and how often each is."""
    store = open_store(parse(name))
    return Counter(read(store, one) for one in find(store, image))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["layout", "registry", "api"])
def test_eight_at_once_are_all_attached(kind: str, registry: Registry, tmp_path: Path) -> None:
    """A registry lets the last writer of a tag win: without reading it back, one to three of eight remain.

    That a writer who is stopped between reading and writing, until all others have looked again, drops theirs is the
    limit of what can be done without the registry. A machine that stalls stops one now and then; never three times.
    """
    with with_referrers(registry) as front:
        for turn in range(3):
            names = {"registry": registry.name(f"acme/at-once-{turn}"), "api": front.name(f"acme/api-{turn}")}
            name = empty_layout(tmp_path / f"layout-{turn}") if kind == "layout" else names[kind]
            image = push_image(name)
            for number in range(WRITERS):
                (tmp_path / f"{number}.json").write_bytes(about(image.digest, number).to_json())
            writers = [
                attach(name, image, tmp_path / f"{number}.json", "--as", "both", "--container", "dsse")
                for number in range(WRITERS)
            ]
            assert [writer.wait() for writer in writers] == [0] * WRITERS
            # As a referrer and under the tag the bytes are the same, and the annotations are not.
            expected = Counter({(tmp_path / f"{number}.json").read_bytes(): 2 for number in range(WRITERS)})
            there = found(name, image)
            if there == expected or kind == "layout":  # which is locked
                break
    assert there == expected


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere_leaves_nothing_that_a_second_call_does_not_mend(
    registry: Registry, tmp_path: Path
) -> None:
    image = push_image(registry.name("acme/killed"))
    file = tmp_path / "a.json"
    file.write_bytes(about(image.digest).to_json())
    victim: list[Fork] = []
    left = 0

    def kill(asked: Request) -> Response | None:
        nonlocal left
        left -= 1
        if left == 0:
            victim[-1].kill()
        return None

    with forwarding(registry, kill) as front:
        name = front.name("acme/killed")
        killed = 0
        for request in range(1, 40):
            # Set before it starts: the process asks nothing for a while.
            left = request
            victim.append(attach(name, image, file, "--as", "both", "--container", "dsse"))
            ended = victim[-1].wait()
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            killed += 1
    assert killed > 10
    assert found(registry.name("acme/killed"), image) == Counter({file.read_bytes(): 2})
