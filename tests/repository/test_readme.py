"""The README is executed: its commands print what it shows, and its Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

PROVENANCE = """{
  "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {"source": "x"}},
  "runDetails": {"builder": {"id": "https://example.com/builders/1"}}
}"""

# What differs from run to run: keys are fresh, and time goes by.
VARYING = [(re.compile(r"\b[0-9a-f]{64}\b"), "<hex>"), (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>")]


class Command(NamedTuple):
    line: str
    output: str
    code: int


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[Command]:
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        exit_line = re.search(r"^\[exit (\d+)\]\n", output, re.MULTILINE)
        output = re.sub(r"^\[exit \d+\]\n", "", output, flags=re.MULTILINE)
        found.append(Command(line, output.strip(), int(exit_line[1]) if exit_line else 0))
    return found


def normal(text: str) -> str:
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    return text.strip()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README assumes: a file and a predicate."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "dist").mkdir()
    (folder / "dist" / "app.whl").write_text("hello\n")
    (folder / "provenance.json").write_text(PROVENANCE)
    (folder / "policy.toml").write_text(next(block for block in blocks("toml") if block.startswith("[[require]]")))
    return folder


SESSIONS = [command for block in blocks("console") for command in commands(block) if ".venv" not in command.line]


def test_the_commands_print_what_is_shown_and_the_python_runs(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    assert len(SESSIONS) >= 12
    for command in SESSIONS:
        if command.line.startswith("echo tampered"):
            ran = subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=workshop, check=False)
            assert ran.returncode == 0, "the README's Python fails"
        shell = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.line],
            cwd=workshop,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert normal(shell.stdout) == normal(command.output), command.line
        if "| head" not in command.line:  # there the pipe is closed on purpose
            assert shell.returncode == command.code, command.line


def test_there_are_exactly_two_commands_for_a_fresh_machine() -> None:
    fresh = [command.line for block in blocks("console") for command in commands(block) if ".venv" in command.line]
    assert len(fresh) == 2
    assert fresh[0].endswith("attest demo")


def test_the_gate_runs_the_readmes_test_command_and_nothing_else() -> None:
    fresh = [command.line for block in blocks("console") for command in commands(block) if ".venv" in command.line]
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in script if not line.startswith("#")] == ['cd "$(dirname "$0")/.." || exit 1', fresh[1]]


def test_the_exit_codes_are_those_of_the_program() -> None:
    from attest.cli import _exits

    shown = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    assert shown == [_exits.OK, _exits.REJECTED, _exits.USAGE, _exits.UNREADABLE, _exits.UNAVAILABLE, _exits.BUG]
