"""The README is executed: its commands print what it shows, and its Python runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.reading import pages

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PROVENANCE = """{
  "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {"source": "x"}},
  "runDetails": {"builder": {"id": "https://example.com/builders/1"}}
}"""
FRESH = [command.line for command in pages.commands(README) if ".venv" in command.line]


def test_the_commands_print_what_is_shown_and_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the README assumes: a file and a predicate.
    (tmp_path / "dist").mkdir()
    artifact = tmp_path / "dist" / "app.whl"
    artifact.write_text("hello\n")
    (tmp_path / "provenance.json").write_text(PROVENANCE)
    assert pages.play(README, tmp_path, environ={}, leave_out=FRESH) == 6
    assert artifact.read_text() == "tampered\n"
    artifact.write_text("hello\n")
    monkeypatch.chdir(tmp_path)
    [python] = pages.blocks(README, "python")
    exec(python, {})  # noqa: S102


def test_it_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_there_are_exactly_two_commands_for_a_fresh_machine() -> None:
    assert len(FRESH) == 2
    assert FRESH[0].endswith("attest demo")


def test_the_gate_runs_the_readmes_test_command_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in script if not line.startswith("#")] == ['cd "$(dirname "$0")/.." || exit 1', FRESH[1]]


def test_the_exit_codes_are_those_of_the_program() -> None:
    from attest.cli._output import exits

    shown = [int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)]
    assert shown == [exits.OK, exits.REJECTED, exits.USAGE, exits.UNREADABLE, exits.UNAVAILABLE, exits.BUG]
