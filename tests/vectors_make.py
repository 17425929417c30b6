"""Writes fixtures/vectors: `python -m tests.vectors_make` makes the folder anew, the same bytes every time."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests import (
    vectors_algorithms,
    vectors_anchors,
    vectors_artifacts,
    vectors_authorities,
    vectors_binding,
    vectors_encodings,
    vectors_envelopes,
    vectors_failed,
    vectors_life,
    vectors_naming,
    vectors_policy,
    vectors_predicates,
    vectors_signatures,
    vectors_statements,
    vectors_timestamps,
    vectors_trust,
    vectors_trust_chain,
    vectors_trust_roots,
    vectors_validity,
    vectors_vouching,
)
from tests.vectors_keys import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_SUBJECTS = (
    vectors_signatures,
    vectors_binding,
    vectors_algorithms,
    vectors_validity,
    vectors_life,
    vectors_timestamps,
    vectors_authorities,
    vectors_vouching,
    vectors_envelopes,
    vectors_failed,
    vectors_encodings,
    vectors_statements,
    vectors_predicates,
    vectors_anchors,
    vectors_trust,
    vectors_trust_chain,
    vectors_trust_roots,
    vectors_artifacts,
    vectors_naming,
    vectors_policy,
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
