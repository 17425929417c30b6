"""Queries of git about a directory.

Rule: git only reads, and only the given directory: no lock is taken, and nothing that a repository names is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from attest._base import notices
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SECONDS: Final = 60
# Inside a git hook, these name another repository than the one that is asked about, or other content for it
# (git rev-parse --local-env-vars, without the settings). All others are settings of the user.
_ELSEWHERE: Final = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
# A repository must not make git run or fetch anything, nor show other content for a commit.
_HARMLESS: Final = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def ask(folder: str, *arguments: str, environ: Mapping[str, str]) -> str | None:
    """What `git ARGUMENTS` prints about `folder`, without the line's end; None where git fails or takes a minute.

    `environ` has the PATH of git, and settings of git, which hold (GIT_CONFIG_COUNT and others). Raises InputError
    `git-failed` where there is no git.
    """
    said = output(folder, *arguments, environ=environ)
    return None if said is None else said.decode("utf-8", "replace").removesuffix("\n")


def output(
    folder: str, *arguments: str, environ: Mapping[str, str], given: bytes = b"", index: str | None = None
) -> bytes | None:
    """The same in bytes, with `given` as standard input, and with the file `index` in place of git's own index."""
    own = _inside(environ) | ({} if index is None else {"GIT_INDEX_FILE": index})
    try:
        ran = _run("-C", folder, *arguments, environ=own, given=given)
    except subprocess.TimeoutExpired:
        return None
    return ran.stdout if ran.returncode == 0 else None


def refusal(folder: str, *, environ: Mapping[str, str]) -> str | None:
    """Why git does not read the repository that `folder` is in, in its own words; None if it does or there is none."""
    try:
        ran = _run("-C", folder, "rev-parse", "--git-dir", environ=_inside(environ))
    except subprocess.TimeoutExpired:
        return f"git did not answer within {_SECONDS} s"
    said = ran.stderr.decode("utf-8", "replace").splitlines()
    reason = next((line.removeprefix("fatal: ") for line in said if line.startswith("fatal: ")), "")
    if ran.returncode == 0 or reason.startswith("not a git repository") or not os.path.isdir(folder):
        return None
    return f"git says: {reason[:200] or 'nothing'}"


def commit(folder: str, revision: str = "HEAD", *, environ: Mapping[str, str]) -> str | None:
    """The full id of the commit that `revision` means in `folder`, or None. Raises as `ask` does."""
    # `--end-of-options` keeps a revision from being read as an option.
    named = f"{revision}^{{commit}}"
    return ask(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", named, environ=environ)


class Ignores:
    """What the `.gitignore` files of a folder ignore, as git reads them (gitignore(5)). A context manager.

    git is asked with an empty repository of its own and no settings. So only the files in the folder count: the same
    files are ignored on every machine, also where the folder is in no repository, and whether or not they are tracked.
    """

    def __init__(self, folder: str, *, environ: Mapping[str, str]) -> None:
        """`environ` says where git is. Raises InputError `git-failed`, as everything here does."""
        self._folder = os.path.abspath(folder)
        self._repository = TemporaryDirectory(prefix="attest-git-")
        self._environ = {
            "PATH": environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        try:
            self._demand("init", "--quiet", "--bare", "--template=", self._repository.name)
        except BaseException:
            self._repository.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._repository.cleanup()

    def among(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that are ignored. They are relative to the folder, and lead through no symbolic link."""
        # With `./` in front, no path is an option, and none has git's `:(magic)`.
        given = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)
        if not given:
            return set()
        answer = self._demand(
            *("-C", self._folder, f"--git-dir={self._repository.name}", f"--work-tree={self._folder}"),
            *("-c", "core.bare=false", "-c", "core.ignoreCase=false"),
            *("check-ignore", "--no-index", "--stdin", "-z"),
            given=given,
            codes=(0, 1),  # 1: none of them
        )
        return {os.fsdecode(path.removeprefix(b"./")) for path in answer.split(b"\0")[:-1]}

    def _demand(self, *arguments: str, given: bytes = b"", codes: tuple[int, ...] = (0,)) -> bytes:
        try:
            ran = _run(*arguments, environ=self._environ, given=given)
        except subprocess.TimeoutExpired:
            raise InputError("git-failed", f"git did not list the ignored files within {_SECONDS} s") from None
        reasons = ran.stderr.decode("utf-8", "replace").splitlines()
        if ran.returncode not in codes:
            raise InputError("git-failed", f"git cannot list the ignored files: {'; '.join(reasons)[:200]}")
        for reason in reasons:  # why a file of patterns is not read, as one that is a link
            notices.warn(f"git: {reason[:200]}")
        return ran.stdout


def _inside(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _ELSEWHERE} | _HARMLESS


def _run(*arguments: str, environ: Mapping[str, str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git. Raises InputError `git-failed` where there is none, and TimeoutExpired."""
    git = shutil.which("git", path=environ.get("PATH", os.defpath))
    if git is None:
        raise InputError("git-failed", "git is not installed", hint="Install git, or put it on the PATH.")
    quiet = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
    return subprocess.run(  # noqa: S603
        [git, *quiet, *arguments], input=given, capture_output=True, check=False, timeout=_SECONDS, env=dict(environ)
    )
