"""What many tests of the command line begin with: a folder with the inputs of the transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli.inputs import copy_inputs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def among_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a new one, with a copy of each input."""
    copy_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
