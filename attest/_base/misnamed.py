"""Names of files that do not exist, and what was probably meant.

Rule: it only helps to word an error; no other file is opened in the place of the one that was named.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import Final

from attest._base.text import nearest

_EXPANDED: Final = 'The shell expands `~` only where a word begins, and `$` not in single quotes. Write "$HOME/...".'
_MAX_LISTED: Final = 1_000  # names of a directory among which one is looked for


def hint_for(path: str | os.PathLike[str], error: OSError) -> str | None:
    """What to do about a file that cannot be read."""
    if isinstance(error, IsADirectoryError):
        return "Name a file in this directory."
    if not isinstance(error, FileNotFoundError):
        return None
    if "://" in os.fspath(path):
        return "Download it first: attest reads files."
    there = "Check the name." if os.path.isabs(path) else "Check the name, and the directory in which the command runs."
    return meant(path) or there


def meant(path: str | os.PathLike[str]) -> str | None:
    """A hint with the name that was probably meant in the place of a file that does not exist, if there is one."""
    if is_unexpanded(path):
        return _EXPANDED
    folder, name = os.path.split(os.fspath(path))
    try:
        with os.scandir(folder or ".") as entries:
            near = nearest(name, [entry.name for entry in islice(entries, _MAX_LISTED)], cutoff=0.85)
    except (OSError, ValueError):
        return None
    return f"Did you mean {os.path.join(folder, near[0])!r}?" if near else None


def is_unexpanded(path: str | os.PathLike[str]) -> bool:
    """Whether a name begins with what a shell usually replaces."""
    return os.fspath(path).startswith(("~", "$"))
