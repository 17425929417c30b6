"""Texts that are both the name of a file and something else, such as a digest.

Rule: a text that can mean both is an error, because an attacker may have chosen the name of the file.
"""

from __future__ import annotations

import os

from attest.errors import InputError


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
