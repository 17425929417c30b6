"""The files of a directory that globs name, for every command that takes globs of files (docs/adr/0028).

Rule: a glob that finds nothing is an error, and so is what cannot be read; nothing is left out without a word.
"""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from attest._base import files, git
from attest._base.globbing import is_glob, matches
from attest.errors import InputError
from attest.limits import MAX_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

_GLOBSTAR = "**"
_STARS = re.compile(r"\*{2,}")

_States = frozenset[tuple[int, int]]


def demand_utf8(name: str, path: str) -> None:
    """Raises InputError `name-invalid` for the name of a file that JSON cannot have; `path` is where the file is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        message = "the file name is not UTF-8 and cannot be written into a statement"
        raise InputError("name-invalid", message, where=path, hint="Rename the file.") from None


class TreeFile(NamedTuple):
    """A file: its `name` with forward slashes, and the `parts` of its real path, both from the directory on."""

    name: str
    parts: tuple[str, ...]


class _Folder(NamedTuple):
    """A directory that is still to be walked: where it really is, what it is called, and what may be found in it."""

    path: str
    names: tuple[str, ...]
    states: _States
    excluding: _States
    ignored: bool


def find(
    directory: str | os.PathLike[str],
    globs: Iterable[str],
    *,
    missing: str | None,
    gitignore: bool = False,
    apart: Collection[str] = (),
    outside: bool = False,
    whole: bool = False,
    exclude: Iterable[str] = (),
    skip: Callable[[InputError, bool], bool] | None = None,
    most: int = MAX_FILES,
) -> list[TreeFile]:
    """The files below `directory` that at least one of `globs` names, each once, sorted by name.

    `*` and `?` match within a name, `**` any number of directories, and all else is itself; hidden files are files. A
    glob whose last part has no wildcard and names a directory means everything below it, and `.` is the directory
    itself. What only wildcards name is skipped if it is called `.git` (unless `whole`), is in `apart`, or, with
    `gitignore`, is ignored by the `.gitignore` files in the tree, as git reads them. A link to a file in the tree
    is found under its own name; one to a directory is followed only where a glob spells its name, for the files
    behind it have names of their own. A link may lead out of the directory only with `outside`. What a glob of
    `exclude` names is not found. With `whole`, a wildcard must not name a directory, or a link to one, and leave out
    what is in it.

    `skip` decides about each link that leads out or nowhere, pipe, socket and device, and about what `whole` refuses:
    it gets the error and whether a glob spells its name, and returns true to leave it out. Without it all are errors.

    Raises InputError: `glob-invalid`, the code `missing` (if it is one) for a glob that finds nothing, `link-outside`,
    `directory-left-out`, `file-unreadable` for what cannot be read or is no file, `name-invalid`, `git-failed`, and
    `too-many-files` beyond `most`.
    """
    walk = _Walk(
        directory,
        tuple(globs),
        exclude=tuple(exclude),
        apart=frozenset(apart),
        gitignore=gitignore,
        outside=outside,
        whole=whole,
        skip=skip,
        most=most,
    )
    found = walk.run()
    for index, glob in enumerate(walk.globs if missing is not None else ()):
        if index not in walk.used:
            hint = None
            if walk.left_out:
                hint = "--exclude leaves out the files that match its globs."
            elif walk.passed_over:
                hint = (
                    "Name the file without wildcards: wildcards skip .git, the output and, "
                    "with --gitignore, ignored files."
                )
            raise InputError(str(missing), f"no file matches {glob!r}", where=walk.where, hint=hint)
    return sorted(found.values())


class _Walk:
    """One search; keeps which globs have found something."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        globs: tuple[str, ...],
        *,
        exclude: tuple[str, ...],
        apart: frozenset[str],
        gitignore: bool,
        outside: bool,
        whole: bool,
        skip: Callable[[InputError, bool], bool] | None,
        most: int,
    ) -> None:
        self.shown = os.path.normpath(directory)
        self.where = None if self.shown == "." else self.shown
        self.root = os.path.realpath(directory)
        self.globs = globs
        self.apart = apart
        self.gitignore = gitignore
        self.outside = outside
        self.whole = whole
        self.skip = skip
        self.most = most
        self.used: set[int] = set()
        self.passed_over = self.left_out = False
        self.found: dict[str, TreeFile] = {}
        self.patterns = [
            (index, segments) for index, glob in enumerate((*globs, *exclude)) for segments in _parse(glob)
        ]

    def run(self) -> dict[str, TreeFile]:
        first = [(number, 0) for number in range(len(self.patterns))]
        start = self._past_globstars(at for at in first if self.patterns[at[0]][0] < len(self.globs))
        excluding = self._past_globstars(at for at in first if self.patterns[at[0]][0] >= len(self.globs))
        folders = [_Folder(self.root, (), start, excluding, ignored=False)]
        with git.Ignores(self.root, environ=os.environ) if self.gitignore else nullcontext() as ignores:
            while folders:  # all directories of one depth at once, so that git is asked once a depth
                found = [(folder, entry) for folder in folders for entry in self._entries(folder)]
                ignored = set() if ignores is None else ignores.among(self._real(entry.path) for _, entry in found)
                below = [
                    self._visit(folder, entry, ignored=folder.ignored or self._real(entry.path) in ignored)
                    for folder, entry in found
                ]
                folders = [folder for folder in below if folder is not None]
        return self.found

    def _entries(self, folder: _Folder) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder.path) as listing:
                return list(listing)
        except (OSError, ValueError) as error:
            raise files.unreadable(self._shown(folder.names), error) from None

    def _visit(self, folder: _Folder, entry: os.DirEntry[str], *, ignored: bool) -> _Folder | None:
        """Take an entry for what it is: a file that is found, a directory to walk, or nothing of ours."""
        names = (*folder.names, entry.name)
        is_link = entry.is_symlink()
        passed_over = ignored or (entry.name == ".git" and not self.whole) or "/".join(names) in self.apart
        states = self._step(folder.states, entry.name, spelled_only=passed_over)
        self.passed_over = self.passed_over or (passed_over and not states)
        if not states:
            return None
        excluding = self._step(folder.excluding, entry.name, spelled_only=False)
        out = self._ends(excluding)
        path = os.path.realpath(entry.path) if is_link else entry.path
        is_folder = os.path.isdir(path) if is_link else entry.is_dir(follow_symlinks=False)
        if any(not (is_folder and self._only_files(number)) for number in out):
            self.left_out = True
            return None
        ends = self._ends(states)
        spelled = partial(self._step, name=entry.name, spelled_only=True)
        walked = spelled(folder.states) if is_folder and is_link else states
        error = None
        if len(ends) < len(states) if is_folder else ends:
            error = self._refusal(entry, names, path, is_folder=is_folder)
        if error is None and is_folder and self.whole:
            error = self._left_out(names, states, walked, is_link=is_link)
        if error is not None:
            if self.skip is None or not self.skip(error, bool(spelled(folder.states))):
                raise error
            return None
        if is_folder:
            return _Folder(path, names, walked, excluding, ignored) if walked else None
        if ends:
            self._add(names, path)
            self.used |= {self.patterns[number][0] for number in ends}
        return None

    def _refusal(
        self, entry: os.DirEntry[str], names: tuple[str, ...], path: str, *, is_folder: bool
    ) -> InputError | None:
        """Why an entry, which leads to `path`, is no file or directory of this tree; or None."""
        shown = self._shown(names)
        if entry.is_symlink() and not self.outside and os.path.commonpath([self.root, path]) != self.root:
            hint = "Name the files themselves, or use another --directory."
            return InputError("link-outside", "the link leads out of the directory", where=shown, hint=hint)
        if entry.is_symlink() and not os.path.exists(path):
            return InputError("file-unreadable", "the target of the link does not exist", where=shown)
        is_file = os.path.isfile(path) if entry.is_symlink() else entry.is_file(follow_symlinks=False)
        if not is_folder and not is_file:
            return InputError("file-unreadable", "the path is not a regular file", where=shown)
        return None

    def _left_out(
        self, names: tuple[str, ...], states: _States, walked: _States, *, is_link: bool
    ) -> InputError | None:
        """Why a directory that a glob names, but does not look into, is refused; or None if it is looked into."""
        going_on = {self.patterns[number][0] for number, at in walked if at < len(self.patterns[number][1])}
        if states == walked and {self.patterns[number][0] for number in self._ends(states)} <= going_on:
            return None
        what = "a link to a directory" if is_link else "a directory"
        hint = "Wildcards do not follow links to directories. Copy the directory itself: cp -rL." if is_link else None
        message = f"the glob matches {what}, and would leave out the files in it"
        return InputError("directory-left-out", message, where=self._shown(names), hint=hint)

    def _ends(self, states: _States) -> set[int]:
        return {number for number, at in states if at == len(self.patterns[number][1])}

    def _only_files(self, number: int) -> bool:
        """Whether a pattern names no directory: its last part is a wildcard, other than `**`."""
        segments = self.patterns[number][1]
        return bool(segments) and segments[-1] != _GLOBSTAR and is_glob(segments[-1])

    def _add(self, names: tuple[str, ...], path: str) -> None:
        name = "/".join(names)
        demand_utf8(name, self._shown(names))
        if len(self.found) >= self.most and name not in self.found:
            raise InputError("too-many-files", f"there are more than {self.most:,} files", where=self.shown)
        self.found[name] = TreeFile(name, tuple(os.path.relpath(path, self.root).split("/")))

    def _shown(self, names: Sequence[str]) -> str:
        return os.path.normpath(os.path.join(self.shown, *names))

    def _real(self, path: str) -> str:
        """A path in the tree, from the directory on: below a link it is where that leads."""
        return path.removeprefix(self.root).lstrip("/")

    def _step(self, states: _States, name: str, *, spelled_only: bool) -> _States:
        """Where `name` leads to from `states`; `spelled_only` lets no wildcard match it."""
        reached = set()
        for number, at in states:
            segments = self.patterns[number][1]
            if at == len(segments):
                continue
            if segments[at] == name:
                reached.add((number, at + 1))
            elif not spelled_only and segments[at] == _GLOBSTAR:
                reached |= {(number, at), (number, at + 1)} if at == len(segments) - 1 else {(number, at)}
            elif not spelled_only and is_glob(segments[at]) and matches(segments[at], name):
                reached.add((number, at + 1))
        return self._past_globstars(reached)

    def _past_globstars(self, states: Iterable[tuple[int, int]]) -> _States:
        """`states`, and those behind a `**` that stands for no directory; at the end it must stand for something."""
        reached = set()
        for number, at in states:
            segments = self.patterns[number][1]
            reached.add((number, at))
            while at < len(segments) - 1 and segments[at] == _GLOBSTAR:
                at += 1
                reached.add((number, at))
        return frozenset(reached)


def _parse(glob: str) -> list[tuple[str, ...]]:
    """The segments of a glob; and again with a `**` behind them, where it may name a directory."""
    segments = [_GLOBSTAR if _STARS.fullmatch(part) else part for part in glob.split("/") if part not in ("", ".")]
    if not glob or glob.startswith("/") or ".." in segments or "\0" in glob:
        hint = "Use a glob relative to --directory, without `..`."
        raise InputError("glob-invalid", f"{glob!r} is not a glob inside the directory", hint=hint)
    if segments and is_glob(segments[-1]):
        return [tuple(segments)]
    return [tuple(segments), (*segments, _GLOBSTAR)]
