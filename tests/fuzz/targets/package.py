"""Packages that are asked for their purl: zip files as they are, and tar files, compressed before they are read.

Rule: a package has the name and version that its own file name has, or is refused.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from attest import packages
from tests.fuzz.oracle import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA = b"Metadata-Version: 2.4\nName: app\nVersion: 1.0\n\nA description\n"


def check(data: bytes) -> None:
    is_zip = data.startswith(b"PK")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("app-1.0-py3-none-any.whl" if is_zip else "app-1.0.tar.gz")
        path.write_bytes(data if is_zip else gzip.compress(data, 1, mtime=0))
        found = attempt(lambda: packages.purl(path))
    if found is None:
        return
    assert found.isascii()
    assert found.isprintable()
    assert found.lower() == "pkg:pypi/app@1.0" or (found.startswith("pkg:npm/") and not is_zip)


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
