"""The digests of many files as they were at one moment: hashed at the same time, and looked at again at the end.

Rule: if any of them changed or vanished meanwhile there is no snapshot, and no file is reached through a link.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from attest import digest
from attest._base import files
from attest._base.files import unreadable
from attest._base.threads import share_out
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.building.trees import TreeFile
    from attest.digest import DigestSet, Hashed, Progress

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
    chosen, root = digest.check_algorithms(algorithms), os.fspath(directory)
    outcomes = share_out(lambda file, paced: _hash(root, file, chosen, paced(progress)), files, threads=workers)
    hashed = [outcome.settled() for outcome in outcomes]
    # Not before the last one has been hashed.
    found = [_unchanged(root, file, one) for file, one in zip(files, hashed, strict=True)]
    real = os.path.realpath(directory)
    return Snapshot(found, [os.path.join(real, *file.parts) for file in files])


def _hash(root: str, file: TreeFile, algorithms: tuple[str, ...], progress: Progress) -> Hashed:
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        raise unreadable(root, error) from None
    try:
        handle = _open_below(folder, file.parts)
    except (OSError, ValueError) as error:
        raise _gone(root, file, error) from None
    finally:
        os.close(folder)
    _let_the_clock_go_on(handle)
    return digest.hash_handle(handle, _shown(root, file), algorithms, progress)


def _unchanged(root: str, file: TreeFile, found: Hashed | None) -> ResourceDescriptor:
    """The descriptor of a file, having made sure that it is still what was hashed."""
    if found is None:
        raise TypeError("a file was not hashed")
    digests, state = found
    try:
        now = files.FileState.of(os.stat(os.path.join(root, *file.parts), follow_symlinks=False))
    except (OSError, ValueError) as error:
        raise _gone(root, file, error) from None
    if now != state:
        hint = "Wait until no other program writes to the file."
        raise InputError(
            "file-changed", "the file changed before all files were read", where=_shown(root, file), hint=hint
        )
    return ResourceDescriptor(file.name, digests)


def _gone(root: str, file: TreeFile, error: OSError | ValueError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError("file-changed", "the file was removed while the files were read", where=_shown(root, file))
    return unreadable(_shown(root, file), error)


def _shown(root: str, file: TreeFile) -> str:
    return os.path.normpath(os.path.join(root, file.name))


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
