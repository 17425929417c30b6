"""Questions to git about a folder.

Rule: git is only asked, and about the folder that is named: no lock is taken, no hook and no monitor of it is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 60


def ask(folder: str, *arguments: str, environ: Mapping[str, str]) -> str | None:
    """What `git ARGUMENTS` prints about `folder`, without the line's end; None where git fails or takes a minute.

    `environ` says where git is and who asks. Raises InputError `git-failed` where there is no git.
    """
    git = shutil.which("git", path=environ.get("PATH", os.defpath))
    if git is None:
        raise InputError("git-failed", "git is not installed")
    command = [git, "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    try:
        ran = subprocess.run(  # noqa: S603
            [*command, "-C", folder, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            # Inside a git hook, git's own variables name another repository than the one that is asked about.
            env={name: value for name, value in environ.items() if not name.startswith("GIT_")},
        )
    except subprocess.TimeoutExpired:
        return None
    return ran.stdout.decode("utf-8", "replace").removesuffix("\n") if ran.returncode == 0 else None


def commit(folder: str, revision: str = "HEAD", *, environ: Mapping[str, str]) -> str | None:
    """The full id of the commit that `revision` means in `folder`, or None. Raises as `ask` does."""
    # `--end-of-options` keeps a revision from being read as an option.
    named = f"{revision}^{{commit}}"
    return ask(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", named, environ=environ)
