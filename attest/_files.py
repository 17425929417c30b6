"""Files read up to a limit and written whole or not at all.

Rule: a failed write leaves what was there before, and a reader never sees half a file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from attest.errors import InputError

MAX_FILE = 16 << 20
_PIECE = 1 << 20


def read(path: str | os.PathLike[str], *, limit: int = MAX_FILE) -> bytes:
    """The bytes of the file at `path`. Raises InputError `file-unreadable`, or `file-too-large` over `limit` bytes."""
    try:
        with open(path, "rb") as stream:
            data = read_stream(stream, limit)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if data is None:
        raise InputError("file-too-large", f"this is larger than {size(limit)}", where=os.fspath(path))
    return data


def read_stream(stream: BinaryIO, limit: int) -> bytes | None:
    """All that `stream` holds, or None if that is more than `limit` bytes; no more is read than it takes to know."""
    pieces, left = [], limit + 1
    while left > 0 and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces) if left > 0 else None


def unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The InputError `file-unreadable` for what the system said; ValueError is what Python says to a NUL in a name."""
    if isinstance(error, OSError):
        return InputError("file-unreadable", f"this can't be read: {reason(error)}", where=os.fspath(path))
    return InputError("file-unreadable", "this is not a file name", where=repr(os.fspath(path)))


def open_to_others(path: str | os.PathLike[str]) -> int:
    """The permissions of a file that others than its owner have some to, or 0; a file that can't be asked has none."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except (OSError, ValueError):
        return 0
    return mode if mode & 0o077 else 0


def size(number: int) -> str:
    """A number of bytes for people."""
    return f"{number >> 20} MiB" if number >= 1 << 20 and number % (1 << 20) == 0 else f"{number} bytes"


def write(path: str | os.PathLike[str], data: bytes, *, mode: int = 0o666, overwrite: bool = True) -> None:
    """Write `data` to `path` atomically: by a temporary file beside it that is moved into place when it is on disk.

    `mode` is subject to the umask. A device or pipe is written to directly. Raises InputError: `output-exists` without
    `overwrite`, `output-failed` for anything the system refuses.
    """
    name = os.fspath(path)
    # A link is followed, so that the file it leads to is replaced and the link stays.
    try:
        target = Path(os.path.realpath(path))
        if _is_special(target):
            with open(target, "wb") as stream:
                stream.write(data)
            return
        _write_beside(target, data, mode, overwrite)
    except FileExistsError:
        raise InputError(
            "output-exists",
            "this exists already, and is not overwritten",
            where=name,
            hint="Choose another name.",
        ) from None
    except OSError as error:
        raise InputError("output-failed", f"this can't be written: {reason(error)}", where=name) from None
    except ValueError:
        raise InputError("output-failed", "this is not a file name", where=repr(name)) from None


def reason(error: OSError) -> str:
    """What the system said, in lower case, without numbers and names."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def _write_beside(target: Path, data: bytes, mode: int, overwrite: bool) -> None:
    if not overwrite and target.exists():
        raise FileExistsError
    temporary = target.with_name(f".{target.name[:100]}.{os.urandom(8).hex()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            temporary.replace(target)
        else:
            os.link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
