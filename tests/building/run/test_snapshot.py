"""Many files are hashed as they were at one moment, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from hashlib import sha256, sha512
from typing import TYPE_CHECKING

import pytest

from attest.building import trees
from attest.building.run import snapshot as snapshots
from attest.errors import InputError
from tests.support.examples import few

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIECE = 1 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a", "b", "c/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 2 * PIECE)
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2, 8, None])
def test_every_file_is_hashed_under_its_name_in_the_order_given(tree: Path, workers: int | None) -> None:
    files = trees.find(tree, ["."], missing="none")
    snapshot = snapshots.take(tree, files, algorithms=["sha256", "sha512"], workers=workers)
    assert [one.name for one in snapshot.descriptors] == ["a", "b", "c/d"]
    for one, path in zip(snapshot.descriptors, snapshot.paths, strict=True):
        data = (tree / str(one.name)).read_bytes()
        assert one.digest == {"sha256": sha256(data).hexdigest(), "sha512": sha512(data).hexdigest()}
        assert snapshot.digests[path] == one.digest


def test_no_files_are_no_descriptors(tree: Path) -> None:
    assert snapshots.take(tree, []).descriptors == []


def test_progress_is_told_every_byte_by_one_thread_at_a_time(tree: Path) -> None:
    counts: list[int] = []
    busy = threading.Lock()

    def progress(count: int) -> None:
        assert busy.acquire(blocking=False)
        counts.append(count)
        busy.release()

    snapshots.take(tree, trees.find(tree, ["."], missing="none"), workers=3, progress=progress)
    assert sum(counts) == sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())


def rewrite_in_place(path: Path) -> None:
    """Other bytes of the same number, with the times that the file had: only its inode's own time tells."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Another file of the same bytes."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("name", ["a", "c/d"])
@pytest.mark.parametrize("change", [rewrite_in_place, replace, os.unlink, lambda path: os.truncate(path, 5)])
def test_a_file_that_changes_meanwhile_leaves_no_snapshot(
    tree: Path, name: str, change: Callable[[Path], None]
) -> None:
    files = trees.find(tree, ["."], missing="none")
    changed: list[bool] = []

    def progress(_: int) -> None:
        # While the last file is read, when all that come before it in the order of the tree have been hashed.
        if not changed and len(counted) >= 5:
            change(tree / name)
            changed.append(True)
        counted.append(1)

    counted: list[int] = []
    with pytest.raises(InputError) as caught:
        snapshots.take(tree, files, workers=1, progress=progress)
    assert changed
    assert (caught.value.code, caught.value.where) == ("file-changed", str(tree / name))


def test_a_file_that_was_only_just_written_is_watched_from_then_on(tree: Path) -> None:
    """Within a step of the file system's clock a second change would leave no trace, were it not waited for."""
    for _ in range(20):
        (tree / "a").write_bytes(b"A" * PIECE)
        with pytest.raises(InputError, match="changed"):
            snapshots.take(
                tree, trees.find(tree, ["a"], missing="none"), progress=lambda _: (tree / "a").write_bytes(b"B" * PIECE)
            )


def test_a_directory_that_became_a_link_is_not_followed(tree: Path) -> None:
    files = trees.find(tree, ["c"], missing="none")
    (tree / "c").rename(tree.parent / f"{tree.name}-moved")
    (tree / "c").symlink_to(tree.parent / f"{tree.name}-moved")
    with pytest.raises(InputError) as caught:
        snapshots.take(tree, files)
    assert caught.value.code == "file-unreadable"


def test_a_pipe_is_no_file_and_is_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        snapshots.take(tree, trees.find(tree, ["pipe"], missing="none"))


def test_what_goes_wrong_with_one_file_ends_the_others_soon(tree: Path) -> None:
    with (tree / "large").open("wb") as stream:
        os.truncate(stream.fileno(), 64 << 30)
    os.mkfifo(tree / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        snapshots.take(tree, trees.find(tree, ["large", "pipe"], missing="none"), workers=2)


MEMORY = """
import re, resource, sys
from attest.building import trees
from attest.building.run import snapshot as snapshots
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
taken = snapshots.take(sys.argv[1], trees.find(sys.argv[1], ["."], missing="none"), workers=8)
# Not getrusage: a process begins there with what the one that started it had.
print(len(taken.descriptors), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), few(2, [(2, 128 << 20), (5_000, 100), (20_000, 100)]))
def test_memory_stays_flat_whatever_there_is_to_hash(tmp_path: Path, count: int, size: int) -> None:
    for number in range(count):
        with (tmp_path / str(number)).open("wb") as stream:
            os.truncate(stream.fileno(), size)
    ran = subprocess.run([sys.executable, "-c", MEMORY, tmp_path], capture_output=True, check=True)
    hashed, kibibytes = map(int, ran.stdout.split())
    assert hashed == count
    assert kibibytes < 100 << 10
