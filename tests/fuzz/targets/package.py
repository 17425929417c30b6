"""Packages that are asked for their purl: zip files as they are, and tar files, compressed before they are read.

Rule: a package has the name and version that its own file name has, or is refused; tarfile finds the same metadata.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import tempfile
import zipfile
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from attest.building import packages
from tests.fuzz.oracle import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = re.compile(r"(?:\./)?[^/]+/(PKG-INFO|package\.json)")
METADATA = b"Metadata-Version: 2.4\nName: app\nVersion: 1.0\n\nA description\n"


def check(data: bytes) -> None:
    is_zip = data.startswith(b"PK")
    data = data if is_zip else _checked(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("app-1.0-py3-none-any.whl" if is_zip else "app-1.0.tar.gz")
        path.write_bytes(data if is_zip else gzip.compress(data, 1, mtime=0))
        found = attempt(lambda: packages.purl(path))
    if found is None:
        return
    assert found.isascii()
    assert found.isprintable()
    assert found.lower() == "pkg:pypi/app@1.0" or (found.startswith("pkg:npm/") and not is_zip)
    if not is_zip:
        _as_tarfile(data, found)


def _checked(data: bytes) -> bytes:
    """A tar archive with the checksums that its headers should have, so that what was changed in them is looked at."""
    changed = bytearray(data)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            changed[at + 148 : at + 156] = b" " * 8
            changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + 512])
    return bytes(changed)


def _as_tarfile(data: bytes, found: str) -> None:
    """An archive that is read at all is read as tarfile reads it, where that can."""
    metadata = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                match = MANIFEST.fullmatch(member.name)
                if match:
                    entry = archive.extractfile(member)
                    assert entry is not None
                    assert match[1] not in metadata
                    metadata[match[1]] = entry.read()
    except (tarfile.TarError, ValueError, OSError):
        return
    assert metadata
    if "PKG-INFO" in metadata:
        assert found.startswith("pkg:pypi/")
        assert BytesHeaderParser().parsebytes(metadata["PKG-INFO"])["Name"].lower() == "app"
    else:
        assert json.loads(metadata["package.json"])["name"] in unquote(found)


def seeds() -> Iterator[bytes]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name in ("app/__init__.py", "app-1.0.dist-info/METADATA"):
                archive.writestr(zipfile.ZipInfo(name), METADATA, method)
        yield stream.getvalue()
    manifest = json.dumps({"name": "@acme/app", "version": "1.0.0"}).encode()
    for name, content in (("app-1.0/PKG-INFO", METADATA), ("package/package.json", manifest)):
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
                for path in (name, f"{name.partition('/')[0]}/é{'/long' * 40}"):
                    info = tarfile.TarInfo(path)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
            yield stream.getvalue().rstrip(b"\0") + bytes(1024)
