"""What a `.gitignore` ignores is what git ignores: both are asked about the same trees."""

from __future__ import annotations

import random
import subprocess
from time import process_time
from typing import TYPE_CHECKING

import pytest

from attest.building.run.gitignore import Ignores
from attest.building.run.trees import find
from attest.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

SEGMENTS = (
    "a b ab * ? a* *b ** *** a**b [ab] [!a] [^b] [a-b]x [b-a] [[:alpha:]] [[:no:]] []a] [a x\\ \\a \\* a\\".split()
)
NAMES = ["a", "b", "ab", "x", "ax", "bx", "a.b", "*", "]", "A", "é"]


def random_lines(choice: random.Random) -> str:
    lines = []
    for _ in range(choice.randint(1, 4)):
        line = "/".join(choice.choice(SEGMENTS) for _ in range(choice.choice([1, 1, 1, 2, 2, 3])))
        line = "/" * (choice.random() < 0.25) + line + "/" * (choice.random() < 0.3)
        lines.append("!" * (choice.random() < 0.3) + line + choice.choice(["", "", "", "", " ", "\\ ", "\r"]))
    return "\n".join(lines)


def populate(folder: Path, depth: int) -> None:
    for name in NAMES:
        if depth and name in ("a", "b", "ab"):
            (folder / name).mkdir()
            populate(folder / name, depth - 1)
        else:
            (folder / name).touch()


def git_keeps(folder: Path) -> set[str]:
    command = ["git", "-C", str(folder), "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return set(filter(None, listed.split("\0")))


def we_keep(folder: Path) -> set[str]:
    try:
        return {file.name for file in find(folder, ["."], missing="all-ignored", gitignore=True)}
    except InputError as error:
        if error.code != "all-ignored":
            raise
        return set()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_ignored_is_what_git_ignores(seed: int, tmp_path: Path) -> None:
    choice = random.Random(seed)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    populate(tmp_path, 2)
    for _ in range(40):
        (tmp_path / ".gitignore").write_text(random_lines(choice))
        (tmp_path / "a" / ".gitignore").write_text(random_lines(choice) if choice.random() < 0.5 else "")
        lines = (tmp_path / ".gitignore").read_text(), (tmp_path / "a" / ".gitignore").read_text()
        assert we_keep(tmp_path) == git_keeps(tmp_path), lines


@pytest.mark.parametrize(
    ("text", "path", "verdict"),
    [
        (b"\xef\xbb\xbfbuild\n", "build", True),
        (b"# build\n\n  \n", "build", None),
        (b"\\#build\n\\!build", "#build", True),
        (b"*.log\n!keep.log\n", "keep.log", False),
        (b"build/\n", "build", None),
        (b"caf\xc3\xa9\n", "café", True),
        (b"caf??\n", "café", True),
    ],
)
def test_lines_are_read_as_git_reads_them(text: bytes, path: str, verdict: bool | None) -> None:
    assert Ignores(text).verdict([path], is_folder=False) is verdict


def test_no_pattern_takes_time_that_explodes() -> None:
    began = process_time()
    Ignores(b"*a" * 100 + b"b\n" + b"**/a/" * 100 + b"b").verdict(["a" * 255] * 50, is_folder=False)
    assert process_time() - began < 2
