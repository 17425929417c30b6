"""docs/develop/extending.md: its modules are put where its entry points say, its commands run one after the other."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import python, shell
from tests.support.plugins import offer
from tests.support.reading import pages

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = pages.DOCS / "develop" / "extending.md"
MODULES = {m[1]: m[2] for block in pages.blocks(GUIDE, "python") if (m := re.match(r"(?s)# (\w+\.py)\n(.*)", block))}
PLUGINS = ["acme_box.py", "acme_ci.py", "acme_report.py", "acme_rule.py", "acme_signer.py"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of the guide, the metadata of their distribution, and the schema."""
    folder = tmp_path_factory.mktemp("guide")
    for name, text in MODULES.items():
        (folder / name).write_text(text)
    [metadata], [schema] = pages.blocks(GUIDE, "toml"), pages.blocks(GUIDE, "json")
    project = tomllib.loads(metadata)["project"]
    offer(folder, project["name"], project["entry-points"])
    (folder / "schemas").mkdir()
    (folder / "schemas" / "acme-review.json").write_text(schema)
    return folder


def test_the_guide_has_an_example_of_each_kind() -> None:
    assert sorted(MODULES) == [*PLUGINS, "hello.py"]


@pytest.mark.slow
def test_every_command_of_the_guide_does_what_it_says(installed: Path) -> None:
    environ = {"PYTHONPATH": str(installed)}
    assert pages.play(GUIDE, installed, environ=environ) == 11
    verify = next(one.line for one in pages.commands(GUIDE) if one.line.startswith("attest verify"))
    for name, code in (("alice", 0), ("bob", 1)):
        rule = f'[[require]]\ntype = "https://acme.example/review/v1"\nrules.reviewed.people = ["{name}"]\n'
        (installed / "policy.toml").write_text(rule)
        ran = shell(f"{verify} --policy policy.toml", cwd=installed, env=os.environ | environ)
        assert ran.code == code, ran.prose
    ran.refused(1, "(not-approved)", errors=2)


def test_the_command_of_the_guide_is_found_in_the_folder_of_commands(installed: Path) -> None:
    program = (
        f"import sys, attest.cli; attest.cli.__path__.append({str(installed)!r}); sys.exit(attest.cli.main(['hello']))"
    )
    assert python("-c", program).done().stdout == b"hello\n"
