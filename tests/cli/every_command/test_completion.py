"""Words are completed as a shell asks for them, quickly, and by no variable of the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import ATTEST, call, program
from tests.support.cli.inputs import copy_inputs

if TYPE_CHECKING:
    from pathlib import Path

BASH = """
set -u
PATH=$(dirname "$0"):$PATH
eval "$(attest completion bash)"
compopt() { printf 'compopt %s\\n' "$*"; }
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1}
    shift
    COMP_WORDS=("$0" "$@") COMP_CWORD=$#
    _attest_completion "$0"
    printf '%s\\n' "${COMPREPLY[@]-}" end
}
cd "$1"
complete_line 'attest sign --signer ssh' sign --signer ssh
complete_line 'attest verify --format=ju' verify --format = ju
complete_line 'attest inspect ' inspect ''
complete_line 'attest sign --signer file:a' sign --signer file : a
"""


def words(*line: str) -> list[str]:
    """The words that could be the last one of a line."""
    ran = call("completion", "zsh", "--", "attest", *line).done()
    return [shown.split("\t")[1] for shown in ran.stdout.decode().splitlines()]


def test_a_real_bash_completes_commands_uris_options_and_files(tmp_path: Path) -> None:
    copy_inputs(tmp_path)
    (tmp_path / "a b.pem").touch()
    ran = subprocess.run(
        ["bash", "--norc", "-c", BASH, ATTEST, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr == ""
    scheme, form, file, odd = ran.stdout.split("\nend\n")[:4]
    assert scheme == "compopt -o nospace\nssh-agent:"
    assert form == "junit"
    assert file == "compopt -o default\n"
    assert odd.split("\n")[0] == "a\\ b.pem"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_this_command(shell: str) -> None:
    script = call("completion", shell).done().stdout.decode()
    assert f"completion {shell} -- " in script
    assert "COMPLETE=" not in script


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("verify --ty", {"--type"}),
        ("verify --type sls", {"slsa-provenance", "slsa-provenance-v0.2"}),
        ("trust retire trust.json --anchor ", {"release"}),
        ("verify --trust trust.json --anchor rel", {"release"}),
        ("trust init --algorithm ecdsa", {"ecdsa-sha2-nistp256"}),
        ("trust add t --key s", {"sim:", "ssh-agent:"}),
        ("explain artifact-mis", {"artifact-missing", "artifact-mismatch"}),
        ("trust r", {"resign", "retire", "revoke", "rotate"}),
        ("trust authority a", {"add"}),
        ("verify --limit x --trust nothing.json --anchor ", set()),
        ("build --type https://slsa", set()),
        ("sign --signer file:release.p", {"file:release.pem", "file:release.pub.pem"}),
        ("tru", {"trust"}),
    ],
)
def test_a_word_is_completed_by_what_attest_knows(
    line: str, some: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = words(*line.split(" "))
    assert some <= set(found)
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)
    assert bool(found) is bool(some)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_no_name_in_a_file_does_anything_in_a_terminal_or_a_shell(shell: str, tmp_path: Path) -> None:
    """In the locale C, bash quotes `\u00e9$(date)` as `$'\\303\\251$(date)'`, and runs `date` behind an open quote."""
    file = tmp_path / "t.json"
    hostile = ["r\x1b[2J", "r\tb\nc", "r\u00e9$(date)", "r`date`", "r'", 'r"', "r\\", "r!!", "r\u202e"]
    file.write_text(json.dumps({"anchors": {name: {} for name in [*hostile, "r \u00e9;&|(#1)"]}}))
    line = f"attest verify --trust {file} --anchor r"
    asked = [line, "r"] if shell == "bash" else line.split()
    ran = call("completion", shell, "--", *asked).done()
    assert ran.stdout == "plain\tr \u00e9;&|(#1)\t\n".encode()


def test_no_file_that_never_ends_is_read_for_a_completion(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (pipe, "/dev/zero"):
        assert words("verify", "--trust", str(file), "--anchor", "") == []


@pytest.mark.parametrize("instruction", ["bash_complete", "bash_source", "zsh_complete", "nonsense"])
def test_no_variable_keeps_a_command_from_its_work(instruction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_ATTEST_COMPLETE", "ATTEST_COMPLETE", "_ATTEST_PY_COMPLETE"):
        monkeypatch.setenv(name, instruction)
    monkeypatch.setenv("COMP_WORDS", "attest ")
    monkeypatch.setenv("COMP_CWORD", "1")
    for run in (call, program):
        ran = run("verify", "nothing.json", "--trust", "nothing.json", "--no-artifact")
        ran.refused(3, "file-unreadable")
        assert ran.stdout == b""


def test_to_complete_a_command_imports_no_command() -> None:
    code = (
        "import sys; from attest.cli import main; main(['completion', 'zsh', '--', 'attest', 'ver']);"
        "main(['completion', 'zsh', '--', 'attest', 'trust', 're']); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stdout.splitlines()[-1].split()
    assert not [name for name in loaded if name.startswith(("attest.cli.verify", "attest.cli.trust.", "cryptography"))]
