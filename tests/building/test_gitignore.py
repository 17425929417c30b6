"""What a `.gitignore` ignores is what git ignores: both are asked about the same trees."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from attest._base import notices
from attest.building.trees import find
from attest.errors import InputError
from tests.support.examples import few

if TYPE_CHECKING:
    from pathlib import Path

SEGMENTS = "a b ab * ? a* *b ** *** a**b [ab] [!a] [^b] [a-b]x [[:graph:]] [[:no:]] []a] [a x\\ \\a \\* a\\".split()
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


def we_keep_all(folder: Path) -> set[str]:
    return {file.name for file in find(folder, ["."], missing="none")}


@pytest.mark.parametrize("seed", few(2, range(6)))
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
    ("text", "ignored"),
    [
        (b"\xef\xbb\xbfbuild\n", {"build"}),
        (b"# build\n\n  \n", set()),
        (b"\\#build\n\\!build", {"#build"}),
        (b"*\n!build\n!.gitignore\n", {"#build", ":(top)build", "caf\u00e9"}),
        (b"build/\n", set()),
        (b"caf\xc3\xa9\n", {"caf\u00e9"}),
        (b"[[:graph:]]uild", {"build"}),
        (b":*", {":(top)build"}),
    ],
)
@pytest.mark.parametrize("in_a_repository", [True, False])
def test_lines_are_read_as_git_reads_them(
    text: bytes, ignored: set[str], in_a_repository: bool, tmp_path: Path
) -> None:
    names = {"build", "#build", ":(top)build", "caf\u00e9"}
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_bytes(text)
    if in_a_repository:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert names - we_keep(tmp_path) == ignored


def test_only_the_files_in_the_tree_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the settings of a user or a repository, not the index, not a folder above, not a variable of a git hook."""
    tree = tmp_path / "repository" / "tree"
    tree.mkdir(parents=True)
    for name in ("a", "b", "c", "d", "kept"):
        (tree / name).touch()
    subprocess.run(["git", "init", "--quiet", tree.parent], check=True)
    (tree / ".gitignore").write_text("a\n")
    (tree.parent / ".gitignore").write_text("b\n")
    (tree.parent / ".git" / "info" / "exclude").write_text("c\n")
    (tmp_path / "ignore").write_text("d\n")
    (tmp_path / ".gitconfig").write_text(f"[core]\n\texcludesFile = {tmp_path}/ignore\n")
    subprocess.run(["git", "-C", tree, "add", "--force", "a"], check=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tree.parent / ".git"))
    assert we_keep(tree) == {".gitignore", "b", "c", "d", "kept"}


def test_what_is_behind_a_link_is_ignored_where_it_really_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    (tmp_path / "real" / "b").touch()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / ".gitignore").write_text("a\n")
    found = find(tmp_path, ["link"], missing="none", gitignore=True)
    assert {file.name for file in found} == {"link/.gitignore", "link/b"}


def test_without_git_there_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert we_keep_all(tmp_path) == {"a"}
    with pytest.raises(InputError) as caught:
        we_keep(tmp_path)
    assert (caught.value.code, caught.value.message) == ("git-failed", "git is not installed")
    assert caught.value.hint is not None


def fake_git(folder: Path, text: str) -> str:
    """A PATH where git says `text` first."""
    git = folder / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\n{text}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    return f"{git.parent}:{os.environ['PATH']}"


def test_what_git_fails_with_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_git(tmp_path, "echo 'fatal: no space' >&2; exit 128"))
    with pytest.raises(InputError) as caught:
        we_keep(tmp_path)
    assert caught.value.code == "git-failed"
    assert "fatal: no space" in caught.value.message


def test_what_git_warns_of_is_said(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").symlink_to("rules")
    (tmp_path / "rules").touch()
    heard: list[str] = []
    with notices.heard_by(heard.append):
        we_keep(tmp_path)
    assert heard
    assert all(".gitignore" in text for text in heard)
