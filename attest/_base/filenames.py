"""Names of files: those that also mean something else, such as a digest, and those of files that are not there.

Rule: a text that can mean both is an error, because an attacker may have chosen the name of the file; a name that was
probably meant is shown, and never used.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import Final

from attest._base.text import nearest
from attest.errors import InputError

_EXPANDED: Final = 'The shell expands `~` only at the start of a word, and `$` not in single quotes. Write "$HOME/...".'
_MAX_LISTED: Final = 1_000  # names of a directory among which one is looked for


def demand_no_file(text: str, meaning: str, instead: str | None = None) -> None:
    """Raises InputError `name-ambiguous` if `text`, which means `meaning`, is also a file, directory or link.

    `instead` is another way to write the meaning. A link without a target counts as a file.
    """
    if os.path.lexists(text):
        raise ambiguous(text, meaning, instead)


def ambiguous(text: str, meaning: str, instead: str | None = None, *, file: str | None = None) -> InputError:
    """The error for a `text` that is both a file's name and `meaning`; `file` is how to write the former."""
    if instead is not None and os.path.lexists(instead):
        instead = None
    other = f"{instead} for {meaning}" if instead else f"rename the file if you mean {meaning}"
    message = f"{text!r} is both {meaning} and the name of a file"
    return InputError("name-ambiguous", message, hint=f"Write {file or f'./{text}'} for the file, or {other}.")


def hint_of_unreadable(path: str | os.PathLike[str], error: OSError) -> str | None:
    """What to do about a file that cannot be read."""
    if isinstance(error, IsADirectoryError):
        return "Name a file in this directory."
    if not isinstance(error, FileNotFoundError):
        return None
    if "://" in os.fspath(path):
        return "Download it first: attest reads files."
    there = "Check the name." if os.path.isabs(path) else "Check the name, and the directory in which the command runs."
    return meant_file(path) or there


def meant_file(path: str | os.PathLike[str]) -> str | None:
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
