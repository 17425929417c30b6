"""Files in zip archives and gzipped tar archives, found by their names.

Rule: every size that an archive announces is checked before anything of that size is read.
"""

from __future__ import annotations

import gzip
import os
import re
import struct
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from attest._base import files
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What looking into an archive may cost.
MAX_CONTENT: Final = 4 << 20
MAX_DIRECTORY: Final = 16 << 20
MAX_ENTRIES: Final = 50_000
MAX_UNPACKED: Final = 1 << 30
# Bytes of long names and attributes, which a tar archive keeps in headers of their own: of one, and of all together.
MAX_EXTENSION: Final = 64 << 10
MAX_EXTENSIONS: Final = 8 << 20
_EXTENSION_COST: Final = 128  # counted for each such header, so that many empty ones cost too
_MAX_RECORDS: Final = 1000
_MAX_EXTRA: Final = 4 << 10

_BLOCK: Final = 512
_PIECE: Final = 64 << 10
# The types of entries.
_LONG_NAME, _LONG_LINK, _GLOBAL, _FOLDER = b"L", b"K", b"g", b"5"
_EXTENSIONS: Final = (_LONG_NAME, _LONG_LINK, _GLOBAL, b"x", b"X")
_REGULAR: Final = (b"\0", b"0", b"7")
_EMPTY: Final = (b"1", b"2", b"3", b"4", b"6")  # links, devices and pipes
_OCTAL: Final = re.compile(rb"[ \0]*([0-7]*)[ \0]*")

_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_PLAIN_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def in_zip(stream: BinaryIO, name: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bytes]]:
    """The match and the content of each file in a zip archive whose whole path matches `name`.

    Raises InputError `package-invalid` for an archive that would cost too much. For one that is broken the errors of
    the standard library come too: see `refusals`.
    """
    _check_directory(stream)
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            match = name.fullmatch(info.filename)
            if match is None:
                continue
            if info.compress_type not in _PLAIN_METHODS:
                # zipfile unpacks a whole piece of bzip2 or LZMA at once, and 4 KiB of bzip2 can become 4 GiB.
                raise invalid(f"{info.filename} is compressed by a method that is not supported")
            with archive.open(info) as entry:
                content = entry.read(MAX_CONTENT + 1)
            _check_content(len(content))
            yield match, content


def in_tarball(stream: BinaryIO, name: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bytes]]:
    """The match and the content of each file in a gzipped tar archive whose whole path matches `name`; errors as above.

    Reads what today's tools write: ustar, pax and GNU archives. What tools would read differently is refused.
    """
    with gzip.GzipFile(fileobj=stream) as unpacked:
        yield from _Tar(unpacked).files(name)


@contextmanager
def refusals() -> Iterator[None]:
    """Whatever the standard library says to a broken archive is InputError `package-invalid`."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # zipfile and gzip raise what they stumble over
        raise invalid(f"the archive is corrupt: {str(error) or type(error).__name__}") from None


def invalid(message: str) -> InputError:
    """The InputError for an archive, or for what is said in it."""
    return InputError("package-invalid", message)


def _check_content(size: int) -> None:
    if size > MAX_CONTENT:
        raise invalid(f"the metadata is larger than {files.size(MAX_CONTENT)}")


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a zip archive whose list of entries would cost too much: `zipfile` reads it whole, and without a limit."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END.size - 65536))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END.size or tail[max(0, at - 20) : at].startswith(b"PK\6\7"):
        raise invalid("the archive has no end record, or is a ZIP64 archive, which is not supported")
    length = _END.unpack_from(tail, at)[5]
    start = size - len(tail) + at - length
    if length > MAX_DIRECTORY:
        raise invalid("the archive has too many entries")
    if start < 0:
        raise invalid("the list of entries in the archive is truncated")
    stream.seek(start)
    directory, offset, count = stream.read(length), 0, 0
    while offset < length:
        signature, *_, name, extra, comment, _, _, _, _ = _ENTRY.unpack_from(directory, offset)
        count += 1
        if signature != b"PK\1\2" or extra > _MAX_EXTRA or count > MAX_ENTRIES:
            raise invalid(f"the archive has a corrupt entry, or more than {MAX_ENTRIES:,} entries")
        offset += _ENTRY.size + name + extra + comment
    stream.seek(0)


class _Tar:
    """A tar archive that is read once, from its beginning to its end."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED
        self._extensions = MAX_EXTENSIONS

    def files(self, name: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bytes]]:
        for _ in range(MAX_ENTRIES):
            entry = self._entry()
            if entry is None:
                return
            kind, path, size = entry
            match = name.fullmatch(path)
            if match and kind not in _REGULAR:
                raise invalid(f"{path} is not a file")
            if match:
                _check_content(size)
                yield match, self._content(size)
            else:
                self._skip(size)
        if self._entry():
            raise invalid(f"the archive has more than {MAX_ENTRIES:,} entries")

    def _entry(self) -> tuple[bytes, str, int] | None:
        """The type, path and size of the next entry, whose content comes next; None at the end of the archive."""
        seen, path, size = b"", b"", None
        while (header := self._header()) is not None:
            kind, stored = header[156:157], _number(header[124:136])
            if kind not in _EXTENSIONS:
                path = path or _path(header)
                return kind, _text(path.rstrip(b"/")), _stored(kind, path, stored if size is None else size)
            data = self._extension(stored)
            if kind in seen or (seen and kind == _GLOBAL):
                raise invalid("an entry has two headers of the same type before it")
            if kind == _LONG_NAME:
                named = data.partition(b"\0")[0]
            else:
                attributes = {} if kind == _LONG_LINK else _attributes(data)
                named = attributes.get(b"path", b"")
                size = _decimal(attributes[b"size"]) if b"size" in attributes else size
            if (named and path) or (kind == _GLOBAL and (named or size is not None)):
                raise invalid("an entry has two paths, or all entries have the same path or size")
            path = path or named
            seen += b"" if kind == _GLOBAL else kind
        if seen:
            raise invalid("the archive is truncated")
        return None

    def _header(self) -> bytes | None:
        header = self._read(_BLOCK)
        if not header:
            return None
        if not header.strip(b"\0"):
            while rest := self._read(_PIECE):
                if rest.strip(b"\0"):
                    raise invalid("the archive has data after its end")
            return None
        bare = header[:148] + b" " * 8 + header[156:]
        checksum = _number(header[148:156])
        if len(header) < _BLOCK or (checksum != sum(bare) and checksum != sum(memoryview(bare).cast("b"))):
            raise invalid("the header of an entry is truncated, or has a wrong checksum")
        return header

    def _extension(self, size: int) -> bytes:
        self._extensions -= _EXTENSION_COST + size
        if size > MAX_EXTENSION or self._extensions < 0:
            raise invalid("the names or attributes of entries are too long")
        return self._content(size)

    def _content(self, size: int) -> bytes:
        data = self._read(_blocks(size))
        if len(data) < _blocks(size):
            raise invalid("the archive is truncated")
        return data[:size]

    def _skip(self, size: int) -> None:
        left = _blocks(size)
        while left:
            if left > self._left or not (data := self._read(min(left, _PIECE))):
                raise invalid(f"the archive is truncated, or unpacks to more than {files.size(MAX_UNPACKED)}")
            left -= len(data)

    def _read(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end of the archive."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise invalid(f"the archive unpacks to more than {files.size(MAX_UNPACKED)}")
        return data


def _blocks(size: int) -> int:
    return size + -size % _BLOCK


def _stored(kind: bytes, path: bytes, size: int) -> int:
    """How much content an entry has; all tools agree, or the archive is refused."""
    if kind == _FOLDER:
        return 0  # some tools write here what the system says of the folder itself
    if kind not in _REGULAR + _EMPTY or (size and (kind in _EMPTY or path.endswith(b"/"))):
        raise invalid(f"entry {_text(path)} has a type that is not supported, such as a sparse file")
    return size


def _path(header: bytes) -> bytes:
    name, prefix = (field.partition(b"\0")[0] for field in (header[:100], header[345:500]))
    if header[257:263] != b"ustar\0" and prefix:
        # Old GNU archives have times here. Tools that take them for a part of the path read another name.
        raise invalid("the archive has an entry in an old format that is not supported")
    return prefix + b"/" + name if prefix else name


def _attributes(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax header: LENGTH KEYWORD=VALUE, each ended by a line feed."""
    found = {}
    at = 0
    if data.count(b"\n") > _MAX_RECORDS:
        raise invalid("an entry has too many attributes")
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        end = at + _decimal(data[at:space]) if space > 0 else 0
        keyword, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not (space < end <= len(data) and equals and data[end - 1 : end] == b"\n"):
            raise invalid("the attributes of an entry are corrupt")
        if keyword.startswith(b"GNU.sparse."):
            raise invalid("the archive has a sparse file, which is not supported")
        found[keyword] = value
        at = end
    return found


def _decimal(digits: bytes) -> int:
    if not (digits.isdigit() and len(digits) <= 18):
        raise invalid("a number in the attributes of an entry is corrupt")
    return int(digits)


def _number(field: bytes) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise invalid("a number in the header of an entry is corrupt")
    return int(found[1] or b"0", 8)


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
