"""The tests themselves: where they stand, so that one `ls` shows the place of the next, and all of them are found."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = [TESTS, *(path for path in TESTS.rglob("*") if path.is_dir() and path.name != "__pycache__")]


def test_a_folder_has_few_entries_and_a_file_few_lines() -> None:
    """`tests/` itself mirrors the rooms, so it has as many folders as there are."""
    for folder in FOLDERS[1:]:
        assert len({path.name for path in folder.iterdir()} - {"__pycache__"}) <= 25, folder
    long = [path for path in TESTS.rglob("*.py") if path.read_bytes().count(b"\n") > 600]
    assert not long


def test_pytest_looks_into_every_folder(pytestconfig: pytest.Config) -> None:
    """It passes over folders of some names, such as `build`, without a word."""
    passed_over = pytestconfig.getini("norecursedirs")
    assert not [folder for folder in FOLDERS for one in passed_over if fnmatch(folder.name, one)]
    for folder in FOLDERS:
        assert not list(folder.glob("test_*.py")) or (folder / "__init__.py").is_file(), folder
