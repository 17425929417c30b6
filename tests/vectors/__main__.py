"""Writes fixtures/vectors: `python -m tests.vectors.__main__` makes the folder anew, the same bytes every time."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.vectors import (
    algorithms,
    anchors,
    artifacts,
    authorities,
    binding,
    encodings,
    envelopes,
    failed,
    life,
    naming,
    policy,
    predicates,
    signatures,
    statements,
    timestamps,
    trust,
    trust_chain,
    trust_roots,
    validity,
    vouching,
)
from tests.vectors.keys import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_SUBJECTS = (
    signatures,
    binding,
    algorithms,
    validity,
    life,
    timestamps,
    authorities,
    vouching,
    envelopes,
    failed,
    encodings,
    statements,
    predicates,
    anchors,
    trust,
    trust_chain,
    trust_roots,
    artifacts,
    naming,
    policy,
)


def files() -> dict[str, bytes]:
    """Every file of the folder by its path in it. Raises ValueError for a scenario that is there twice."""
    made: dict[str, bytes] = {}
    for case in (case for subject in _SUBJECTS for case in subject.cases()):
        if f"{case.name}/case.json" in made:
            raise ValueError(f"two scenarios are named {case.name}")
        made.update({f"{case.name}/{path}": data for path, data in case.files.items()})
    return made


def write(folder: Path) -> None:
    """Write the vectors to `folder`, in place of what is there."""
    made = files()
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in made.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


if __name__ == "__main__":
    write(FOLDER)
