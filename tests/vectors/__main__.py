"""Writes fixtures/vectors: `python -m tests.vectors` makes the folder again, the same bytes every time."""

from __future__ import annotations

import shutil
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tests.vectors import subjects
from tests.vectors.scenarios import FOLDER, Scenario, stored
from tests.vectors.shared import shared

if TYPE_CHECKING:
    from pathlib import Path


def files() -> dict[str, bytes]:
    """Every file of the folder by its path in it. Raises ValueError for two scenarios of one name, and as `shared`."""
    made: dict[str, tuple[str, Scenario]] = {}
    for subject in sorted(module.name for module in iter_modules(subjects.__path__)):
        for scenario in import_module(f"{subjects.__name__}.{subject}").cases():
            if scenario.name in made:
                raise ValueError(f"two scenarios are named {scenario.name}")
            made[scenario.name] = subject, scenario
    trust = shared(scenario for _, scenario in made.values())
    return {path: data for data, path in trust.items()} | {
        f"{subject}/{name}.json": stored(scenario, trust) for name, (subject, scenario) in made.items()
    }


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
