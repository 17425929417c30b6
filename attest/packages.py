"""The purls of packages that lie there as files: wheels, sdists and npm tarballs.

Rule: a package is what its own metadata says, where its file name doesn't say something else; nothing is unpacked.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
import zipfile
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from typing import IO, TYPE_CHECKING, BinaryIO, Final
from urllib.parse import quote

from attest import _files
from attest._codec import loads_object
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What looking into an archive may cost.
MAX_METADATA: Final = 4 << 20
MAX_DIRECTORY: Final = 16 << 20
MAX_ENTRIES: Final = 50_000
MAX_UNPACKED: Final = 1 << 30

_WHEEL: Final = re.compile(r"([^-]+)-([^-]+)(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")
_METADATA: Final = re.compile(r"([^/]+)\.dist-info/METADATA")
_MANIFEST: Final = re.compile(r"(?:\./)?([^/]+)/(PKG-INFO|package\.json)")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*", re.ASCII)
_NPM_NAME: Final = re.compile(r"(?:@([A-Za-z0-9._~-]+)/)?([A-Za-z0-9._~()'!*-]+)", re.ASCII)
_END_OF_ZIP: Final = 22
_EXTENSIONS: Final = frozenset(
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)


def purl(path: str | os.PathLike[str]) -> str:
    """The purl of the package in the file at `path`: pkg:pypi/NAME@VERSION or pkg:npm/%40SCOPE/NAME@VERSION.

    A wheel and the sdist of the same version have the same purl, as the purl specification's `file_name` is left out.
    Raises InputError `package-invalid` for a file that is none of these, that contradicts itself or that would cost too
    much to look into, and `file-unreadable`.
    """
    name = os.path.basename(os.fspath(path))
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError("not a regular file")
            magic = stream.read(4)
            stream.seek(0)
            with _refusals():
                if magic == b"PK\3\4":
                    return _wheel(stream, name)
                if magic[:2] == b"\x1f\x8b":
                    return _tarball(stream, name)
    except (OSError, ValueError) as error:
        raise _files.unreadable(path, error) from None
    except InputError as error:
        raise error.at(os.fspath(path)) from None
    hint = "A wheel, an sdist (.tar.gz) and an npm tarball (.tgz) are. Without --purl any file is named so: PURL=FILE."
    raise InputError("package-invalid", "this is not a package whose purl is known", where=os.fspath(path), hint=hint)


def _wheel(stream: BinaryIO, file_name: str) -> str:
    named = _WHEEL.fullmatch(file_name)
    if named is None:
        raise _invalid("the file name is not that of a wheel")
    _check_directory(stream)
    with zipfile.ZipFile(stream) as archive:
        found = [info for info in archive.infolist() if _METADATA.fullmatch(info.filename)]
        if len(found) != 1:
            raise _invalid(f"a wheel has one .dist-info/METADATA, and this has {len(found)}")
        with archive.open(found[0]) as entry:
            name, version = _python_metadata(_bounded(entry))
    if (_normal(named[1]), named[2].replace("_", "-")) != (_normal(name), version.replace("_", "-")):
        raise _invalid(f"the file name contradicts its METADATA, which says {name} {version}")
    return _pypi(name, version)


def _tarball(stream: BinaryIO, file_name: str) -> str:
    """An sdist, by the PKG-INFO in its top folder, or an npm tarball, by the package.json there."""
    found: dict[str, tuple[str, bytes]] = {}
    with gzip.GzipFile(fileobj=stream) as unpacked:
        reader = _Limited(unpacked)
        with tarfile.open(fileobj=reader, mode="r|", tarinfo=_Header) as archive:  # type: ignore[call-overload]
            for count, member in enumerate(archive):
                if count >= MAX_ENTRIES:
                    raise _invalid(f"this has more than {MAX_ENTRIES} entries")
                match = _MANIFEST.fullmatch(member.name)
                if match is None:
                    continue
                entry = archive.extractfile(member) if member.isreg() else None
                if entry is None or match[2] in found:
                    raise _invalid(f"{match[2]} is there twice, or not a file")
                found[match[2]] = match[1], _bounded(entry)
    if "PKG-INFO" in found:
        folder, data = found["PKG-INFO"]
        name, version = _python_metadata(data)
        for what, text in (("file", file_name.removesuffix(".tar.gz")), ("folder", folder)):
            if _normal(text) != _normal(f"{name}-{version}"):
                raise _invalid(f"the {what} name contradicts its PKG-INFO, which says {name} {version}")
        return _pypi(name, version)
    if "package.json" in found:
        return _npm(found["package.json"][1])
    raise _invalid("this has neither a PKG-INFO nor a package.json in its top folder")


def _python_metadata(data: bytes) -> tuple[str, str]:
    headers = BytesHeaderParser().parsebytes(data)
    names, versions = headers.get_all("Name", []), headers.get_all("Version", [])
    if len(names) != 1 or len(versions) != 1:
        raise _invalid("its metadata doesn't have one Name and one Version")
    name, version = str(names[0]), str(versions[0])
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise _invalid(f"{name!r} {version!r} is not a name and a version of a package")
    return name, version


def _pypi(name: str, version: str) -> str:
    return f"pkg:pypi/{_normal(name)}@{quote(version, safe='')}"


def _npm(data: bytes) -> str:
    document = loads_object(data, what="package.json")
    name, version = document.get("name"), document.get("version")
    parts = _NPM_NAME.fullmatch(name) if isinstance(name, str) else None
    if parts is None or not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise _invalid("its package.json doesn't have a name and a version")
    scope = f"{quote('@' + parts[1], safe='')}/" if parts[1] else ""
    return f"pkg:npm/{scope}{quote(parts[2], safe='')}@{quote(version, safe='')}"


def _normal(name: str) -> str:
    """The name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a zip whose list of entries, which is read whole, is too large or said to be of another size elsewhere."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END_OF_ZIP - 65536))
    tail = stream.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + _END_OF_ZIP or tail[max(0, end - 20) : end].startswith(b"PK\6\7"):
        raise _invalid("this is not a zip file that is read here")
    if int.from_bytes(tail[end + 12 : end + 16], "little") > MAX_DIRECTORY:
        raise _invalid("this has too many entries")
    stream.seek(0)


def _bounded(entry: IO[bytes]) -> bytes:
    data = entry.read(MAX_METADATA + 1)
    if len(data) > MAX_METADATA:
        raise _invalid(f"its metadata is larger than {_files.size(MAX_METADATA)}")
    return data


class _Limited:
    """A stream of which no more is read than MAX_UNPACKED bytes."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _invalid(f"this unpacks to more than {_files.size(MAX_UNPACKED)}")
        return data


class _Header(tarfile.TarInfo):
    """A header of a tar file; one that announces a name or attributes, which are read whole, may not announce more."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENSIONS and header.size > 1 << 16:
            raise _invalid("an entry has a name or attributes that are too long")
        return header


@contextmanager
def _refusals() -> Iterator[None]:
    """Whatever the archive modules say to a broken archive is that it is broken."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # of every compression that there is
        raise _invalid(f"this archive is broken: {str(error) or type(error).__name__}") from None


def _invalid(message: str) -> InputError:
    return InputError("package-invalid", message)
