"""Standard input, when a key is read from it (`file:-`).

Rule: nothing else in the command line may read it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from attest._base import files
from attest._base.filenames import ambiguous
from attest.cli import _options
from attest.errors import SignerError
from attest.signers import SignerURI, open_signer

if TYPE_CHECKING:
    from collections.abc import Sequence


def demand_once(ctx: click.Context, given: Sequence[tuple[str, click.Parameter, str]]) -> None:
    """Raises UsageError if a key is read from standard input and another of the `given` values is too.

    A value is given with the name of its parameter for messages, and the parameter.

    Raises InputError `name-ambiguous` if there is a file of that name.
    """
    keys = [f"{label} {text}" for label, _, text in given if _is_key(text)]
    others = [
        f"{label} {text}"
        for label, param, text in given
        if files.is_stdin(text) and param.callback is not _options.check_output
    ]
    if len(keys) > 1 or (keys and others):
        names = " and ".join(keys + others)
        raise click.UsageError(f"standard input can be read only once, and it is named by {names}", ctx)


def _is_key(text: str) -> bool:
    """Whether a text is a signer URI whose key is on standard input."""
    try:
        # Also the second place of a key, after failover=; other schemes are not opened, because that imports plug-ins.
        members = [member for member in SignerURI.parse(text).members if member.scheme == "file"]
        found = [member for member in members if open_signer(member.text).reads_stdin]
    except SignerError:  # it is no signer, but the name of a file
        return False
    if any(member.path == "-" for member in found) and os.path.lexists("-"):
        raise ambiguous(text, "standard input", "file:/dev/stdin", file="file:./-")
    return bool(found)
