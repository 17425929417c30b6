"""The products of a command, told from the files that were there before it with the same content.

Rule: content decides, and not times or inodes: what `touch` or `cp -p` leaves is no product of the command.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from attest.building import trees
from attest.building.run import snapshot
from attest.building.run.snapshot import Snapshot
from attest.errors import InputError
from attest.limits import MAX_FILES
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_MOST_NAMED: Final = 3


def before(
    directory: str,
    globs: Iterable[str],
    known: Snapshot,
    *,
    apart: Collection[str] = (),
    exclude: Iterable[str] = (),
    most: int = MAX_FILES,
) -> Snapshot:
    """The files that `globs` of products name before the command runs; those in `known` are not hashed again.

    Raises InputError as `trees.find` and `snapshot.take`, but not for what is missing or no file: it may become one.
    """
    found = trees.find(directory, globs, missing=None, apart=apart, exclude=exclude, skip=lambda _, __: True, most=most)
    root, digests = os.path.realpath(directory), known.digests
    paths = [os.path.join(root, *file.parts) for file in found]
    fresh = [file for file, path in zip(found, paths, strict=True) if path not in digests]
    digests |= snapshot.take(directory, fresh).digests
    return Snapshot(
        [ResourceDescriptor(file.name, digests[path]) for file, path in zip(found, paths, strict=True)], paths
    )


def unchanged(earlier: Snapshot, made: Snapshot) -> list[str]:
    """The names of products that were there earlier with the same content, under this name or as the same file."""
    names, files = {one.name: one.digest for one in earlier.descriptors}, earlier.digests
    return [
        str(one.name)
        for one, path in zip(made.descriptors, made.paths, strict=True)
        if one.digest in (names.get(one.name), files.get(path))
    ]


def described(names: Sequence[str], number: int) -> str:
    """A sentence about the unchanged among `number` products."""
    shown = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" if names[_MOST_NAMED:] else "")
    return f"{len(names)} of {number} products existed before the command with the same content: {shown}"


def refusal(names: Sequence[str], number: int) -> InputError:
    """The error about products that the command did not make."""
    hint = (
        "Remove old products before the command, name only what it makes, or attest them with --allow-unchanged. "
        "A product that is made again with the same content counts as unchanged."
    )
    return InputError("product-unchanged", described(names, number), hint=hint)
