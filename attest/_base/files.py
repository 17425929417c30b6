"""Files read up to a limit and written whole or not at all.

Rule: a failed write leaves what was there before, a reader never sees half a file, and nothing is written through a
symbolic link (docs/adr/0021).
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from attest._base import notices
from attest._base.text import plural
from attest.errors import InputError, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

MAX_FILE = 16 << 20
# Flags that Windows lacks, and one that only Windows has: without O_BINARY a file ends at its first Ctrl-Z, and two
# different files could have one digest. There are no pipes among its files, and a link is refused by its own check.
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
READ: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe is not waited for
_WRITE: Final = os.O_WRONLY | getattr(os, "O_BINARY", 0)
LOCK_SECONDS = 10.0
_PIECE = 1 << 20
_FIRST_PIECE = 1 << 16
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


class FileState(NamedTuple):
    """Identifies a file and its version. A program that writes to the file can set everything except `changed`."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """The state that a stat of the file says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def length(path: str | os.PathLike[str]) -> int:
    """The bytes of a regular file; 0 for everything else, and for what cannot be found."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def read(path: str | os.PathLike[str], *, limit: int = MAX_FILE) -> bytes:
    """The bytes of the file at `path`. Raises InputError `file-unreadable`, or `file-too-large` over `limit` bytes."""
    try:
        # Without a buffer, which is of 128 KiB since Python 3.14.
        with open(path, "rb", buffering=0) as stream:
            data = read_stream(stream, limit)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if data is None:
        raise InputError("file-too-large", f"the file is larger than {size(limit)}", where=os.fspath(path))
    return data


def read_stream(stream: BinaryIO, limit: int) -> bytes | None:
    """All bytes of `stream`, or None if there are more than `limit`; at most one more is read."""
    data = read_up_to(stream, limit + 1)
    return data if len(data) <= limit else None


def read_up_to(stream: BinaryIO, number: int) -> bytes:
    """The next `number` bytes of `stream`, or what there is up to its end."""
    # A stream sets aside as much memory as it is asked for, and most files are small.
    pieces, left, most = [], number, _FIRST_PIECE
    while left > 0 and (piece := stream.read(min(left, most))):
        pieces.append(piece)
        left -= len(piece)
        most = min(2 * most, _PIECE)
    return b"".join(pieces)


def unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The InputError `file-unreadable` for an error of the system; a name with a NUL is a ValueError in Python."""
    if isinstance(error, OSError):
        from attest._base.filenames import hint_of_unreadable  # only on the way to an error

        message = f"the file cannot be read: {reason(error)}"
        return InputError("file-unreadable", message, where=os.fspath(path), hint=hint_of_unreadable(path, error))
    return InputError("file-unreadable", "the file name is not valid", where=repr(os.fspath(path)))


def warn_if_open(path: str | os.PathLike[str]) -> None:
    """Warn about the file at `path`, which has a secret, if other users have any permission for it."""
    text = exposure(path)
    if text is not None:
        notices.warn(text)


def exposure(path: str | os.PathLike[str]) -> str | None:
    """The warning about a file of the current user that other users have permissions for; None if they have none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # As ssh does: a file of another user, such as root's file mounted into a container, cannot be fixed by this one.
    if not hasattr(os, "geteuid"):  # Windows, where these permissions mean nothing
        return None
    mine = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    mode = stat.S_IMODE(status.st_mode)
    if not mine or not mode & 0o077:
        return None
    return f"{os.fspath(path)} is accessible to other users (mode {mode:04o}); run `chmod 600` on it"


def size(number: int) -> str:
    """A number of bytes for people."""
    return f"{number >> 20} MiB" if number >= 1 << 20 and number % (1 << 20) == 0 else plural(number, "byte")


def demand_new(path: str | os.PathLike[str]) -> None:
    """Raises InputError `output-exists` as `write` will without `overwrite`, before the data are made for nothing."""
    with _refusals(path), suppress(FileNotFoundError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            raise FileExistsError


def write(path: str | os.PathLike[str], *data: bytes, mode: int = 0o666, overwrite: bool = True) -> None:
    """Write `data` to `path` atomically: to a temporary file next to it, which replaces it when it is on disk.

    Several pieces of `data` are written one after the other. `mode` is subject to the umask. A device or pipe, and the
    stream of /dev/stdout or /dev/fd/N, is written to directly. Raises InputError: `output-exists` without `overwrite`,
    `output-failed` for a symbolic link and for any error of the system.
    """
    with _refusals(path):
        handle = _open_special(path)
        if handle is None:
            target = _file(path)
            _demand_no_link(target)
            _write_beside(target, data, mode, overwrite=overwrite)
            return
        with open(handle, "wb") as stream:
            stream.writelines(data)


def append(path: str | os.PathLike[str], data: bytes) -> None:
    """Add `data` at the end of the file at `path`, which is created if needed. Raises InputError as `write`."""
    with _refusals(path):
        handle = _open_special(path)
        if handle is None:
            _demand_no_link(_file(path))
            handle = os.open(path, _WRITE | os.O_APPEND | os.O_CREAT | NO_LINK, 0o666)
        with open(handle, "wb") as stream:
            stream.write(data)


def descriptor(path: str | os.PathLike[str]) -> int | None:
    """The number of the open descriptor that a path like /dev/stdout or /dev/fd/3 stands for, as it is spelt."""
    name = os.path.normpath(path)
    folder, number = os.path.split(name)
    if folder in ("/dev/fd", "/proc/self/fd", f"/proc/{os.getpid()}/fd") and number.isascii() and number.isdecimal():
        return int(number)
    return _STREAMS.get(name)


def is_stdin(path: str | os.PathLike[str]) -> bool:
    """Whether a path stands for standard input: `-`, or /dev/stdin in any spelling."""
    return os.fspath(path) == "-" or descriptor(path) == 0


def demand_no_link(path: str | os.PathLike[str]) -> None:
    """Raises InputError `output-failed` for a symbolic link, because attest does not write through links."""
    if descriptor(path) is None:
        with _refusals(path):
            _demand_no_link(_file(path))


def update(path: str | os.PathLike[str], change: Callable[[bytes], bytes | None], *, limit: int = MAX_FILE) -> bool:
    """Replace the bytes of the file at `path` by `change(bytes)`, atomically and with the same permissions.

    A lock serialises calls for one file, so that no change is lost. If `change` returns None or raises, the file
    stays unchanged. Returns whether it was changed. Raises InputError `file-too-large`, `file-busy` if another call
    takes longer than LOCK_SECONDS, `file-changed` if a program wrote to it without the lock, and `output-failed` for
    anything the system refuses.
    """
    with _refusals(path, "changed"):
        target = _file(path)
        _demand_no_link(target)
        handle = _lock(target, path)
    with open(handle, "rb") as stream:
        data = read_stream(stream, limit)
        if data is None:
            raise InputError("file-too-large", f"the file is larger than {size(limit)}", where=os.fspath(path))
        changed = change(data)
        if changed is None:
            return False
        if read(target, limit=limit) != data:
            raise InputError("file-changed", "another program changed the file at the same time", where=os.fspath(path))
        with _refusals(path):
            _write_beside(target, [changed], 0o600, like=os.fstat(handle))
    return True


def reason(error: OSError) -> str:
    """What the system said, in lower case, without numbers and names."""
    return (error.strerror or str(error) or type(error).__name__).lower()


@contextmanager
def _refusals(path: str | os.PathLike[str], done: str = "written") -> Iterator[None]:
    """An error of the system while `path` is written becomes an InputError."""
    try:
        yield
    except FileExistsError:
        raise InputError(
            "output-exists",
            "this exists already, and is not overwritten",
            where=os.fspath(path),
            hint="Choose another name.",
        ) from None
    except OSError as error:
        from attest._base.filenames import hint_of_unreadable, is_unexpanded

        message = f"the file cannot be {done}: {reason(error)}"
        folder, hint = os.fspath(os.path.dirname(path)), hint_of_unreadable(path, error)
        if isinstance(error, FileNotFoundError) and folder and not is_unexpanded(path) and not os.path.isdir(folder):
            hint = f"Create the directory first: {folder}"
        raise InputError("output-failed", message, where=os.fspath(path), hint=hint) from None
    except ValueError:
        raise InputError("output-failed", "the file name is not valid", where=repr(os.fspath(path))) from None


def _lock(target: Path, path: str | os.PathLike[str]) -> int:
    """A handle on the file, locked until it is closed."""
    deadline = time.monotonic() + LOCK_SECONDS
    while (handle := _try_lock(target)) is None:
        if time.monotonic() > deadline:
            hint = "Try again when the other process has finished."
            raise InputError("file-busy", "another process is changing the file", where=os.fspath(path), hint=hint)
        time.sleep(0.01)
    return handle


def _try_lock(target: Path) -> int | None:
    try:
        import fcntl
    except ImportError:
        raise unsupported("changing a file in place", "Make the change on another system.") from None
    # To write, so that a file that may not be written is not replaced either, and because NFS locks no other.
    handle = os.open(target, os.O_RDWR | os.O_NONBLOCK | NO_LINK)
    try:
        own = os.fstat(handle)
        if not stat.S_ISREG(own.st_mode):
            raise OSError("not a regular file")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The process that had the lock before put another file in its place, and what is locked here is the old one.
        mine = os.path.samestat(own, os.lstat(target))
    except BlockingIOError:
        mine = False
    except BaseException:
        os.close(handle)
        raise
    if not mine:
        os.close(handle)
        return None
    return handle


def _write_beside(
    target: Path, data: Iterable[bytes], mode: int, *, overwrite: bool = True, like: os.stat_result | None = None
) -> None:
    if not overwrite and os.path.lexists(target):
        raise FileExistsError
    temporary = target.with_name(f".{target.name[:100]}.{os.urandom(8).hex()}.tmp")
    handle = os.open(temporary, _WRITE | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as stream:
            if like is not None:
                _resemble(handle, like)
            stream.writelines(data)
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            temporary.replace(target)
        else:
            os.link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _resemble(handle: int, like: os.stat_result) -> None:
    """Give a new file the owner, group and permissions of the one that it replaces."""
    own = os.fstat(handle)
    if own.st_uid != like.st_uid:
        with suppress(PermissionError):  # only root gives files away; the user who replaces it becomes its owner
            os.fchown(handle, like.st_uid, -1)
    if own.st_gid != like.st_gid:
        os.fchown(handle, -1, like.st_gid)
    os.fchmod(handle, stat.S_IMODE(like.st_mode))


def _open_special(path: str | os.PathLike[str]) -> int | None:
    """A handle on what is written to as it is: an open descriptor, a device, a pipe; None for everything else."""
    number = descriptor(path)
    if number is not None:
        return os.dup(number)  # opened anew, a file would be written to from its beginning
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(kind) or stat.S_ISLNK(kind):
        return None
    handle = os.open(path, _WRITE | NO_LINK | getattr(os, "O_NOCTTY", 0))
    if stat.S_ISREG(os.fstat(handle).st_mode):  # put there in between, and never written to in place
        os.close(handle)
        return None
    return handle


def _file(path: str | os.PathLike[str]) -> Path:
    from pathlib import Path  # which takes 3 ms, and a command that writes nothing does without

    return Path(path)


def _demand_no_link(target: Path) -> None:
    if target.is_symlink():
        hint = "Name the target of the link, or remove the link."
        raise InputError(
            "output-failed",
            "the file is a symbolic link; attest does not write through links",
            where=str(target),
            hint=hint,
        )
