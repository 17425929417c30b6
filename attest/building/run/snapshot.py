"""The digests of many files as they were at one moment: hashed at the same time, and looked at again at the end.

Rule: if any of them changed or vanished meanwhile there is no snapshot, and no file is reached through a link.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from attest import digest
from attest._base import files
from attest._base.files import unreadable
from attest._base.threads import together
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.building.trees import TreeFile
    from attest.digest import DigestSet, FileState, Progress

_MOST_WORKERS = 8
# The longest step of the clock that file systems take their times from. A change within the step of the one before it
# would leave no trace ("racily clean", as git has it).
_CLOCK_STEP_NS = 20_000_000


class Snapshot(NamedTuple):
    """Files of a directory as they were: name and digests of each, and their real paths, in the same order."""

    descriptors: list[ResourceDescriptor]
    paths: list[str]

    @property
    def digests(self) -> dict[str, DigestSet]:
        """The digests by real path."""
        return {path: one.digest for path, one in zip(self.paths, self.descriptors, strict=True)}


def take(
    directory: str | os.PathLike[str],
    files: Sequence[TreeFile],
    *,
    algorithms: Iterable[str] = ("sha256",),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Snapshot:
    """The snapshot of `files` of a directory; as many are hashed at once as there are processors, up to eight.

    `progress` is called with the number of bytes of each piece, by one thread at a time. Raises InputError:
    `digest-unsupported`, `file-unreadable`, and `file-changed` for a file that changed, vanished or was replaced before
    the last one was hashed.
    """
    task = _Task(directory, files, digest.check_algorithms(algorithms), progress)
    count = max(1, min(workers or _processors(), _MOST_WORKERS, len(files)))
    try:
        outcomes = together([task.work] * count, enough=count)
    finally:
        task.stopped = True
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, _Stopped):
            raise outcome.error
    root = os.path.realpath(directory)
    return Snapshot(task.results(), [os.path.join(root, *file.parts) for file in files])


class _Stopped(Exception):
    """Another worker has failed, or nobody waits any more."""


class _Task:
    """What the workers share."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        files: Sequence[TreeFile],
        algorithms: tuple[str, ...],
        progress: Progress | None,
    ) -> None:
        self.root = os.fspath(directory)
        self._files = files
        self._algorithms = algorithms
        self._progress = progress
        self._found: list[tuple[dict[str, str], FileState] | None] = [None] * len(files)
        self._next = iter(range(len(files)))
        self._lock = threading.Lock()
        self.stopped = False

    def work(self) -> None:
        """Hash one file after the other until there is none left."""
        try:
            root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        except (OSError, ValueError) as error:
            raise unreadable(self.root, error) from None
        try:
            while (index := self._take()) is not None:
                self._found[index] = self._hash(root, self._files[index])
        finally:
            os.close(root)

    def _hash(self, root: int, file: TreeFile) -> tuple[dict[str, str], FileState]:
        try:
            handle = _open_below(root, file.parts)
        except (OSError, ValueError) as error:
            raise self._gone(file, error) from None
        _let_the_clock_go_on(handle)
        return digest.hash_handle(handle, self._shown(file), self._algorithms, self._count)

    def results(self) -> list[ResourceDescriptor]:
        """The descriptors, having made sure that every file is still what was hashed."""
        descriptors = []
        # Not before the last one has been hashed.
        for file, found in zip(self._files, self._found, strict=True):
            if found is None:
                raise TypeError("a file was not hashed")
            digests, state = found
            try:
                now = digest.FileState.of(os.stat(os.path.join(self.root, *file.parts), follow_symlinks=False))
            except (OSError, ValueError) as error:
                raise self._gone(file, error) from None
            if now != state:
                hint = "Wait until no other program writes to the file."
                message = "the file changed before all files were read"
                raise InputError("file-changed", message, where=self._shown(file), hint=hint)
            descriptors.append(ResourceDescriptor(file.name, digests))
        return descriptors

    def _take(self) -> int | None:
        with self._lock:
            return None if self.stopped else next(self._next, None)

    def _count(self, count: int) -> None:
        if self.stopped:
            raise _Stopped
        if self._progress:
            with self._lock:
                self._progress(count)

    def _gone(self, file: TreeFile, error: OSError | ValueError) -> InputError:
        if isinstance(error, FileNotFoundError):
            return InputError("file-changed", "the file was removed while the files were read", where=self._shown(file))
        return unreadable(self._shown(file), error)

    def _shown(self, file: TreeFile) -> str:
        return os.path.normpath(os.path.join(self.root, file.name))


def _open_below(root: int, parts: Sequence[str]) -> int:
    """A handle on a file, reached from `root` one name at a time so that no link is followed on the way."""
    folder = root
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            if folder != root:
                os.close(folder)
            folder = below
        return os.open(parts[-1], files.READ | files.NO_LINK, dir_fd=folder)
    finally:
        if folder != root:
            os.close(folder)


def _let_the_clock_go_on(handle: int) -> None:
    """Wait until a change from now on would show, if the last one was only just made."""
    age = time.time_ns() - os.fstat(handle).st_ctime_ns
    if 0 <= age < _CLOCK_STEP_NS:
        time.sleep((_CLOCK_STEP_NS - age) / 1e9)


def _processors() -> int:
    """How many processors this process may use, where the system can say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
