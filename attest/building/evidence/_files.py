"""The files of reports: those that are named, those that a glob matches, and all files of a directory.

Rule: each file is read once, one after the other, and all together have a limit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from attest._base import files
from attest._base.globbing import is_glob
from attest.building import trees
from attest.building.subjects import expand
from attest.errors import InputError, shown
from attest.limits import MAX_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_REPORT: Final = 1 << 30


class ReportPath(NamedTuple):
    """The path of a report, or `-`; and whether only its directory was named, which may have other files as well."""

    name: str
    is_in_directory: bool = False

    @property
    def shown(self) -> str:
        """How messages call it."""
        return shown(self.name)


def find(names: Iterable[str]) -> list[ReportPath]:
    """The files that `names` mean: paths, `-`, globs and directories, with everything below them; each file once.

    Raises InputError `report-missing` for a glob that matches nothing and a directory without files, `name-ambiguous`,
    and as `trees.find` does.
    """
    found: dict[str, ReportPath] = {}
    for name in names:
        for path in _expand(name):
            key = path.name if path.name == "-" else os.path.realpath(path.name)
            # A file that was named itself must be a report.
            if key not in found or found[key].is_in_directory:
                found[key] = path
    if len(found) > MAX_FILES:
        raise InputError("too-many-files", f"there are more than {MAX_FILES:,} reports")
    return list(found.values())


def _expand(name: str) -> Iterator[ReportPath]:
    if os.path.isdir(name):
        try:
            below = trees.find(name, ["."], missing="report-missing", outside=True)
        except InputError as error:
            if error.code == "report-missing":
                error.message = "the directory has no files"
            raise
        for file in below:
            yield ReportPath(os.path.join(name, file.name), is_in_directory=True)
    elif name == "-" or not is_glob(name):
        yield ReportPath(name)
    else:
        matched = expand(name)
        if not matched:
            raise InputError("report-missing", f"no file matches {name!r}")
        yield from map(ReportPath, matched)


def load(paths: Iterable[ReportPath], stdin: BinaryIO | None) -> Iterator[tuple[ReportPath, bytes]]:
    """The bytes of each file, with `-` from `stdin`.

    Raises InputError `file-unreadable`, and `file-too-large` beyond MAX_REPORT bytes in all.
    """
    left = MAX_REPORT
    for path in paths:
        try:
            data = _read(path.name, stdin, left)
        except InputError as error:
            if error.code == "file-too-large":
                message = f"the reports are larger than {files.size(MAX_REPORT)}"
                raise InputError(error.code, message, where=error.where) from None
            raise
        left -= len(data)
        yield path, data


def _read(name: str, stdin: BinaryIO | None, limit: int) -> bytes:
    if name != "-" or stdin is None:
        return files.read(name, limit=limit)
    data = files.read_stream(stdin, limit)
    if data is None:
        raise InputError("file-too-large", "too large", where="standard input")
    return data
