"""The workflows, which cannot run here: they are pinned, have few rights, and run the commands that are tested.

Rule: what a workflow decides stands in a script, a policy or a page that a test runs; here it is only compared.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import attest
from attest import Policy
from tests.support.making.identity_cases import DATA, text
from tests.support.missing import missing
from tests.support.reading import pages

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "verify" / "releases-of-attest.md"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
JOBS: dict[str, dict[str, Any]] = {
    f"{name}.{job}": settings for name, workflow in WORKFLOWS.items() for job, settings in workflow["jobs"].items()
}
STEPS = [(job, step) for job, settings in JOBS.items() for step in settings.get("steps", ())]
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def words(command: str) -> list[str]:
    return command.replace("\\\n", " ").split()


def test_every_action_is_pinned_by_its_digest() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = [line.strip(" -") for line in path.read_text().splitlines() if "uses: " in line]
        assert [line for line in used if not PINNED.match(line) and not line.startswith("uses: ./")] == []


def test_a_job_has_the_rights_that_it_needs_and_no_others() -> None:
    assert [workflow["permissions"] for workflow in WORKFLOWS.values()] == [{}] * len(WORKFLOWS)
    rights = {job: settings["permissions"] for job, settings in JOBS.items()}
    assert {job: given for job, given in rights.items() if "write" in given.values()} == {
        "release.attest": {"attestations": "write", "id-token": "write"},
        "release.publish": {"id-token": "write"},
        "release.release": {"contents": "write"},
    }
    assert JOBS["release.publish"]["environment"] == "pypi"
    for job, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
            assert "write" not in rights[job].values(), "what can sign or publish runs no code of the repository"


def test_no_text_of_a_stranger_becomes_a_command() -> None:
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_nothing_is_published_before_it_is_verified() -> None:
    needed = {job: settings.get("needs") for job, settings in WORKFLOWS["release"]["jobs"].items()}
    order = {"describe": ["test", "build"], "attest": "describe", "verify": "attest", "publish": "verify"}
    assert needed == {"test": None, "build": None, **order, "release": "publish"}


def test_the_gate_runs_with_each_python_that_the_package_promises_from_the_lowest() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    lowest = re.search(r'requires-python = ">=([\d.]+)"', project)
    assert lowest
    matrix = JOBS["ci.test"]["strategy"]["matrix"]["python"]
    assert matrix[0] == lowest[1]
    assert matrix == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    runs = [step["run"] for job, step in STEPS if job == "ci.test" and "run" in step]
    assert runs[-1] == ".ci/run"
    assert JOBS["release.test"]["uses"] == "./.github/workflows/ci.yml"


@pytest.mark.parametrize("name", [".pre-commit-config.yaml", ".pre-commit-hooks.yaml", ".github/dependabot.yml"])
def test_a_file_for_other_programs_can_be_read(name: str) -> None:
    assert yaml.safe_load((ROOT / name).read_text())


def test_the_workflow_verifies_with_the_commands_of_the_page() -> None:
    [gate] = [step["run"] for job, step in STEPS if job == "release.verify" and step.get("name") == "Verify"]
    shown = [command.line for command in pages.commands(PAGE)][:1]
    shown += [block for block in pages.blocks(PAGE, "sh") if block.startswith("attest verify")]
    assert len(shown) == 2
    for command in shown:
        assert " ".join(words(command)) in " ".join(words(gate))


def test_the_page_makes_a_trust_bundle_without_warnings(tmp_path: Path) -> None:
    if not DATA.is_dir():
        missing("the published trusted roots in shared/data/identity")
    (tmp_path / "sigstore.json").write_text(json.dumps(json.loads(text("roots/public-good.json"))))
    environ = {"REPOSITORY": "https://github.com/example/attest", "TAG": f"v{attest.__version__}"}
    assert pages.play(PAGE, tmp_path, environ=environ) == 2


def test_the_policy_of_releases_asks_for_what_the_workflow_attests() -> None:
    policy = Policy.load(ROOT / ".ci" / "release" / "policy.toml")
    assert {one.id for one in policy.requirements} == {
        step["id"] for job, step in STEPS if job == "release.attest" and "id" in step
    }


def test_the_changelog_has_this_version_on_top() -> None:
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert versions[0] == attest.__version__
