"""The command line says, to the letter, what fixtures/transcripts holds: every command, every option, every refusal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
import pytest

from attest.cli import attest
from attest.cli._commands import every
from tests.cli.make_transcripts import TRANSCRIPTS, Transcript, make_inputs
from tests.support.cli.calls import shell
from tests.support.cli.inputs import INPUTS

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS = sorted(TRANSCRIPTS.glob("*.txt"))
TYPED = [line for path in SESSIONS for line in Transcript.parse(path.read_text()).typed]


COMMANDS = {" ".join(path): command for path, command in every(attest, "attest")}
OPTIONS = [
    (path, option)
    for path, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_session_goes_as_it_is_written_down(path: Path, tmp_path: Path) -> None:
    written = path.read_text()
    assert Transcript.parse(written).replay(tmp_path) == written


@pytest.mark.parametrize("name", ["main-job", "verify-unreadable", "passphrase", "environment"])
def test_the_installed_program_in_a_shell_says_the_same(name: str, tmp_path: Path) -> None:
    written = (TRANSCRIPTS / f"{name}.txt").read_text()
    assert Transcript.parse(written).replay(tmp_path, partial(shell, installed=True)) == written


def test_the_inputs_are_what_the_generator_makes(tmp_path: Path) -> None:
    make_inputs(tmp_path)
    assert {path.name: path.read_bytes() for path in INPUTS.iterdir()} == {
        path.name: path.read_bytes() for path in tmp_path.iterdir()
    }


def test_every_option_of_every_command_is_in_a_transcript() -> None:
    lines = [(f"{line} ", line.split()) for line in TYPED]
    missing = [
        f"{path} {option.opts[-1]}"
        for path, option in OPTIONS
        if not any(f"{path} " in line and not {*option.opts}.isdisjoint(words) for line, words in lines)
    ]
    assert not missing


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_every_exit_code_is_in_a_transcript(code: int) -> None:
    assert any(f"\nexit {code}\n" in path.read_text() for path in SESSIONS)


def test_no_transcript_holds_a_private_key_or_the_passphrase_it_was_given() -> None:
    for path in SESSIONS:
        printed = [line for line in path.read_text().splitlines() if line.startswith(("|", "!"))]
        assert not [line for line in printed if "PRIVATE KEY" in line or "open sesame" in line]
