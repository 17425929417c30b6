"""The purls of package files: wheels, sdists and npm tarballs.

Rule: the metadata in the package decides, and the file name must agree with it; nothing is unpacked to disk.
"""

from __future__ import annotations

import os
import re
import stat
from email.parser import BytesHeaderParser
from itertools import islice
from typing import BinaryIO, Final
from urllib.parse import quote

from packageurl import PackageURL
from packaging.utils import InvalidName, InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from attest._base import files
from attest._base.json import loads_object
from attest.building import archives
from attest.errors import InputError

MAX_LINES: Final = 100_000

_METADATA: Final = re.compile(r"([^/]+)\.dist-info/METADATA")
_MANIFEST: Final = re.compile(r"(?:\./)?([^/]+)/(PKG-INFO|package\.json)")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*", re.ASCII)
_NPM_NAME: Final = re.compile(r"(?:@([A-Za-z0-9._~-]+)/)?([A-Za-z0-9._~()'!*-]+)", re.ASCII)


def purl(path: str | os.PathLike[str]) -> str:
    """The purl of the package in the file at `path`: pkg:pypi/NAME@VERSION or pkg:npm/%40SCOPE/NAME@VERSION.

    A wheel and the sdist of the same version have the same purl, as the purl specification's `file_name` is left out.
    Raises InputError `package-invalid` for a file that is none of these, that contradicts itself or that would cost too
    much to look into, and `file-unreadable`.
    """
    name = os.path.basename(os.fspath(path))
    try:
        with open(os.open(path, files.READ), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError("not a regular file")
            magic = stream.read(4)
            stream.seek(0)
            with archives.refusals():
                if magic == b"PK\3\4":
                    return _wheel(stream, name)
                if magic[:2] == b"\x1f\x8b":
                    return _tarball(stream, name)
    except (OSError, ValueError) as error:
        raise files.unreadable(path, error) from None
    except InputError as error:
        raise error.at(os.fspath(path)) from None
    hint = "Use a wheel, an sdist (.tar.gz) or an npm tarball (.tgz), or write PURL=FILE without --purl."
    raise InputError(
        "package-invalid", "the file is not a package from which a purl can be read", where=os.fspath(path), hint=hint
    )


def _wheel(stream: BinaryIO, file_name: str) -> str:
    try:
        named, named_version, _, _ = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        raise archives.invalid("the file name is not a valid wheel name") from None
    found = [content for _, content in islice(archives.in_zip(stream, _METADATA), 2)]
    if len(found) != 1:
        raise archives.invalid(f"expected one .dist-info/METADATA, found {'several' if found else 'none'}")
    name, version = _python_metadata(found[0])
    try:
        # As text: 1.0 and 1.0.0 are equal versions, and two purls.
        agrees = (named, str(named_version)) == (canonicalize_name(name), str(Version(version)))
    except InvalidVersion:
        agrees = False
    if not agrees:
        raise archives.invalid(f"the file name does not match its METADATA: {name} {version}")
    return _pypi(name, version)


def _tarball(stream: BinaryIO, file_name: str) -> str:
    """An sdist, by the PKG-INFO in its top folder, or an npm tarball, by the package.json there."""
    found: dict[str, tuple[str, bytes]] = {}
    for match, content in archives.in_tarball(stream, _MANIFEST):
        if match[2] in found:
            raise archives.invalid(f"{match[2]} is in the archive twice")
        found[match[2]] = match[1], content
    if "PKG-INFO" in found:
        folder, data = found["PKG-INFO"]
        name, version = _python_metadata(data)
        for what, text in (("file", file_name.removesuffix(".tar.gz")), ("folder", folder)):
            if canonicalize_name(text) != canonicalize_name(f"{name}-{version}"):
                raise archives.invalid(f"the {what} name does not match its PKG-INFO: {name} {version}")
        return _pypi(name, version)
    if "package.json" in found:
        return _npm(found["package.json"][1])
    raise archives.invalid("the archive has neither a PKG-INFO nor a package.json in its top directory")


def _python_metadata(data: bytes) -> tuple[str, str]:
    if data.count(b"\n") + data.count(b"\r") > MAX_LINES:
        raise archives.invalid("the metadata has too many lines")
    headers = BytesHeaderParser().parsebytes(data)
    names, versions = headers.get_all("Name", []), headers.get_all("Version", [])
    if len(names) != 1 or len(versions) != 1:
        raise archives.invalid("the metadata does not have exactly one Name and one Version")
    name, version = str(names[0]), str(versions[0])
    try:
        canonicalize_name(name, validate=True)
        valid = _VERSION.fullmatch(version) is not None
    except InvalidName:
        valid = False
    if not valid:
        raise archives.invalid(f"{name!r} {version!r} is not a valid package name and version")
    return name, version


def _pypi(name: str, version: str) -> str:
    return PackageURL("pypi", None, canonicalize_name(name), version).to_string()


def _npm(data: bytes) -> str:
    document = loads_object(data, what="package.json")
    name, version = document.get("name"), document.get("version")
    parts = _NPM_NAME.fullmatch(name) if isinstance(name, str) else None
    if parts is None or not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise archives.invalid("the package.json does not have a name and a version")
    # By hand, for PackageURL writes names in lower case: JSONStream and jsonstream are two packages.
    scope = f"{quote('@' + parts[1], safe='')}/" if parts[1] else ""
    return f"pkg:npm/{scope}{quote(parts[2], safe='')}@{quote(version, safe='')}"
