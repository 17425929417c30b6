"""`attest demo` does all of it in a folder of its own, with nothing but the commands that it shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.cli.calls import Ran, call, program, shell


class Shown(NamedTuple):
    """A command that the demo shows, what is said before it, what it printed there and its exit code."""

    said: str
    line: str
    printed: str
    code: int


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def show(ran: Ran) -> list[Shown]:
    """The commands in what the demo printed."""
    shown = []
    steps = ran.stdout.decode().partition("\nThat is all of it.")[0]
    for said, line, rest in re.findall(r"(?m)^(?:# (.*)\n)?\$ (.*)\n((?:(?![#$] ).*\n)*)", steps):
        printed, _, code = rest.partition("(exit ")
        shown.append(Shown(said, line, printed, int(code.partition(")")[0] or 0)))
    return shown


def settled(text: str) -> list[str]:
    """Lines without what differs from run to run: new keys and the time."""
    return re.sub(r"(ed25519 |keyid +)[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:]+Z", r"\1...", text).strip().splitlines()


def test_it_ends_well_and_shows_a_yes_and_two_noes() -> None:
    ran = program("demo", "attest-demo")
    assert ran.code == 0
    commands = [step for step in show(ran) if step.line.startswith("attest ")]
    assert [(step.line.split()[1], step.code) for step in commands] == [
        *[("key", 0), ("trust", 0), ("build", 0), ("sign", 0), ("inspect", 0), ("verify", 0), ("verify", 1)],
        *[("key", 0), ("build", 0), ("sign", 0), ("verify", 1)],
    ]
    assert {path.name for path in Path("attest-demo").iterdir()} == {
        *("hello.py", "provenance.json", "release.pem", "trust.json", "statement.json", "hello.json"),
        *("mallory.pem", "forged.json", "forged.intoto.json"),
    }
    assert {path.name for path in Path().iterdir()} == {"attest-demo"}
    assert Path("attest-demo/release.pem").stat().st_mode & 0o077 == 0


def test_every_line_that_it_shows_prints_the_same_in_a_shell() -> None:
    shown = show(program("demo", "attest-demo", stderr=subprocess.STDOUT))
    assert shown[0].line == "mkdir attest-demo && cd attest-demo"
    theirs = Path("attest-demo")
    theirs.rename("shown")
    shell(shown[0].line).done()
    for step in shown[1:]:
        again = shell(step.line, cwd=theirs, stderr=subprocess.STDOUT)
        assert again.code == step.code, step
        assert settled(again.stdout.decode()) == settled(step.printed), step


def test_the_lines_that_it_shows_are_all_that_it_takes() -> None:
    shown = show(program("demo", "attest-demo"))
    shutil.rmtree("attest-demo")
    for step in shown:
        where = Path("attest-demo") if Path("attest-demo").is_dir() else Path()
        assert shell(step.line, cwd=where).code == step.code, step.line


@pytest.mark.parametrize("temporary", ["temporary", "two words"])
def test_without_a_name_each_run_has_a_private_folder_that_it_names_and_keeps(
    temporary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(temporary).mkdir()
    Path("here").mkdir()
    monkeypatch.setenv("TMPDIR", str(Path(temporary).resolve()))
    for number in (1, 2):
        ran = program("demo", cwd="here")
        assert ran.code == 0
        made = Path(shlex.split(show(ran)[0].line)[1])
        assert f"All files are in {made}." in ran.stdout.decode()
        assert (made.parent, made.stat().st_mode & 0o777) == (Path(temporary).resolve(), 0o700)
        assert (made / "hello.json").is_file()
        assert len(os.listdir(temporary)) == number
    assert os.listdir("here") == []


def test_where_there_is_no_temporary_folder_it_says_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    assert "attest demo DIRECTORY" in " ".join(call("demo").prose)
    call("demo").refused(3, "(output-failed)", hint=True)


@pytest.mark.parametrize("name", ["elsewhere", "a/b", "two words"])
def test_the_folder_can_be_named_and_its_name_typed(name: str) -> None:
    Path("a").mkdir()
    first = show(program("demo", name))[0]
    assert shlex.split(first.line) == ["mkdir", name, "&&", "cd", name]
    assert Path(name, "trust.json").is_file()


@pytest.mark.parametrize("kind", ["folder", "file", "link to nothing"])
def test_what_exists_is_left_alone(kind: str) -> None:
    target = Path("attest-demo")
    if kind == "folder":
        target.mkdir()
        (target / "precious").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")
    before = sorted(str(path) for path in Path().rglob("*"))
    ran = program("demo", "attest-demo")
    ran.refused(3, "(output-exists)", hint=True)
    assert ran.stdout == b""
    assert sorted(str(path) for path in Path().rglob("*")) == before


def test_a_folder_that_cannot_be_made_is_one_line() -> None:
    program("demo", "nowhere/demo").refused(3, "(output-failed)")


def test_it_needs_no_network() -> None:
    namespace = ["unshare", "--net", "--map-root-user"]
    cut_off = shutil.which("unshare") and program("true", command=namespace).code == 0
    ran = shell(f"{shlex.join(namespace) if cut_off else ''} attest demo attest-demo", installed=True)
    assert ran.code == 0


def test_the_environment_of_options_does_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ATTEST_TRUST", "ATTEST_SIGNER", "ATTEST_PASSPHRASE", "ATTEST_PASSPHRASE_FILE"):
        monkeypatch.setenv(name, "nothing")
    assert call("demo", "attest-demo").code == 0


def test_it_fails_where_a_step_of_it_does() -> None:
    before = os.listdir()
    ran = shell("ulimit -f 0; exec attest demo attest-demo")
    assert ran.code != 0
    assert b"That is all of it" not in ran.stdout
    assert set(os.listdir()) - set(before) == {"attest-demo"}
