"""Globs name the files below a directory, all of them and no others, and no link leads out of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from attest.building import trees
from attest.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with a few files, beside one that isn't below it."""
    root = tmp_path / "tree"
    for name in (
        "top.c",
        "src/main.c",
        "src/.hidden",
        "src/lib/deep.c",
        "src/lib/notes[1].txt",
        "dist/app",
        ".git/HEAD",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return root


def names(tree: Path, *globs: str, gitignore: bool = False, apart: tuple[str, ...] = ()) -> list[str]:
    return [file.name for file in trees.find(tree, globs, missing="none", gitignore=gitignore, apart=apart)]


def refused(tree: Path, *globs: str, gitignore: bool = False) -> InputError:
    with pytest.raises(InputError) as caught:
        trees.find(tree, globs, missing="none", gitignore=gitignore)
    return caught.value


ALL_SRC = ["src/.hidden", "src/lib/deep.c", "src/lib/notes[1].txt", "src/main.c"]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["top.c"], ["top.c"]),
        (["./top.c"], ["top.c"]),
        (["*.c"], ["top.c"]),
        (["**/*.c"], ["src/lib/deep.c", "src/main.c", "top.c"]),
        (["src/*"], ["src/.hidden", "src/main.c"]),
        (["src/**"], ALL_SRC),
        (["src"], ALL_SRC),
        (["src/"], ALL_SRC),
        (["*/lib"], ["src/lib/deep.c", "src/lib/notes[1].txt"]),
        (["**/lib/*.c"], ["src/lib/deep.c"]),
        (["src/**/deep.c"], ["src/lib/deep.c"]),
        (["src/lib/**/deep.c"], ["src/lib/deep.c"]),
        (["src/lib/notes[1].txt"], ["src/lib/notes[1].txt"]),
        (["?op.c", "top.*", "top.c"], ["top.c"]),
        (["."], ["dist/app", *ALL_SRC, "top.c"]),
        (["**"], ["dist/app", *ALL_SRC, "top.c"]),
        ([".git/*"], [".git/HEAD"]),
    ],
)
def test_a_glob_names_these_files(tree: Path, globs: list[str], expected: list[str]) -> None:
    assert names(tree, *globs) == expected


@pytest.mark.parametrize("glob", ["*.h", "src/*.h", "nothing", "top.c/x", "src/lib/*/x", "dis?", "**/HEAD"])
def test_a_glob_that_names_nothing_is_an_error_beside_others_that_do(tree: Path, glob: str) -> None:
    error = refused(tree, "top.c", glob)
    assert error.code == "none"
    assert repr(glob) in error.message


@pytest.mark.parametrize("glob", ["", "/etc/passwd", "..", "../outside/secret", "src/../../outside/*", "a\0b"])
def test_a_glob_stays_below_the_directory(tree: Path, glob: str) -> None:
    assert refused(tree, glob).code == "glob-invalid"


def test_what_is_set_apart_is_passed_over_unless_it_is_spelled_out(tree: Path) -> None:
    assert names(tree, "**/*.c", apart=("top.c", "src/lib")) == ["src/main.c"]
    assert names(tree, "dist/*", "top.c", apart=("top.c",)) == ["dist/app", "top.c"]
    with pytest.raises(InputError, match="no file matches"):
        names(tree, "*", apart=("top.c",))


def test_a_link_to_a_file_in_the_tree_is_found_under_its_own_name(tree: Path) -> None:
    (tree / "latest").symlink_to("src/main.c")
    (tree / "absolute").symlink_to(tree / "top.c")
    found = {file.name: "/".join(file.parts) for file in trees.find(tree, ["*"], missing="none")}
    assert found == {"latest": "src/main.c", "absolute": "top.c", "top.c": "top.c"}


@pytest.mark.parametrize("target", ["../outside/secret", "../outside", "/etc/passwd", "../tree-2"])
@pytest.mark.parametrize("glob", ["**", ".", "src/link", "src"])
def test_a_link_out_of_the_tree_is_refused(tree: Path, target: str, glob: str) -> None:
    (tree.parent / "tree-2").write_text("a name that begins like the tree's")
    (tree / "src" / "link").symlink_to(target if target.startswith("/") else f"../{target}")
    error = refused(tree, glob)
    assert (error.code, error.where) == ("link-outside", str(tree / "src" / "link"))


def test_a_link_that_no_glob_is_about_is_nobodys_business(tree: Path) -> None:
    (tree / "link").symlink_to("../outside")
    (tree / "dangling").symlink_to("nowhere")
    assert names(tree, "*.c", "src/*.c") == ["src/main.c", "top.c"]
    assert refused(tree, "d*").code == "file-unreadable"


def test_a_link_to_a_directory_is_followed_only_by_its_name(tree: Path) -> None:
    (tree / "current").symlink_to("src")
    (tree / "src" / "round").symlink_to("..")
    assert names(tree, "**/main.c") == ["src/main.c"]
    assert names(tree, "current/*.c") == ["current/main.c"]
    assert "current/lib/deep.c" in names(tree, "current")
    assert names(tree, ".") == ["dist/app", *ALL_SRC, "top.c"]


@pytest.mark.parametrize("target", ["loop", "nowhere"])
def test_a_link_that_leads_nowhere_is_an_error(tree: Path, target: str) -> None:
    (tree / "loop").symlink_to(target)
    assert refused(tree, "**").code == "file-unreadable"


def test_gitignore_is_honoured_for_what_wildcards_name(tree: Path) -> None:
    (tree / ".gitignore").write_text("dist\n*.c\n!main.c\n.gitignore\n")
    (tree / "src" / ".gitignore").write_text("/main.c\n")
    assert names(tree, ".", gitignore=True) == ["src/.hidden", "src/lib/notes[1].txt"]
    assert names(tree, "top.c", "dist/app", "src/lib/*", gitignore=True) == [
        "dist/app",
        "src/lib/notes[1].txt",
        "top.c",
    ]
    error = refused(tree, "dist/*", gitignore=True)
    assert error.code == "none"
    assert error.hint is not None


def test_a_gitignore_that_is_a_link_is_none(tree: Path) -> None:
    (tree / "rules").write_text("*.c\n")
    (tree / ".gitignore").symlink_to("rules")
    assert "top.c" in names(tree, "**", gitignore=True)


def test_a_name_that_is_not_utf_8_is_an_error(tree: Path) -> None:
    with open(os.fsencode(tree) + b"/dist/\xff", "w"):
        pass
    assert refused(tree, "dist").code == "name-invalid"
    assert names(tree, "src/*.c") == ["src/main.c"]


def test_a_directory_that_is_not_there_is_an_error(tree: Path) -> None:
    assert refused(tree / "nowhere", "*").code == "file-unreadable"
    assert refused(tree / "top.c", "*").code == "file-unreadable"


def test_there_is_a_limit_to_the_number_of_files(tree: Path) -> None:
    assert len(trees.find(tree, ["src/lib", "top.c"], missing="none", most=3)) == 3
    with pytest.raises(InputError) as caught:
        trees.find(tree, ["src"], missing="none", most=3)
    assert caught.value.code == "too-many-files"


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["src"], ["dist/app", "top.c"]),
        (["src/lib/"], ["dist/app", "src/.hidden", "src/main.c", "top.c"]),
        (["src/**"], ["dist/app", "top.c"]),
        (["**/*.c", "dist/app"], ["src/.hidden", "src/lib/notes[1].txt"]),
        (["*.c", "src/*"], ["dist/app", "src/lib/deep.c", "src/lib/notes[1].txt"]),
        (["**/lib"], ["dist/app", "src/.hidden", "src/main.c", "top.c"]),
        (["nothing", "li*"], ["dist/app", *ALL_SRC, "top.c"]),
    ],
)
def test_what_is_excluded_is_not_found_even_if_it_is_spelled_out(
    tree: Path, exclude: list[str], left: list[str]
) -> None:
    for globs in (["."], ["dist/app", "top.c", *ALL_SRC]):
        found = trees.find(tree, globs, missing=None, exclude=exclude)
        assert [file.name for file in found] == left


def test_a_glob_that_finds_only_what_is_excluded_is_an_error(tree: Path) -> None:
    with pytest.raises(InputError) as caught:
        trees.find(tree, ["top.c", "dist/*"], missing="none", exclude=["dist"])
    assert (caught.value.code, "--exclude" in (caught.value.hint or "")) == ("none", True)
    with pytest.raises(InputError, match="not a glob"):
        trees.find(tree, ["."], missing="none", exclude=["../x"])


def test_what_is_no_file_of_the_tree_can_be_left_out(tree: Path) -> None:
    (tree / "out").symlink_to("/etc")
    (tree / "src" / "out").symlink_to("/etc/passwd")
    (tree / "src" / "nowhere").symlink_to("missing")
    os.mkfifo(tree / "src" / "pipe")
    told: list[tuple[str, bool]] = []

    def skip(error: InputError, spelled: bool) -> bool:
        told.append((os.path.relpath(error.where or "", tree), spelled))
        return not spelled

    found = trees.find(tree, ["."], missing="none", skip=skip)
    assert [file.name for file in found] == ["dist/app", *ALL_SRC, "top.c"]
    assert sorted(told) == [("out", False), ("src/nowhere", False), ("src/out", False), ("src/pipe", False)]
    for glob in ("src/out", "src/pipe", "src/nowhere", "out"):
        with pytest.raises(InputError):
            trees.find(tree, [glob], missing="none", skip=skip)
