"""Subjects from command-line arguments: files, globs, directories, standard input, digests, git commits, purls.

Rule: an argument that names nothing, or that is ambiguous, is an error and never an empty statement.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from attest import digest
from attest._base import filenames, git
from attest._base.globbing import ends, is_glob
from attest.building import trees
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from attest.digest import DigestSet

_STDIN = ("-", "/dev/stdin")


def from_arguments(
    arguments: Iterable[str],
    *,
    algorithms: Iterable[str] = ("sha256",),
    stdin: BinaryIO | None = None,
    progress: digest.Progress | None = None,
    purls: bool = False,
) -> list[ResourceDescriptor]:
    """The subjects that `arguments` name, in their order.

    FILE, a quoted GLOB of files (as `trees.find` reads it), DIRECTORY (its dirHash), `-` or /dev/stdin (what `stdin`
    holds), `[digest:]ALGORITHM:HEX`, `git:DIRECTORY[@REVISION]` (its gitCommit), and `NAME=` in front of any of them,
    where a purl is a name. A file is named by the last part of its path unless it is given a name. With `purls`, each
    must be a file of a package, and gets its purl as `uri`. Raises InputError: `subject-missing`, `name-ambiguous`,
    `directory-is-layout`, `digest-invalid`, `digest-unsupported`, `git-failed`, `package-invalid`, `glob-invalid`, and
    what hashing raises.
    """
    chosen = digest.check_algorithms(algorithms)
    found: list[ResourceDescriptor | _File] = []
    fault = None
    try:
        for argument in arguments:
            found.extend(_subjects(argument, chosen, stdin, progress, purls))
    except InputError as error:  # raised after those of the files before it
        fault = error
    hashed = digest.hash_several([one.path for one in found if isinstance(one, _File)], chosen, progress)
    described = [one.described(*next(hashed)) if isinstance(one, _File) else one for one in found]
    if fault is not None:
        raise fault
    return described


class _File(NamedTuple):
    """A file that is a subject under a name of its own or a given one, and that is hashed after all have been found."""

    path: str
    name: str | None
    purls: bool

    def described(self, digests: DigestSet, _: object) -> ResourceDescriptor:
        """Its descriptor. Raises as `packages.purl`."""
        return ResourceDescriptor(self.name or _own_name(self.path), digests, _purl(self.path) if self.purls else None)


def stdin_in(arguments: Iterable[str]) -> int:
    """How many of the `arguments` are standard input. Raises InputError `name-ambiguous`."""
    return sum(_split(argument)[1] in _STDIN for argument in arguments)


def files_in(arguments: Iterable[str]) -> list[str]:
    """The paths of the files among `arguments`, so that the bytes to be hashed can be counted beforehand."""
    paths = (path for argument in arguments for path in expand(_split(argument)[1]))
    return [path for path in paths if os.path.isfile(path)]


def expand(value: str, *, whole: bool = False, skip: Callable[[InputError, bool], bool] | None = None) -> list[str]:
    """The paths that FILE, DIRECTORY or a quoted GLOB of files names; none if there is nothing.

    `whole` and `skip` are those of `trees.find`. Raises InputError `name-ambiguous`, and what `trees.find` raises.
    """
    found = _found(value, whole=whole, skip=skip) if is_glob(value) else []
    if os.path.lexists(value):
        if found not in ([], [value]):
            raise filenames.ambiguous(value, "a glob that matches other files", file=f"NAME=- < '{value}'")
        return [value]
    return found


def git_commit(value: str) -> tuple[str, str]:
    """The name of the directory and the full id of the commit that `git:DIRECTORY[@REVISION]` means.

    Raises InputError `name-ambiguous` and `git-failed`.
    """
    filenames.demand_no_file(value, "a git commit", f"git:./{value.removeprefix('git:')}")
    folder, _, revision = value.removeprefix("git:").partition("@")
    try:
        commit = git.commit(folder or ".", revision or "HEAD", environ=os.environ)
        if commit is None or not digest.is_well_formed("gitCommit", commit):
            reason = git.refusal(folder or ".", environ=os.environ)
            message = f"git finds no commit {revision or 'HEAD'!r} in {folder or '.'}{f' ({reason})' if reason else ''}"
            raise InputError("git-failed", message)
    except InputError as error:
        error.hint = "Use gitCommit:HEX instead."
        raise error.at(value) from None
    return Path(folder or ".").resolve().name, commit


def _subjects(
    argument: str, algorithms: tuple[str, ...], stdin: BinaryIO | None, progress: digest.Progress | None, purls: bool
) -> Iterator[ResourceDescriptor | _File]:
    name, value = _split(argument)
    if purls and not any(os.path.isfile(path) for path in expand(value)):
        raise InputError("package-invalid", "the subject is not a package file, so it has no purl", where=argument)
    if value in _STDIN:
        if value == "-":
            filenames.demand_no_file(value, "standard input", "/dev/stdin")
        if stdin is None:
            raise InputError("subject-missing", "a subject is read from standard input, which is not available")
        yield ResourceDescriptor(name, digest.hash_stream(stdin, algorithms, progress))
    elif digest.is_digest(value):
        yield ResourceDescriptor(name, digest.parse_digest(value))
    elif value.startswith("git:"):
        folder, commit = git_commit(value)
        yield ResourceDescriptor(name or folder, {"gitCommit": commit})
    else:
        paths = expand(value)
        if not paths:
            raise _missing(value)
        if name is not None and len(paths) > 1:
            raise InputError("subject-ambiguous", f"{value!r} matches {len(paths)} files, which cannot share one name")
        for path in paths:
            if os.path.isdir(path):
                from attest.oci.layout import demand_no_layout  # which needs much that only images need

                demand_no_layout(path)
                digests = digest.hash_directory(path, progress)
                yield ResourceDescriptor(name or _own_name(path), digests, _purl(path) if purls else None)
            else:
                yield _File(path, name, purls)


def _purl(path: str) -> str:
    from attest.building import packages  # brings libraries along, which few have a use for

    return packages.purl(path)


def _own_name(path: str) -> str:
    """The last part of a path; `.` and `..` are called what they are."""
    name = os.path.basename(path.rstrip("/"))
    name = name if name not in ("", ".", "..") else Path(path).resolve().name
    trees.demand_utf8(name, path)
    return name


def _split(argument: str) -> tuple[str | None, str]:
    """NAME and what it names; a file whose own name has a `=` in it is found as it is."""
    name, equals, value = argument.rpartition("=")
    if not equals:
        return None, argument
    if os.path.lexists(argument):
        is_path = argument.startswith((".", "/"))
        if (
            name
            and not is_path
            and (value in _STDIN or digest.is_digest(value) or value.startswith("git:") or expand(value))
        ):
            raise filenames.ambiguous(argument, f"{value!r} with a name")
        return None, argument
    if not name:
        raise InputError("subject-missing", f"{argument!r} has no name before the `=`")
    return name, value


def _found(glob: str, *, whole: bool, skip: Callable[[InputError, bool], bool] | None) -> list[str]:
    """The files that a glob names; the directory to look in is what stands before the part with its first wildcard."""
    above = "".join(ends(glob)[0].rpartition("/")[:2])
    if not os.path.isdir(above or "."):
        return []
    try:
        found = trees.find(
            above or ".", [glob[len(above) :]], missing="subject-missing", outside=True, whole=whole, skip=skip
        )
    except InputError as error:
        if error.code != "subject-missing":
            raise
        return []
    return [above + file.name for file in found]


def _missing(value: str) -> InputError:
    if is_glob(value):
        hint = "Use several globs: `[` has no special meaning in a glob." if "[" in value else None
        return InputError("subject-missing", f"no file matches {value!r}", hint=hint)
    if value.lower().startswith("pkg:"):
        hint = "Add a digest or a file to the purl: pkg:TYPE/NAME@VERSION=sha256:HEX or =FILE."
        return InputError("subject-missing", f"purl {value!r} has no digest", hint=hint)
    hint = f"For an image: --image {value}." if value.startswith(("oci-layout:", "oci://", "docker://")) else None
    return InputError("subject-missing", f"file {value!r} does not exist", hint=hint)
