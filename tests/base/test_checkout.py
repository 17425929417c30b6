"""A checkout compared with its commit: nothing hides a change, and a hostile repository gets nothing to run."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from attest._base import checkout, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def run_git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRON).stdout.strip()


def repository(folder: Path, **files: str) -> Path:
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in (files or {"f": "1\n", "g": "1\n"}).items():
        (folder / name).write_text(text)
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "-m", "one")
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return repository(tmp_path / "sources")


def changed(folder: Path, **environ: str) -> list[str] | None:
    found = checkout.changed(str(folder), environ=ENVIRON | environ)
    return None if found is None else sorted(found)


def test_what_is_as_in_the_commit_has_not_changed(sources: Path) -> None:
    (sources / "untracked").touch()
    os.utime(sources / "f", (0, 0))
    assert changed(sources) == []


def test_every_kind_of_change_is_found_from_any_directory(sources: Path) -> None:
    (sources / "f").write_text("2\n")
    (sources / "new").touch()
    run_git(sources, "add", "new")
    run_git(sources, "rm", "--quiet", "g")
    (sources / "below").mkdir()
    assert changed(sources) == changed(sources / "below") == ["f", "g", "new"]


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_marks_in_the_index_hide_nothing(sources: Path, mark: str) -> None:
    run_git(sources, "update-index", mark, "f")
    before = (sources / ".git" / "index").read_bytes()
    assert changed(sources) == []
    (sources / "f").write_text("2\n")
    assert changed(sources) == ["f"]
    assert (sources / ".git" / "index").read_bytes() == before


def test_nothing_is_written_into_a_repository(sources: Path) -> None:
    run_git(sources, "config", "core.splitIndex", "true")
    run_git(sources, "update-index", "--split-index", "--assume-unchanged", "f")
    (sources / "f").write_text("2\n")

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (sources / ".git").rglob("*") if path.is_file()}

    before = contents()
    assert changed(sources) == ["f"]
    assert contents() == before


def test_files_that_a_sparse_checkout_leaves_out_have_not_changed(sources: Path) -> None:
    (sources / "d").mkdir()
    (sources / "d" / "x").touch()
    run_git(sources, "add", ".")
    run_git(sources, "commit", "--quiet", "-m", "two")
    run_git(sources, "sparse-checkout", "set", "--no-cone", "/f")
    assert not (sources / "d").exists()
    assert changed(sources) == []


def test_a_repository_does_not_tell_git_to_trust_less_than_the_inode(sources: Path) -> None:
    run_git(sources, "config", "core.trustctime", "false")
    run_git(sources, "config", "core.checkStat", "minimal")
    os.utime(sources / "f", (1_000_000_000, 1_000_000_000))
    run_git(sources, "status")
    (sources / "other").write_text("2\n")
    os.utime(sources / "other", (1_000_000_000, 1_000_000_000))
    (sources / "other").replace(sources / "f")
    assert run_git(sources, "status", "--porcelain") == ""
    assert changed(sources) == ["f"]


def test_a_repository_does_not_tell_git_to_ignore_modes_or_links(sources: Path) -> None:
    (sources / "link").symlink_to("f")
    run_git(sources, "add", ".")
    run_git(sources, "commit", "--quiet", "-m", "link")
    run_git(sources, "config", "core.fileMode", "false")
    run_git(sources, "config", "core.symlinks", "false")
    (sources / "f").chmod(0o755)
    (sources / "link").unlink()
    (sources / "link").write_text("f")
    assert run_git(sources, "status", "--porcelain") == ""
    assert sorted(changed(sources) or ()) == ["f", "link"]


def tamper(lib: Path) -> None:
    (lib / "l").write_text("tampered\n")


def commit(lib: Path) -> None:
    tamper(lib)
    run_git(lib, "commit", "--quiet", "-am", "two")


def tamper_and_hide(lib: Path) -> None:
    tamper(lib)
    run_git(lib, "update-index", "--assume-unchanged", "l")


def only_files(lib: Path) -> None:
    shutil.rmtree(lib)
    lib.mkdir()
    tamper(lib)


def link(lib: Path) -> None:
    lib.rename(lib.with_name("elsewhere"))
    lib.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "path"),
    [(tamper, "lib/l"), (commit, "lib"), (tamper_and_hide, "lib/l"), (only_files, "lib"), (link, "lib")],
)
def test_settings_for_submodules_hide_nothing(tmp_path: Path, change: Callable[[Path], None], path: str) -> None:
    repository(tmp_path / "lib", l="l\n")
    whole = repository(tmp_path / "whole")
    run_git(whole, "submodule", "add", "--quiet", "../lib", "lib")
    run_git(whole, "config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
    run_git(whole, "config", "diff.ignoreSubmodules", "all")
    run_git(whole, "add", ".")
    run_git(whole, "commit", "--quiet", "-m", "two")
    (whole / "lib" / "untracked").touch()
    assert changed(whole) == []
    change(whole / "lib")
    assert changed(whole) == [path]


def test_a_submodule_that_is_not_checked_out_has_not_changed(tmp_path: Path) -> None:
    repository(tmp_path / "lib")
    whole = repository(tmp_path / "whole")
    run_git(whole, "submodule", "add", "--quiet", "../lib", "lib")
    run_git(whole, "commit", "--quiet", "-m", "two")
    run_git(whole, "submodule", "deinit", "--quiet", "-f", "lib")
    assert changed(whole) == []


@pytest.fixture
def hostile(sources: Path, tmp_path: Path) -> Path:
    """A repository whose settings run `touch ran` wherever a git command asks them."""
    trap = f"touch {tmp_path / 'ran'}; cat"
    (sources / ".gitattributes").write_text("* filter=trap diff=trap\n")
    run_git(sources, "add", ".")
    run_git(sources, "commit", "--quiet", "-m", "two")
    for key in ("filter.trap.clean", "filter.trap.smudge", "diff.trap.textconv", "core.fsmonitor", "diff.external"):
        run_git(sources, "config", key, trap)
    run_git(sources, "config", "filter.trap.required", "true")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "post-checkout", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\n{trap}\n")
        (hooks / name).chmod(0o755)
    run_git(sources, "config", "core.hooksPath", str(hooks))
    return sources


def test_no_program_of_a_repository_is_run(hostile: Path, tmp_path: Path) -> None:
    os.utime(hostile / "f", (0, 0))
    assert changed(hostile) == []
    (hostile / "f").write_text("2\n")
    run_git(hostile, "-c", "core.fsmonitor=", "update-index", "--assume-unchanged", "g")
    (tmp_path / "ran").unlink(missing_ok=True)
    assert changed(hostile) == ["f"]
    assert git.commit(str(hostile), environ=ENVIRON) is not None
    assert not (tmp_path / "ran").exists()
    run_git(hostile, "status")
    assert (tmp_path / "ran").exists()  # as it is without us


def test_a_filter_process_is_not_run(hostile: Path, tmp_path: Path) -> None:
    run_git(hostile, "config", "filter.trap.process", f"touch {tmp_path / 'ran'}; cat")
    os.utime(hostile / "f", (0, 0))
    assert changed(hostile) == []
    assert not (tmp_path / "ran").exists()


def test_a_filter_that_cannot_be_turned_off_is_not_run(hostile: Path, tmp_path: Path) -> None:
    with (hostile / ".git" / "config").open("a") as stream:
        stream.write(f'[filter "a=b"]\n\tclean = touch {tmp_path / "ran"}; cat\n')
    (hostile / ".git" / "info" / "attributes").write_text("* filter=a=b\n")
    os.utime(hostile / "f", (0, 0))
    assert changed(hostile) is None
    assert not (tmp_path / "ran").exists()


def test_filters_of_a_submodule_are_not_run(hostile: Path, tmp_path: Path) -> None:
    whole = repository(tmp_path / "whole")
    run_git(whole, "-c", "core.hooksPath=/dev/null", "submodule", "add", "--quiet", str(hostile), "lib")
    run_git(whole, "commit", "--quiet", "-m", "two")
    shutil.copy(hostile / ".git" / "config", whole / ".git" / "modules" / "lib" / "config")
    run_git(whole / "lib", "config", "core.worktree", str(whole / "lib"))
    os.utime(whole / "lib" / "f", (0, 0))
    (tmp_path / "ran").unlink(missing_ok=True)
    assert changed(whole) == []
    assert not (tmp_path / "ran").exists()


def test_nothing_is_fetched_for_what_is_missing(sources: Path, tmp_path: Path) -> None:
    """As in a partial clone, where a remote may be a program."""
    run_git(sources, "config", "extensions.partialClone", "origin")
    run_git(sources, "config", "core.repositoryFormatVersion", "1")
    run_git(sources, "config", "protocol.ext.allow", "always")
    run_git(sources, "config", "remote.origin.promisor", "true")
    run_git(sources, "config", "remote.origin.url", f"ext::touch {tmp_path / 'ran'}")
    os.utime(sources / "f", (0, 0))
    oid = run_git(sources, "rev-parse", "HEAD:f")
    tree = run_git(sources, "rev-parse", "HEAD^{tree}")
    for missing in (oid, tree):
        (sources / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
    git.commit(str(sources), environ=ENVIRON)
    git.commit(str(sources), "1" * 40, environ=ENVIRON)
    (sources / "f").write_text("2\n")
    changed(sources)
    assert not (tmp_path / "ran").exists()


def test_a_repository_does_not_put_its_files_elsewhere(sources: Path, tmp_path: Path) -> None:
    shutil.copytree(sources, tmp_path / "clean")
    (sources / "f").write_text("2\n")
    run_git(sources, "config", "core.worktree", str(tmp_path / "clean"))
    assert changed(sources) is None


def test_a_replaced_commit_is_not_taken_for_the_commit(sources: Path) -> None:
    one = run_git(sources, "rev-parse", "HEAD")
    (sources / "f").write_text("2\n")
    run_git(sources, "commit", "--quiet", "-am", "two")
    two = run_git(sources, "rev-parse", "HEAD")
    run_git(sources, "update-ref", "refs/heads/main", one)
    run_git(sources, "replace", one, two)
    assert run_git(sources, "status", "--porcelain") == ""
    assert changed(sources) == ["f"]


def test_files_of_git_lfs_are_compared_with_their_pointers(tmp_path: Path) -> None:
    content = b"large\n" * 1000
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content).hexdigest()}\n"
    sources = repository(tmp_path / "sources", a=f"{pointer}size {len(content)}\n", b="1\n")
    (sources / "a").write_bytes(content)
    assert changed(sources) == []
    (sources / "a").write_bytes(content + b"x")
    (sources / "b").write_bytes(content)
    assert changed(sources) == ["a", "b"]


def test_settings_of_the_environment_hold_and_other_repositories_do_not(sources: Path, tmp_path: Path) -> None:
    other = repository(tmp_path / "other", x="other\n")
    head = run_git(sources, "rev-parse", "HEAD")
    elsewhere = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": "/nonexistent"}
    assert git.commit(str(sources), environ=ENVIRON | elsewhere) == head
    assert changed(sources, **elsewhere) == []
    setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "test.key", "GIT_CONFIG_VALUE_0": "value"}
    assert git.ask(str(sources), "config", "test.key", environ=ENVIRON | setting) == "value"


def test_why_git_refuses_is_in_its_own_words(sources: Path, tmp_path: Path) -> None:
    assert git.refusal(str(sources), environ=ENVIRON) is None
    assert git.refusal(str(tmp_path), environ=ENVIRON) is None
    (sources / ".git" / "config").write_text("[core]\n\trepositoryFormatVersion = 99\n")
    assert "repo version" in (git.refusal(str(sources), environ=ENVIRON) or "")


def test_a_further_change_of_a_changed_file_shows(sources: Path) -> None:
    (sources / "f").write_text("2\n")
    before = checkout.look(str(sources), environ=ENVIRON)
    assert checkout.look(str(sources), environ=ENVIRON) == before
    (sources / "f").write_text("3\n")
    assert checkout.look(str(sources), environ=ENVIRON) != before
