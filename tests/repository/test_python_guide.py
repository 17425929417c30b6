"""docs/develop/python.md: its examples run, its table has every command, and the names in it are there and public."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from attest.cli import attest as commands
from tests.support.reading import pages

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = pages.DOCS / "develop" / "python.md"
GUIDE = PAGE.read_text()
TABLE = re.findall(r"^\| (`.+) \| (.+) \|$", GUIDE.partition("## The public call for each command")[2], re.MULTILINE)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "service"}
    examples = pages.blocks(PAGE, "python")
    assert len(examples) >= 8
    for example in examples:
        if "logging.basicConfig" in example:
            compile(example, "docs/develop/python.md", "exec")  # the log of this process is pytest's
        else:
            exec(compile(example, "docs/develop/python.md", "exec", dont_inherit=True), namespace)  # noqa: S102


def test_there_is_a_public_call_for_every_command() -> None:
    said = " ".join(command for command, _ in TABLE)
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        subcommands = sorted(command.commands) if isinstance(command, click.Group) else [""]
        for sub in subcommands:
            assert re.search(rf"`{f'{name} {sub}'.strip()}\b", said), f"{name} {sub}"


def test_the_calls_are_there_and_public() -> None:
    calls = [NAME.match(call) for _, right in TABLE for call in re.findall(r"`([^`]+)`", right)]
    names = sorted({found[0] for found in calls if found})
    assert len(names) > 40
    for name in names:
        assert not any(part.startswith("_") for part in name.split(".")), name
    # In a process of its own, in which nothing else has imported the modules.
    program = "import sys, operator, attest\nfrom attest.signers.pkcs11 import configured, survey\n"
    program += "for name in sys.argv[1:]: operator.attrgetter(name)(attest)"
    subprocess.run([sys.executable, "-c", program, *(name for name in names if name != "help")], check=True)
