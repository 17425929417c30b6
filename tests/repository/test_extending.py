"""docs/develop/extending.md: its modules are put where its entry points say, its commands run one after the other."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.cli import Ran, python, shell
from tests.support.plugins import offer

GUIDE = (Path(__file__).parents[2] / "docs" / "develop" / "extending.md").read_text()
MODULES = {m[1]: m[2] for m in re.finditer(r"^```python\n# (\w+\.py)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)}
BLOCKS = re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [re.sub(r"^\$ ", "", block, flags=re.MULTILINE).strip() for block in BLOCKS]
PLUGINS = ["acme_box.py", "acme_ci.py", "acme_report.py", "acme_rule.py", "acme_signer.py"]


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of the guide, the metadata of their distribution, and the schema."""
    folder = tmp_path_factory.mktemp("guide")
    for name, text in MODULES.items():
        (folder / name).write_text(text)
    project = tomllib.loads(block("toml"))["project"]
    offer(folder, project["name"], project["entry-points"])
    (folder / "schemas").mkdir()
    (folder / "schemas" / "acme-review.json").write_text(block("json"))
    return folder


def run(folder: Path, line: str) -> Ran:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_"))}
    return shell(f"set -e; {line}", cwd=folder, env={**environment, "PYTHONPATH": str(folder)})


def test_the_guide_has_an_example_of_each_kind() -> None:
    assert sorted(MODULES) == [*PLUGINS, "hello.py"]
    assert len(COMMANDS) == 6


@pytest.mark.slow
def test_every_command_of_the_guide_does_what_it_says(installed: Path) -> None:
    check, rules, build, provenance, verify, predicate = (run(installed, line) for line in COMMANDS)
    assert [ran.code for ran in (check, rules, build, provenance, verify, predicate)] == [0] * 6, [
        ran.prose for ran in (check, rules, build, provenance, verify, predicate)
    ]
    assert b"valid: acme:release" in check.stdout
    assert b"\nreviewed (acme-attest)\n  One of `people` has approved the change.\n" in rules.stdout
    assert b"environment-unproven" in provenance.stderr
    assert b"verified: attestations.box" in verify.stdout
    (installed / "policy.toml").write_text(
        '[[require]]\ntype = "https://acme.example/review/v1"\nrules.reviewed.people = ["alice"]\n'
    )
    line = COMMANDS[4].splitlines()[-1] + " --policy policy.toml"
    assert run(installed, line).code == 0
    (installed / "policy.toml").write_text((installed / "policy.toml").read_text().replace("alice", "bob"))
    run(installed, line).refused(1, "(not-approved)", errors=2)


def test_the_command_of_the_guide_is_found_in_the_folder_of_commands(installed: Path) -> None:
    program = (
        f"import sys, attest.cli; attest.cli.__path__.append({str(installed)!r}); sys.exit(attest.cli.main(['hello']))"
    )
    assert python("-c", program).done().stdout == b"hello\n"
