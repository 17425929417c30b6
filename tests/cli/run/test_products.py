"""What `attest run` takes for the product of a command, what it leaves out, and how much it takes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run.test_run import MAKE, PROVENANCE, SIGN, attest_run, products, statement
from tests.support.cli.calls import call


@pytest.fixture(autouse=True)
def _among_the_inputs(among_inputs: Path) -> None:
    Path("dist").mkdir()
    Path("dist", "old").write_text("old")


def caveats() -> list[str]:
    said = statement()["predicate"]["buildDefinition"].get("internalParameters", {})
    return [caveat["code"] for caveat in said.get("attest_doubts", [])]


DIST = ("--products", "dist/*", *SIGN)
LEAVE_IT_OLD = [
    "true",
    "touch dist/old",
    "chmod 600 dist/old",
    "cp -p dist/old x; mv x dist/old",
    "cp dist/old x; rm dist/old; mv x dist/old",
    "echo new > dist/old; printf old > dist/old",
    "mv dist/old x; ln -s ../x dist/old",
    "ln -s old dist/latest; mv dist/old x; echo new > dist/old; mv x dist/old",
]


@pytest.mark.parametrize("script", LEAVE_IT_OLD)
@pytest.mark.parametrize("hashed", [(), ("--materials", ".")])
def test_a_product_with_the_content_that_it_had_before_gets_no_provenance(script: str, hashed: tuple[str, ...]) -> None:
    ran = attest_run(*PROVENANCE, *hashed, *DIST, "--", "sh", "-c", f"{script}; echo new > dist/new")
    [error, hint] = ran.prose[-2:]
    assert (ran.code, "--allow-unchanged" in hint) == (3, True)
    assert re.search(r"error: [12] of \d products existed .*dist/old.* \(product-unchanged\)$", error)
    assert not Path("build.intoto.json").exists()


@pytest.mark.parametrize(
    "script", ["echo new > dist/old", "rm dist/old; touch dist/old", "rm dist/old", "mv dist/old dist/renamed"]
)
def test_a_product_that_the_command_made_gets_provenance(script: str) -> None:
    assert attest_run(*PROVENANCE, *DIST, "--", "sh", "-c", f"{script}; echo new > dist/new").code == 0
    assert "product-unchanged" not in caveats()


def test_what_was_no_file_before_can_become_a_product() -> None:
    Path("dist", "nowhere").symlink_to("missing")
    os.mkfifo("dist/pipe")
    Path("dist", "out").symlink_to("/etc/passwd")
    script = "rm dist/*; touch dist/nowhere dist/pipe dist/out"
    assert attest_run(*PROVENANCE, *DIST, "--", "sh", "-c", script).code == 0
    assert products() == ["dist/nowhere", "dist/out", "dist/pipe"]


def test_an_option_allows_it_with_a_caveat() -> None:
    ran = attest_run("--allow-unchanged", *PROVENANCE, *DIST, "--", "touch", "dist/new")
    assert ran.code == 0
    assert any("dist/old (product-unchanged)" in line for line in ran.prose)
    assert caveats() == ["builder-claimed", "product-unchanged"]
    attest_run("--allow-unchanged", *DIST, "--", "true").refused(2, "--type slsa-provenance")


def test_a_link_is_made_and_says_how_many_are_unchanged() -> None:
    ran = attest_run(*DIST, "--", "touch", "dist/new")
    assert ran.code == 0
    assert "attest: note: 1 of 2 products existed before the command with the same content: dist/old" in ran.prose


def test_a_failed_command_keeps_its_status_when_a_product_is_unchanged() -> None:
    ran = attest_run(*PROVENANCE, *DIST, "--", "sh", "-c", "exit 7")
    assert (ran.code, Path("build.intoto.json").exists()) == (7, False)


def run_git(*arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        ("true", []),
        ("echo 2 > f; git -c user.name=x -c user.email=x@y commit -qam 2", ["commit-moved"]),
        ("echo 2 > f", ["source-changed-later"]),
        ("echo 2 > g", ["source-changed-later"]),
        ("git checkout -q g", ["source-changed-later"]),
        ("mv .git .gut", ["commit-moved", "source-unchecked"]),
    ],
)
def test_what_the_command_does_to_the_checkout_is_a_caveat(script: str, codes: list[str]) -> None:
    run_git("init", "--quiet")
    Path("f").write_text("1")
    Path("g").write_text("1")
    run_git("add", "f", "g")
    run_git("commit", "--quiet", "-m", "1")
    Path("g").write_text("changed before")
    provenance = ("--type", "slsa-provenance", "--ci", "git")
    ran = attest_run(*provenance, *MAKE, f"{script}; touch made")
    assert ran.code == 0, ran.prose
    later = [code for code in caveats() if code in ("commit-moved", "source-changed-later", "source-unchecked")]
    assert later == codes
    assert "source-changed" in caveats()
    assert all(f"({code})" in ran.stderr.decode() for code in codes)


def test_what_is_no_file_of_the_directory_does_not_stop_materials() -> None:
    Path(".venv").mkdir()
    Path(".venv", "python").symlink_to("/usr/bin/env")
    Path("dangling").symlink_to("missing")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        ran = attest_run("--materials", ".", *MAKE, "touch made")
    assert ran.code == 0
    [note] = [line for line in ran.prose if "left out of the materials" in line]
    assert note.endswith("), and 2 more")
    names = [one["name"] for one in statement()["predicate"]["materials"]]
    assert "app.whl" in names
    assert not {"dangling", "socket", ".venv/python"} & {*names}
    attest_run("--materials", "dangling", *MAKE, "touch made").refused(3, "(file-unreadable)")
    attest_run("--products", "dang*", *SIGN, "--", "true").refused(3, "(file-unreadable)")


def test_what_is_excluded_is_neither_a_material_nor_a_product() -> None:
    line = ("--exclude", "*.json", "--exclude", "dist/old", "--materials", ".", "--products", "**", *SIGN)
    assert attest_run(*line, "--", "touch", "dist/new").code == 0
    assert {"dist/new", "app.whl"} < {*products()}
    said = [*products(), *(one["name"] for one in statement()["predicate"]["materials"])]
    assert not [name for name in said if name == "dist/old" or name.endswith(".json")]


MANY = ("sh", "-c", "i=0; while [ $i -lt 1025 ]; do echo $i > dist/$i; i=$((i+1)); done")


def test_more_products_than_verifiers_usually_read_are_attested_with_a_warning() -> None:
    ran = attest_run("--products", "dist/*", *SIGN, "--", *MANY)
    assert ran.code == 0
    assert any(line.endswith("verify it with --limit subjects=1026") for line in ran.prose)
    verify = ("verify", "build.intoto.json", "--trust", "trust.json", "--artifact", "dist/7")
    assert call(*verify).code != 0
    assert call(*verify, "--limit", "subjects=1026").code == 0


def test_a_limit_that_is_met_names_the_option_before_the_command_where_it_can() -> None:
    for arguments in (("--materials", ".", *DIST), ("--products", "**", *SIGN)):
        ran = attest_run("--limit", "files=3", *arguments, "--", "touch", "ran")
        ran.refused(3, "(too-many-files)", hint=True)
        assert b"--limit files=N" in ran.stderr
    assert not Path("ran").exists()
    ran = attest_run("--limit", "subjects=1", "--products", "dist/*", *SIGN, "--", "touch", "dist/new")
    ran.refused(3, "(too-many-subjects)", hint=True)
    assert b"--limit subjects=N" in ran.stderr
    attest_run("--limit", "signatures=1", *DIST, "--", "true").refused(2, "envelope, subjects, files, trace")


def test_the_result_has_the_caveats_of_the_command() -> None:
    ran = attest_run("--format", "json", "--allow-unchanged", *PROVENANCE, *DIST, "--", "true")
    result: Any = json.loads(ran.stdout)
    assert any("product-unchanged" in warning for warning in result["warnings"])
