"""The commit that is built: what the environment claims, and what git says of the folder.

Rule: the two are compared, before and after a command; if git is not available or differs, that is a caveat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base import checkout, git
from attest.building.ci._build import Caveat
from attest.building.ci._variables import Variables, escaped, missing, repository
from attest.digest import is_well_formed
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNNAMED = Caveat("source-unnamed", "no URL of the repository of the commit is known")


class Source(NamedTuple):
    """A commit, where it is from, and what is not certain about it."""

    commit: str
    repository: str | None
    ref: str | None
    caveats: tuple[Caveat, ...]

    @property
    def dependency(self) -> dict[str, Any]:
        """Its ResourceDescriptor: `git+REPOSITORY@REF`, an SPDX download location, and the gitCommit."""
        digest = {"gitCommit": self.commit}
        if self.repository is None:
            return {"digest": digest}
        return {"uri": f"git+{self.repository}{f'@{escaped(self.ref)}' if self.ref else ''}", "digest": digest}

    @property
    def claims(self) -> dict[str, str]:
        """`repository` and `ref` as parameters, where they are known."""
        known = {"repository": self.repository, "ref": self.ref}
        return {name: value for name, value in known.items() if value is not None}


def claimed(commit: str, where: str | None, ref: str | None, folder: str, environ: Mapping[str, str]) -> Source:
    """The source that the environment names, with the caveats from comparing it with `folder`."""
    caveats = _compared(commit, folder, environ)
    return Source(commit, where, ref, tuple(caveats if where else [*caveats, _UNNAMED]))


def named(url: str, commit: str, ref: str | None, folder: str, environ: Mapping[str, str]) -> Source:
    """The source by the variables `url` and `commit`, which not every job has, and otherwise the folder's own.

    Raises InputError: `ci-variable-missing` for `commit` where the folder has none either, `ci-variable-invalid`.
    """
    variables = Variables(environ)
    remote = variables.get(url)
    where = repository(remote) if remote else None
    # Buildkite gives a symbolic name where a build was asked for by one.
    if variables.get(commit) not in (None, "HEAD"):
        return claimed(variables.commit(commit), where, ref, folder, environ)
    found = in_folder(folder, environ)
    if found is None:
        raise missing(commit)
    message = f"{commit} is not set or is not a commit ID; the commit checked out in the directory is recorded"
    return found._replace(
        repository=where or found.repository,
        ref=ref or found.ref,
        caveats=(Caveat("source-from-folder", message), *(d for d in found.caveats if not (where and d == _UNNAMED))),
    )


def in_folder(folder: str, environ: Mapping[str, str]) -> Source | None:
    """What git says that is checked out in `folder`, or None where it says nothing."""
    commit = _head(folder, environ)
    if commit is None:
        return None
    remotes = (git.ask(folder, "remote", environ=environ) or "").split()
    remote = "origin" if "origin" in remotes else remotes[0] if len(remotes) == 1 else None
    url = git.ask(folder, "remote", "get-url", remote, environ=environ) if remote else None
    where = repository(url) if url else None
    caveats = _changed(folder, environ)
    return Source(commit, where, _ref(folder, environ), tuple(caveats if where else [*caveats, _UNNAMED]))


def _ref(folder: str, environ: Mapping[str, str]) -> str | None:
    """The branch that is checked out, or else the one tag of the commit."""
    branch = git.ask(folder, "symbolic-ref", "--quiet", "HEAD", environ=environ)
    if branch is not None:
        return branch
    tags = git.ask(folder, "for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/tags", environ=environ)
    found = (tags or "").splitlines()
    return found[0] if len(found) == 1 else None


def _compared(commit: str, folder: str, environ: Mapping[str, str]) -> list[Caveat]:
    head = _head(folder, environ)
    if head is None:
        message = "git finds no commit in the directory, so the commit that the environment names is not confirmed"
        return [Caveat("commit-unchecked", message + _because(folder, environ))]
    if head != commit:
        message = f"the environment names commit {commit}, but commit {head} is checked out in the directory"
        return [Caveat("commit-differs", message), *_changed(folder, environ)]
    return _changed(folder, environ)


def _changed(folder: str, environ: Mapping[str, str]) -> list[Caveat]:
    # Untracked files are not asked about: what was built is one of them.
    changed = checkout.changed(folder, environ=environ)
    if changed is None:
        message = "git cannot show whether files have changed since the commit"
        return [Caveat("source-unchecked", message + _because(folder, environ))]
    if changed:
        return [Caveat("source-changed", "files that git tracks have changed since the commit")]
    return []


def look(folder: str, environ: Mapping[str, str]) -> checkout.Checkout:
    """What is checked out in `folder` at the moment."""
    try:
        return checkout.look(folder, environ=environ)
    except InputError:  # there is no git
        return checkout.Checkout(None, None)


def moved(before: checkout.Checkout, after: checkout.Checkout) -> list[Caveat]:
    """The caveats of a command that changed what is checked out, by what it was `before` and `after`."""
    found = []
    if before.head != after.head:
        message = f"the command moved the checkout from commit {before.head or 'none'} to {after.head or 'none'}"
        found.append(Caveat("commit-moved", message))
    if after.changed is None:
        if before.changed is not None:
            message = "git cannot show whether the command changed files that it tracks"
            found.append(Caveat("source-unchecked", message))
    # After a move, what was changed before may be in the other commit.
    elif any(mark != (before.changed or {}).get(path, ()) for path, mark in after.changed.items()) or (
        before.head == after.head and before.changed and before.changed.keys() - after.changed.keys()
    ):
        found.append(Caveat("source-changed-later", "the command changed files that git tracks"))
    return found


def refusal(folder: str, environ: Mapping[str, str]) -> str | None:
    """Why git does not read the repository of `folder`, in its own words, or None."""
    try:
        return git.refusal(folder, environ=environ)
    except InputError as error:  # there is no git
        return error.message


def _because(folder: str, environ: Mapping[str, str]) -> str:
    reason = refusal(folder, environ)
    return f" ({reason})" if reason else ""


def _head(folder: str, environ: Mapping[str, str]) -> str | None:
    try:
        commit = git.commit(folder, environ=environ)
    except InputError:  # there is no git
        return None
    return commit if commit is not None and is_well_formed("gitCommit", commit) else None
