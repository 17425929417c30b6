"""The directory of `attest run`: what the globs of materials and products find in it.

Rule: the output and what is excluded are neither materials nor products, and what is left out is printed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from attest.cli import _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.building.run.snapshot import Snapshot


class Tree:
    """The directory of the globs, and the output in it, which is neither a material nor a product."""

    def __init__(self, directory: str, target: str, exclude: Sequence[str], most: int) -> None:
        self._directory = directory
        self._output = os.path.relpath(os.path.realpath(target), os.path.realpath(directory))
        self._rest: dict[str, Any] = {"apart": [self._output], "exclude": exclude, "most": most}

    def demand_no_output_among(self, globs: Sequence[str]) -> None:
        """Raises UsageError for a glob that is the name of the output."""
        if self._output in map(os.path.normpath, globs):
            raise click.UsageError(f"the output {self._output} cannot be one of the products; choose another name")

    def hash(self, globs: Sequence[str], *, missing: str, gitignore: bool = False, skip: bool = False) -> Snapshot:
        """The files that match `globs`. With `skip`, what is no file of the directory is left out with a note."""
        from attest.building import trees
        from attest.building.run import snapshot

        skipped: list[InputError] = []

        def leave_out(error: InputError, spelled: bool) -> bool:
            skipped.append(error)
            return skip and not spelled

        with self._limited():
            found = trees.find(
                self._directory, globs, missing=missing, gitignore=gitignore, skip=leave_out, **self._rest
            )
        if skipped:
            more = f", and {len(skipped) - 1} more" if skipped[1:] else ""
            _output.prose("note", f"left out of the materials: {skipped[0].where} ({skipped[0].message}){more}")
        paths = [os.path.join(self._directory, *file.parts) for file in found]
        with _output.progress(paths, "hashing") as progress:
            return snapshot.take(self._directory, found, progress=progress)

    def before(self, globs: Sequence[str], known: Snapshot) -> Snapshot:
        """The files that match the `globs` of products before the command runs."""
        from attest.building.run import products

        with self._limited():
            return products.before(self._directory, globs, known, **self._rest)

    @contextmanager
    def _limited(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            if error.code == "too-many-files":
                error.hint = "Name fewer files, leave some out (--exclude GLOB), or allow more: --limit files=N."
            raise
