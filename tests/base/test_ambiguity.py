"""A text that is the name of a file, and could mean something else as well, is a question and never an answer."""

from __future__ import annotations

import io
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from attest import InputError
from attest.building.subjects import from_arguments, stdin_in
from attest.cli import attest as program
from attest.cli._commands import every
from tests.support.cli.calls import call, shell
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

HEX = sha256(b"one").hexdigest()
BUILD = ("build", "--type", "https://example.com/x")


@pytest.fixture(autouse=True)
def _signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one").write_bytes(b"one")
    call("trust", "init", "--anchor", "a", "--key", "sim:a", "-o", "trust.json").done()
    call(*BUILD, "one", "-o", "statement.json").done()
    call("sign", "statement.json", "--signer", "sim:a", "-o", "one.json").done()
    Path("d").mkdir()
    monkeypatch.chdir(tmp_path / "d")


def verify(*artifacts: str, stdin: bytes = b"") -> int:
    given = [word for artifact in artifacts for word in ("--artifact", artifact)]
    ran = call("verify", "../one.json", "--trust", "../trust.json", "--allow-simulated", *given, stdin=stdin)
    if ran.code == 2:
        ran.refused(2, "(name-ambiguous)", hint=True)
    return ran.code


@pytest.mark.parametrize("name", [f"sha256:{HEX}", f"digest:sha256:{HEX}", "-"])
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_a_file_is_never_taken_for_what_its_name_says(name: str, kind: str) -> None:
    if kind == "file":
        Path(name).write_bytes(b"EVIL")
    elif kind == "folder":
        Path(name).mkdir()
    else:
        Path(name).symlink_to("../one" if kind == "link" else "nowhere")
    assert verify(name, stdin=b"one") == 2
    assert verify(f"./{name}", stdin=b"one") == {"link": 0, "file": 1}.get(kind, 3)


def test_each_meaning_can_be_written() -> None:
    Path(f"sha256:{HEX}").write_bytes(b"EVIL")
    Path("-").write_bytes(b"EVIL")
    assert verify(f"digest:sha256:{HEX}") == 0
    assert verify(f"./sha256:{HEX}") == 1
    assert verify("./-") == 1
    assert verify("/dev/stdin", stdin=b"one") == 0
    os.unlink("-")
    assert verify("-", stdin=b"one") == 0


def test_standard_input_is_read_once_however_it_is_called() -> None:
    line = ("verify", "/dev/stdin", "--trust", "../trust.json", "--artifact", "-")
    call(*line).refused(2, "standard input can be read only once")
    call(*BUILD, "a=-", "--predicate", "/dev/stdin").refused(2, "standard input can be read only once")
    call(*BUILD, "a=-", "b=/dev/stdin").refused(2, "standard input can be read only once")
    call("predicate", "check", "-", "/dev/stdin").refused(2, "standard input can be read only once")


def takes_stdin() -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """The parameters whose help says that `-` is standard input."""
    for path, command in every(program):
        for param in command.params:
            shown = f"{param.metavar or ''} {getattr(param, 'help', '')}".replace("[", " ").replace("|", " ")
            if " - " in shown.replace("]", " ") + " ":
                yield path, param


def test_every_command_that_reads_standard_input_asks_which_is_meant() -> None:
    Path("-").write_bytes(b"{}")
    found = dict(takes_stdin())
    assert {("inspect",), ("sign",), ("trust", "sign"), ("policy", "explain"), ("build",)} <= set(found)
    needed = {
        ("sign",): ["--signer", "sim:a"],
        ("trust", "sign"): ["--signer", "sim:a"],
        ("build",): [f"x=sha256:{HEX}", "--type", "https://example.com/x"],
    }
    for path, param in takes_stdin():
        words = ["-"] if isinstance(param, click.Argument) else [param.opts[0], "-"]
        ran = call(*path, *needed.get(path, []), *words, stdin=b"{}")
        assert "standard input" in ran.refused(2, "(name-ambiguous)", hint=True), path
    for line in (["verify", "-", "--trust", "../trust.json", "--no-artifact"], ["predicate", "check", "-"]):
        call(*line, stdin=b"{}").refused(2, "(name-ambiguous)", hint=True)
    call(*BUILD, "-", stdin=b"{}").refused(2, "(name-ambiguous)", hint=True)
    call(*BUILD, "x=-", stdin=b"{}").refused(2, "(name-ambiguous)", hint=True)


def test_a_command_that_is_given_nothing_reads_standard_input_whatever_lies_around() -> None:
    Path("-").write_bytes(b"{}")
    statement = Path("../statement.json").read_bytes()
    assert call("sign", "--signer", "sim:a", stdin=statement).done().stdout == Path("../one.json").read_bytes()
    signed = shell("attest sign /dev/stdin --signer sim:a <../statement.json").done().stdout
    assert signed == Path("../one.json").read_bytes()


def test_a_subject_that_could_be_two_things_is_neither(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "repo"], check=True)
    for name in (f"sha256:{HEX}", "git:repo", "-", "app=one", "*.whl", "a.whl", "one", "[x].txt", "b=c", "b=sha256:c"):
        Path(name).write_bytes(name.encode())
    for argument in (f"sha256:{HEX}", f"x=sha256:{HEX}", "git:repo", "x=git:repo", "-", "app=one", "*.whl", "x=*.whl"):
        with refused(InputError, "name-ambiguous"):
            from_arguments([argument], stdin=io.BytesIO(b"one"))
        call(*BUILD, argument).refused(2, "(name-ambiguous)", hint=True)

    def digest_of(argument: str) -> str:
        [subject] = from_arguments([argument])
        return subject.digest["sha256"]

    for argument, content in {
        f"./sha256:{HEX}": f"sha256:{HEX}",
        "./git:repo": "git:repo",
        "./app=one": "app=one",
        "app=./one": "one",
        "[x].txt": "[x].txt",
        "b=c": "b=c",
        "./b=sha256:c": "b=sha256:c",
    }.items():
        assert digest_of(argument) == sha256(content.encode()).hexdigest(), argument
    assert digest_of(f"digest:sha256:{HEX}") == HEX
    [star] = from_arguments(["*.whl=/dev/stdin"], stdin=io.BytesIO(Path("*.whl").read_bytes()))
    assert (star.name, star.digest["sha256"]) == ("*.whl", sha256(b"*.whl").hexdigest())
    assert digest_of(f"x=digest:sha256:{HEX}") == HEX
    assert stdin_in(["./-", "x=./-", "a", "x=/dev/stdin"]) == 1


def test_a_key_that_is_a_signer_and_a_file_is_neither() -> None:
    """Whoever can put a file into the folder could otherwise choose the key that is trusted."""
    pem = call("key", "export", "sim:mallory").done().stdout
    Path("sim:a").write_bytes(pem)
    line = ("trust", "init", "--anchor", "a", "--key")
    call(*line, "sim:a").refused(2, "(name-ambiguous)", hint=True)
    assert call(*line, "./sim:a").done().json["anchors"]["a"]["keys"][0]["public_key"] == pem.decode()
    call("trust", "retire", "../trust.json", "--anchor", "a", "--key", "sim:a").refused(2, "(name-ambiguous)")
