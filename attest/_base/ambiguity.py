"""Texts that are the name of a file, or say something else, such as a digest: which of the two is meant.

Rule: where a text can mean both, nobody guesses, for whoever made the file may have chosen its name.
"""

from __future__ import annotations

import os

from attest.errors import InputError


def demand_no_file(text: str, meaning: str, instead: str | None = None) -> None:
    """Raises InputError `name-ambiguous` where there is a file, folder or link called `text`, which is also `meaning`.

    `instead` is another way to write the meaning, that no file has for its name. A link that leads nowhere is one too.
    """
    if os.path.lexists(text):
        raise ambiguous(text, meaning, instead)


def ambiguous(text: str, meaning: str, instead: str | None = None, *, file: str | None = None) -> InputError:
    """The error for a `text` that is both a file's name and `meaning`; `file` is how to write the former."""
    if instead is not None and os.path.lexists(instead):
        instead = None
    other = f"{instead} for {meaning}" if instead else f"rename the file if you mean {meaning}"
    message = f"{text!r} is {meaning}, and there is also a file of that name"
    return InputError("name-ambiguous", message, hint=f"Write {file or f'./{text}'} for the file, or {other}.")
