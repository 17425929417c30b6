"""A git checkout compared with its commit: which tracked files differ, in submodules too.

Rule: no setting and no mark of a repository hides a change, and no program that a repository names is run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base import files, git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST_SUBMODULES: Final = 1_000
_STATUS: Final = ("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty")
# A repository can tell git to trust less than the inode, or not to look at modes and links.
_SETTINGS: Final = (
    "core.trustctime=true",
    "core.checkStat=default",
    "core.ignoreStat=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.splitIndex=false",  # or a copy of the index writes a part of it into the repository
)
_ENTRY: Final = re.compile(r"(.) ([0-7]{6}) ([0-9a-f]+) \d\t(.*)", re.DOTALL)
_SUBMODULE: Final = "160000"
# What Git LFS stores in place of a file (git-lfs, docs/spec.md); a pointer has less than 1,024 bytes.
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_MOST_POINTER: Final = 1_024

FileMark = tuple[int, ...] | None


class Checkout(NamedTuple):
    """What is checked out: the commit, or None, and the tracked files that differ from it, or None if it is not known.

    `changed` has a mark for each path, which is another one after a further change.
    """

    head: str | None
    changed: Mapping[str, FileMark] | None


def look(folder: str, *, environ: Mapping[str, str]) -> Checkout:
    """The checkout that `folder` is in. Raises InputError `git-failed` where there is no git."""
    head = git.commit(folder, environ=environ)
    return Checkout(head, changed(folder, environ=environ) if head else None)


def changed(folder: str, *, environ: Mapping[str, str]) -> dict[str, FileMark] | None:
    """The tracked files that differ from the commit, by their paths from the top; None if git cannot say.

    Files that a sparse checkout leaves out do not differ. Raises InputError `git-failed` where there is no git.
    """
    found: dict[str, FileMark] = {}
    top = _top(folder, environ)
    left = [] if top is None else [(top, "")]
    seen = 0
    while left:
        root, prefix = left.pop()
        seen += 1
        one = _Repository.read(root, environ) if seen <= _MOST_SUBMODULES else None
        if one is None:
            return None
        paths = one.changed()
        if paths is None:
            return None
        found |= {prefix + path: _mark(os.path.join(root, path)) for path in paths}
        for path in one.submodules:
            below = os.path.join(root, path)
            if os.path.islink(below) or not os.path.isdir(below):
                continue  # git has reported what is no directory
            if _top(below, environ) == os.path.realpath(below):
                left.append((below, f"{prefix}{path}/"))
            elif git.refusal(below, environ=environ):
                return None
            elif not _is_empty(below):  # files of no repository, which git does not look at
                found[prefix + path] = _mark(below)
    return None if top is None else found


class _Repository(NamedTuple):
    """A repository: its top directory, entries of its index by path, and the options that turn off its filters."""

    root: str
    environ: Mapping[str, str]
    entries: dict[str, tuple[str, str, str]]
    safely: tuple[str, ...]

    @classmethod
    def read(cls, root: str, environ: Mapping[str, str]) -> _Repository | None:
        listed = git.output(root, "ls-files", "-s", "-v", "-z", environ=environ)
        if listed is None:
            return None
        entries = {}
        for line in _split(listed):
            parsed = _ENTRY.fullmatch(line)
            if parsed is None:
                return None
            tag, mode, oid, path = parsed.groups()
            entries[path] = (tag, mode, oid)
        settings = git.output(root, "config", "-z", "--name-only", "--list", environ=environ)
        if settings is None:
            return None
        named = (name.removeprefix("filter.") for name in _split(settings) if name.startswith("filter."))
        filters = {name.rpartition(".")[0] for name in named}
        if any("=" in name for name in filters):  # it cannot be turned off
            return None
        off = [f"filter.{name}.{key}" for name in sorted(filters) for key in ("clean=", "process=", "required=false")]
        return cls(root, environ, entries, tuple(word for setting in (*_SETTINGS, *off) for word in ("-c", setting)))

    @property
    def submodules(self) -> list[str]:
        return [path for path, (_, mode, _) in self.entries.items() if mode == _SUBMODULE]

    def changed(self) -> list[str] | None:
        """The paths that differ from the commit."""
        # Lower case: assume-unchanged; S: skip-worktree (git-ls-files(1)).
        hidden = [path for path, (tag, _, _) in self.entries.items() if tag.islower() or tag == "S"]
        listed = self._unhidden_status(hidden) if hidden else self._ask(*_STATUS)
        if listed is None:
            return None
        status = {line[3:]: line[:2] for line in _split(listed)}
        left_out = {path for path in hidden if self.entries[path][0] in "Ss" and self._is_missing(path)}
        kept = {path: code for path, code in status.items() if not (path in left_out and code == " D")}
        stored = self._stored([path for path, code in kept.items() if code == " M"])
        return [path for path in kept if path not in stored]

    def _unhidden_status(self, paths: list[str]) -> bytes | None:
        """The status by a copy of the index in which git is to look at `paths`."""
        own = git.ask(self.root, "rev-parse", "--git-path", "index", environ=self.environ)
        given = b"".join(os.fsencode(path) + b"\0" for path in paths)
        try:
            with TemporaryDirectory(prefix="attest-git-") as folder:
                index = os.path.join(folder, "index")
                # With its time: git reads a file again that may have changed in the same moment.
                shutil.copy2(os.path.join(self.root, own or ""), index)
                for mark in ("--no-assume-unchanged", "--no-skip-worktree"):
                    if self._ask("update-index", mark, "-z", "--stdin", index=index, given=given) is None:
                        return None
                return self._ask(*_STATUS, index=index)
        except OSError:
            return None

    def _stored(self, paths: list[str]) -> set[str]:
        """Those of `paths` that are as Git LFS has stored them: git compares with a pointer, without its filter."""
        by_oid: dict[str, list[str]] = {}
        for path in paths:
            if path in self.entries:
                by_oid.setdefault(self.entries[path][2], []).append(path)
        sizes = self._objects("--batch-check=%(objectname) %(objectsize)", by_oid)
        lines = (line.split() for line in sizes.decode().splitlines())
        small = [line[0] for line in lines if line[-1].isdigit() and int(line[-1]) < _MOST_POINTER]
        blobs, at = self._objects("--batch=%(objectname) %(objectsize)", small), 0
        found = set()
        while at < len(blobs):
            header, _, _ = blobs[at : at + 200].partition(b"\n")
            oid, _, length = header.decode().partition(" ")
            if not length.isdigit():  # it has vanished meanwhile
                break
            start = at + len(header) + 1
            pointer = _POINTER.fullmatch(blobs, start, start + int(length))
            at = start + int(length) + 1
            if pointer is not None:
                digest, size = pointer[1].decode(), int(pointer[2])
                found |= {path for path in by_oid[oid] if _has(os.path.join(self.root, path), digest, size)}
        return found

    def _objects(self, form: str, oids: Iterable[str]) -> bytes:
        given = "".join(f"{oid}\n" for oid in oids).encode()
        return (self._ask("cat-file", form, given=given) or b"") if given else b""

    def _is_missing(self, path: str) -> bool:
        return not os.path.lexists(os.path.join(self.root, path))

    def _ask(self, *arguments: str, given: bytes = b"", index: str | None = None) -> bytes | None:
        return git.output(self.root, *self.safely, *arguments, environ=self.environ, given=given, index=index)


def _top(folder: str, environ: Mapping[str, str]) -> str | None:
    """The top of the checkout that `folder` is in; None if a setting of the repository puts it elsewhere."""
    said = git.ask(folder, "rev-parse", "--show-toplevel", environ=environ)
    if said is None:
        return None
    top, here = os.path.realpath(said), os.path.realpath(folder)
    return top if os.path.commonpath([top, here]) == top and os.path.lexists(os.path.join(top, ".git")) else None


def _split(listed: bytes) -> Iterator[str]:
    return (os.fsdecode(one) for one in listed.split(b"\0")[:-1])


def _is_empty(folder: str) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False


def _mark(path: str) -> FileMark:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_mode, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _has(path: str, digest: str, size: int) -> bool:
    try:
        handle = os.open(path, files.READ | files.NO_LINK)
        with open(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size != size:
                return False
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except OSError:
        return False
