"""Subjects: from what people type to descriptors, and never to an empty statement."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from attest import Statement, digest
from attest.building.subjects import files_in, from_arguments
from attest.errors import InputError
from tests.support.making.statements import CONTENT, DIGEST
from tests.support.watching import refused, shared_out

if TYPE_CHECKING:
    from pathlib import Path

HEX = "ab" * 32


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files, which is the current one."""
    folder = tmp_path / "here"
    for name in ("dist/app.whl", "dist/app.tar.gz", "dist/deep/er.whl", "a=b.txt", "[x].txt", "tree/file"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(CONTENT if name.endswith("app.whl") else name.encode())
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The ids of the two commits of a repository in the folder `repo`."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")

    def git(*arguments: str) -> str:
        command = ["git", "-C", "repo", *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    (here / "repo").mkdir()
    git("init", "--quiet")
    for message in ("one", "two"):
        git("commit", "--quiet", "--allow-empty", "-m", message)
    git("tag", "-a", "v1", "-m", "v1", "HEAD~1")
    return git("rev-parse", "HEAD~1"), git("rev-parse", "HEAD")


def names(*arguments: str) -> list[str | None]:
    return [subject.name for subject in from_arguments(arguments)]


def test_a_file_is_named_by_the_last_part_of_its_path() -> None:
    [subject] = from_arguments(["dist/app.whl"])
    assert (subject.name, subject.digest) == ("app.whl", {"sha256": DIGEST})


def test_a_link_to_a_file_is_named_as_it_is_called() -> None:
    os.symlink("dist/app.whl", "latest.whl")
    assert names("latest.whl") == ["latest.whl"]


def test_name_equals_names_a_file_or_a_digest() -> None:
    subjects = from_arguments(["release.whl=dist/app.whl", f"other=sha256:{HEX.upper()}"])
    assert [(subject.name, subject.digest["sha256"]) for subject in subjects] == [
        ("release.whl", DIGEST),
        ("other", HEX),
    ]


def test_a_digest_alone_has_no_name() -> None:
    [subject] = from_arguments([f"sha256:{HEX},gitCommit:{'0' * 40}"])
    assert (subject.name, subject.digest) == (None, {"sha256": HEX, "gitCommit": "0" * 40})


def test_a_purl_is_a_name() -> None:
    purl = "pkg:pypi/acme@1.0?repository_url=https://example.com"
    subjects = from_arguments([f"{purl}=sha256:{HEX}", f"{purl}=dist/app.whl"])
    assert [(subject.name, subject.digest["sha256"]) for subject in subjects] == [(purl, HEX), (purl, DIGEST)]


def test_an_equals_sign_in_a_files_own_name_is_part_of_it() -> None:
    assert names("a=b.txt") == ["a=b.txt"]
    assert names("./a=b.txt") == ["a=b.txt"]


def test_a_quoted_glob_names_files_in_order_and_no_directories() -> None:
    assert names("dist/*") == ["app.tar.gz", "app.whl"]
    assert names("dist/**/*.whl") == ["app.whl", "er.whl"]
    assert names("one=dist/*.whl") == ["one"]


def test_globs_are_those_of_attest_run(here: Path) -> None:
    """Hidden files are files, brackets are themselves, and wildcards pass over .git (docs/adr/0028)."""
    for name in ("dist/.hidden", "dist/a[b].whl", "dist/b", ".git/HEAD"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(name)
    (here / "dist" / "link.whl").symlink_to(here / "tree" / "file")
    assert names("dist/*") == [".hidden", "a[b].whl", "app.tar.gz", "app.whl", "b", "link.whl"]
    assert names("dist/?[b].whl") == ["a[b].whl"]
    with refused(InputError, "subject-missing") as caught:
        from_arguments(["dist/[ab]*"])
    assert caught.value.hint is not None
    with refused(InputError, "subject-missing"):
        from_arguments(["**/HEAD"])
    assert names(".git/*", f"{here}/dist/b*") == ["HEAD", "b"]


def test_a_file_that_looks_like_a_glob_is_that_file() -> None:
    assert names("[x].txt") == ["[x].txt"]


def test_arguments_stay_in_their_order() -> None:
    assert names("tree/file", f"z=sha256:{HEX}", "dist/app.whl") == ["file", "z", "app.whl"]


def test_a_directory_is_its_dirhash(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digest.hash_directory("tree")
    [subject] = from_arguments(["tree/"])
    assert (subject.name, subject.digest) == ("tree", expected)
    monkeypatch.chdir(here / "tree")
    [subject] = from_arguments(["."])
    assert (subject.name, subject.digest) == ("tree", expected)


def test_standard_input_is_hashed() -> None:
    [bare, named] = [from_arguments([text], stdin=io.BytesIO(CONTENT))[0] for text in ("-", "app.whl=-")]
    assert (bare.name, bare.digest) == (None, {"sha256": DIGEST})
    assert (named.name, named.digest) == ("app.whl", {"sha256": DIGEST})
    with refused(InputError, "subject-missing"):
        from_arguments(["-"])


def test_algorithms_and_progress_hold_for_everything_that_is_hashed() -> None:
    told: list[int] = []
    subjects = from_arguments(
        ["dist/app.whl", "-"], algorithms=["sha512", "sha256"], stdin=io.BytesIO(CONTENT), progress=told.append
    )
    assert [list(subject.digest) for subject in subjects] == [["sha512", "sha256"]] * 2
    assert sum(told) == 2 * len(CONTENT)


def test_a_git_commit_is_named_by_its_folder(repository: tuple[str, str], here: Path) -> None:
    first, second = repository
    for argument, name, commit in [
        ("git:repo", "repo", second),
        ("git:repo@HEAD~1", "repo", first),
        ("git:repo@v1", "repo", first),
        (f"git:repo@{first[:12]}", "repo", first),
        (f"git:{here}/repo/", "repo", second),
        ("app=git:repo", "app", second),
        ("pkg:generic/app@2=git:repo@HEAD", "pkg:generic/app@2", second),
    ]:
        [subject] = from_arguments([argument])
        assert (subject.name, subject.digest) == (name, {"gitCommit": commit}), argument


def test_a_git_commit_is_the_folders_own_even_inside_a_git_hook(
    repository: tuple[str, str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git sets GIT_DIR for its hooks, where attesting is an obvious thing to do."""
    shutil.copytree(here / "repo", here / "other")
    subprocess.run(["git", "-C", "other", "reset", "--quiet", "--soft", "HEAD~1"], check=True)
    monkeypatch.setenv("GIT_DIR", str(here / "other" / ".git"))
    [subject] = from_arguments(["git:repo"])
    assert subject.digest == {"gitCommit": repository[1]}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "argument",
    ["git:repo@nowhere", "git:missing", "git:repo@--help", "git:repo@HEAD^{tree}", "git:repo@HEAD HEAD~1", "git:tree"],
)
def test_what_is_not_a_commit_is_refused(argument: str) -> None:
    with refused(InputError, "git-failed", argument):
        from_arguments([argument])


def test_without_git_a_commit_can_still_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(InputError, "git-failed") as caught:
        from_arguments(["git:."])
    assert "gitCommit:HEX" in (caught.value.hint or "")
    [subject] = from_arguments([f"app=gitCommit:{'0' * 40}"])
    assert subject.digest == {"gitCommit": "0" * 40}


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("missing.whl", "subject-missing"),
        ("", "subject-missing"),
        ("name=missing.whl", "subject-missing"),
        ("name=", "subject-missing"),
        ("=dist/app.whl", "subject-missing"),
        ("*.missing", "subject-missing"),
        ("dis[t]", "subject-missing"),
        ("pkg:pypi/acme@1.0", "subject-missing"),
        ("one=dist/*", "subject-ambiguous"),
        ("sha256:abc", "digest-invalid"),
        ("name=md5:abc", "digest-invalid"),
        ("/dev/null", "file-unreadable"),
    ],
)
def test_what_names_nothing_or_several_things_is_an_error(argument: str, code: str) -> None:
    with refused(InputError, code):
        from_arguments(["dist/app.whl", argument])


def test_a_purl_without_a_digest_is_told_what_it_needs() -> None:
    with pytest.raises(InputError) as caught:
        from_arguments(["pkg:pypi/acme@1.0"])
    assert "=sha256:HEX" in (caught.value.hint or "")


def test_a_dangling_link_is_a_file_that_cannot_be_read() -> None:
    os.symlink("nowhere", "link")
    with refused(InputError, "file-unreadable", "link"):
        from_arguments(["link"])


def test_an_algorithm_that_is_not_made_is_refused_before_anything_is_read() -> None:
    with refused(InputError, "digest-unsupported"):
        from_arguments(["missing.whl"], algorithms=["sha1"])


def test_files_are_found_without_being_read() -> None:
    arguments = ["dist/*", "name=tree/file", "tree", f"x=sha256:{HEX}", "-", "missing", "git:."]
    assert files_in(arguments) == ["dist/app.tar.gz", "dist/app.whl", "tree/file"]


def test_files_with_an_equals_sign_are_found_too() -> None:
    assert files_in(["a=b.txt"]) == ["a=b.txt"]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """The files that are hashed at the same time, one list for each time."""
    return shared_out(monkeypatch)


def large(*names: str) -> list[str]:
    for name in names:
        with open(name, "wb") as stream:
            stream.write(name.encode())
            stream.truncate(digest.LARGE)
    return list(names)


def test_several_large_files_are_hashed_at_the_same_time(shared: list[list[object]]) -> None:
    one, two, three = large("1.bin", "2.bin", "3.bin")
    pieces: list[int] = []
    found = from_arguments(["dist/app.whl", one, "a=2.bin", "tree"], progress=pieces.append)
    found += from_arguments(["*.bin"])
    assert [subject.name for subject in found] == ["app.whl", "1.bin", "a", "tree", "1.bin", "2.bin", "3.bin"]
    for subject, path in zip(found[1:3] + found[4:], (one, two, one, two, three), strict=True):
        assert subject.digest == digest.hash_file(path, ["sha256"])
    assert sum(pieces) == 2 * digest.LARGE + len(CONTENT) + len("tree/file")
    assert shared == [[one, two], [one, two, three]]

    built = Statement.build([one, found[0], two, one], predicate_type="https://example.com/t", predicate={})
    assert built.subjects == (found[1], found[0], found[5])
    assert shared[2:] == [[one, two]]


def test_one_large_file_and_small_ones_need_no_thread(shared: list[list[object]]) -> None:
    from_arguments([*large("1.bin"), "dist/app.whl", "tree/file", f"sha256:{HEX}"])
    Statement.build(["1.bin"], predicate_type="https://example.com/t", predicate={})
    assert shared == []


def test_errors_of_large_files_come_in_the_order_of_the_arguments() -> None:
    """The second file changes while it is read, and the argument after it names nothing."""
    one, two = large("1.bin", "2.bin")
    times = itertools.count()

    def progress(_: int) -> None:
        os.utime(two, (0, next(times)))

    for arguments, code in (([one, two, "missing"], "file-changed"), ([one, "missing", two], "subject-missing")):
        with pytest.raises(InputError) as caught:
            from_arguments(arguments, progress=progress)
        assert caught.value.code == code
