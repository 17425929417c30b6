"""The artifacts that `--artifact` names: files, quoted globs, directories, digests, git commits, standard input.

Rule: every file that is named must be covered, so what names nothing is an error.
"""

from __future__ import annotations

import os
import re
from errno import ENOENT
from typing import TYPE_CHECKING, Final

import click

from attest._base import documents, files
from attest._base.filenames import meant_file
from attest._base.globbing import is_glob
from attest.artifacts import Artifact
from attest.cli import _options, _output
from attest.errors import InputError
from attest.limits import MAX_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from attest.digest import Progress

_ALL: Final = re.compile(r"/\*+\Z")  # these name all that is in a directory, or are refused for what they leave out
_BARE: Final = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_ALGORITHMS: Final = {64: "sha256", 96: "sha384", 128: "sha512", 40: "gitCommit"}


def files_of(arguments: Iterable[str]) -> list[str]:
    """`arguments` with each quoted glob replaced by the files that it matches, each once.

    A directory that a glob matches must be an argument too, or all that is in it. Raises BadParameter for a glob that
    matches nothing, and for a digest without its algorithm; InputError, such as `directory-left-out`.
    """
    given = list(arguments)
    folders = {os.path.normpath(_ALL.sub("", argument)) for argument in given}
    return list(dict.fromkeys(name for argument in given for name in _expanded(argument, folders)))


def read(names: Iterable[str], progress: Progress | None) -> list[Artifact]:
    """The artifact that each name means. Raises BadParameter for an invalid digest, and InputError."""
    return [_artifact(name, progress) for name in names]


def explain(error: InputError, name: str, artifacts: Sequence[str]) -> None:
    """Give `error` about the input `name` a hint if it is probably something else: an image, or an artifact.

    An artifact may be swapped with the attestation, or be of an unquoted glob.
    """
    if error.code == "file-unreadable":
        hint = image_hint(name)
        if hint is not None and meant_file(name) is None:
            error.hint = hint
        return
    for one in artifacts if error.code in ("json-invalid", "envelope-invalid") else ():
        if os.path.isfile(one) and _is_attestation(one):
            import shlex  # others choose the names of files, and a command is copied

            swapped = shlex.join(["attest", "verify", one, "--artifact", name])
            error.hint = f"Swap them: {one} is the attestation. Write `{swapped}`."
            return
    suffix = os.path.splitext(name)[1]
    if error.code == "json-invalid" and suffix and any(suffix == os.path.splitext(one)[1] for one in artifacts):
        glob = os.path.join(os.path.dirname(name), f"*{suffix}")
        error.hint = f"If it is an artifact, quote the glob: --artifact '{glob}'. The shell must not expand it."


def image_hint(name: str) -> str | None:
    """A hint, if there is no file `name` and it can be the name of an image."""
    from attest.oci.reference import is_probable

    if os.path.lexists(name) or not is_probable(name):
        return None
    return f"If {name} is an image: --image {name}. Attestations that are stored beside it are read too."


def _is_attestation(name: str) -> bool:
    try:
        kind = documents.kind_of(files.read(name, limit=MAX_ENVELOPE))
    except InputError:
        return False
    return kind in documents.ATTESTATIONS


def _expanded(argument: str, folders: Collection[str]) -> Iterator[str]:
    if is_glob(argument):
        from attest.building import subjects  # looks for files in directories, which few calls need

        try:
            # What is published must be covered, whatever its name.
            found = subjects.expand(argument, whole=True, skip=lambda error, _: _is_given(error, folders))
        except InputError as error:
            if error.code == "name-ambiguous":
                error.hint = f"Rename the file, or write --artifact - < '{argument}' for it."
            elif error.code == "directory-left-out" and error.hint is None:
                every = os.path.join(os.path.dirname(str(error.where)), "**")
                error.hint = (
                    f"For the files in directories too: --artifact '{every}'. To ship some files, name only those."
                )
            raise
        if not found:
            raise click.BadParameter(f"no file matches {argument!r}", param_hint="--artifact")
        yield from found
        return
    algorithm = _ALGORITHMS.get(len(argument)) if _BARE.fullmatch(argument) else None
    if algorithm is not None and not os.path.lexists(argument):
        message = f"{argument} is a digest without its algorithm: write {algorithm}:{argument}"
        raise click.BadParameter(message, param_hint="--artifact")
    yield argument


def _is_given(error: InputError, folders: Collection[str]) -> bool:
    return error.code == "directory-left-out" and error.where in folders


def _artifact(name: str, progress: Progress | None) -> Artifact:
    if name == "-":
        return Artifact.of_stream("-", _options.stdin())
    if name.startswith("git:"):
        from attest.building import subjects

        return Artifact(name, {"gitCommit": subjects.git_commit(name)[1]})
    if os.path.isdir(name):
        from attest.oci.layout import demand_no_layout  # which needs much that only images need

        demand_no_layout(name)
    elif ("/" in name or name.startswith("oci-layout:")) and (hint := image_hint(name)) is not None:
        error = files.unreadable(name, FileNotFoundError(ENOENT, os.strerror(ENOENT)))
        error.hint = meant_file(name) or hint
        raise error
    try:
        return Artifact.of(name, progress=progress)
    except InputError as error:  # an invalid digest
        if error.code == "name-ambiguous":
            raise
        raise _output.WrongValue(error, param_hint="--artifact") from None
