"""A project that is built once, and a machine for each test that runs a pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.pipelines.machine import FILES, PROJECT, SYSTEMS, Machine, commit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a git repository that the build step of all pipelines has built."""
    folder = tmp_path_factory.mktemp("built") / "project"
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    commit(folder)
    lines = [
        [line for step in system.read()["build"] for line in step.script.splitlines() if "-m build" in line]
        for name, system in SYSTEMS.items()
        if name != "tekton"  # another Task's
    ]
    assert lines == [["python -m build --no-isolation"]] * 5
    subprocess.run([sys.executable, *lines[0][0].split()[1:]], cwd=folder, check=True, capture_output=True)
    assert sorted(os.listdir(folder / "dist")) == FILES
    return folder


@pytest.fixture
def machine(tmp_path: Path, built: Path) -> Machine:
    return Machine(tmp_path, built)
