"""The pipelines of docs/pipelines: their shell steps are run as they stand, and their gates let nothing else pass."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.building.test_ci import recorded
from tests.support.cli import ATTEST, call

if TYPE_CHECKING:
    from collections.abc import Callable

PIPELINES = Path(__file__).parents[2] / "docs" / "pipelines"
# A build backend that needs nothing from anywhere, so that `python -m build` is real and quick.
PROJECT = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("acme.py", "")
        wheel.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: acme\\nVersion: 1.0\\n")
        wheel.writestr("acme-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("acme-1.0.dist-info/RECORD", "")
    return name
""",
}


def github(document: Any) -> dict[str, list[str]]:
    jobs = document["jobs"]
    return {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}


def gitlab(document: Any) -> dict[str, list[str]]:
    return {name: document[name]["script"] for name in document["stages"]}


def tekton(document: Any) -> dict[str, list[str]]:
    build = ["python -m build --wheel"]  # another Task's
    return {"build": build, **{step["name"]: [step["script"]] for step in document["spec"]["steps"]}}


def jenkins(text: str) -> dict[str, list[str]]:
    steps = [one or other for one, other in re.findall(r"sh (?:'''(.*?)'''|'([^']*)')", text, re.DOTALL)]
    return {"build": steps[:-1], "gate": steps[-1:]}


SYSTEMS: dict[str, tuple[str, Callable[[Any], dict[str, list[str]]]]] = {
    "github": ("github-actions.yml", github),
    "gitlab": ("gitlab-ci.yml", gitlab),
    "tekton": ("tekton-task.yaml", tekton),
    "jenkins": ("Jenkinsfile", jenkins),
}


def steps_of(system: str) -> list[list[str]]:
    """The shell steps of each job, in their order."""
    name, find = SYSTEMS[system]
    text = (PIPELINES / name).read_text()
    return list(find(text if name == "Jenkinsfile" else yaml.safe_load(text)).values())


def shell(step: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a step as these systems do: by a shell that stops at the first failure."""
    path = os.pathsep.join([str(Path(ATTEST).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(PIPELINES.parents[1])}
    return subprocess.run(
        ["sh", "-euc", step], cwd=folder, env=environment | settings, capture_output=True, timeout=120, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a git repository, a key, and a trust bundle outside of it."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "commit.gpgsign=false",
    ]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all of it"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    call("key", "generate", f"file:{tmp_path}/release.pem").done()
    types = ("--predicate-type", "slsa-provenance")
    trust = ("trust", "init", "--anchor", "release", "--key", f"file:{tmp_path}/release.pem", *types)
    call(*trust, "-o", str(tmp_path / "trust.json")).done()
    return folder


def environment(system: str, project: Path) -> dict[str, str]:
    outside = project.parent
    own = {
        "ATTEST_SIGNER": f"file:{outside}/release.pem",
        "ATTEST_TRUST": str(outside / "trust.json"),
        "BUILDER": "https://ci.example.com/clusters/release",
    }
    variables = recorded(system)
    return {name: value for name, value in variables.items() if name not in ("PATH", "HOME", "PYTHONPATH")} | own


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_pipeline_builds_attests_and_gates(system: str, project: Path) -> None:
    variables = environment(system, project)
    *build, gate = steps_of(system)
    for step in [step for job in build for step in job]:
        ran = shell(step, project, variables)
        assert ran.returncode == 0, (step, ran.stderr)
    provenance = json.loads((project / "provenance.json").read_bytes())
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [subject["name"] for subject in provenance["subject"]] == ["acme-1.0-py3-none-any.whl"]
    for step in gate:
        ran = shell(step, project, variables)
        assert (ran.returncode, ran.stdout[:9]) == (0, b"verified:"), ran.stderr
    wheel = project / "dist" / "acme-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"!")
    assert [shell(step, project, variables).returncode for step in gate] == [1] * len(gate)


def test_a_trust_bundle_that_is_not_valid_is_not_committed(tmp_path: Path) -> None:
    [repository] = yaml.safe_load((PIPELINES / "pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    trust = tmp_path / "trust.json"
    call("trust", "init", "--anchor", "a", "--key", "sim:a", "-o", str(trust)).done()
    entry = f"{hook['entry']} trust.json"
    assert re.fullmatch(hook["files"], "trust.json")
    assert shell(entry, tmp_path, {}).returncode == 0
    trust.write_text(trust.read_text().replace('"threshold": 1', '"threshold": 2'))
    assert shell(entry, tmp_path, {}).returncode == 3


def test_an_image_is_built_only_of_what_verifies(project: Path) -> None:
    lines = (PIPELINES / "Containerfile").read_text().splitlines()
    [gate] = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN attest ")]
    for step in [step for job in steps_of("gitlab")[:-1] for step in job]:
        assert shell(step, project, environment("gitlab", project)).returncode == 0
    shutil.copy(project.parent / "trust.json", project)
    assert shell(gate, project, {}).returncode == 0
    (project / "dist" / "provenance.intoto.json").write_bytes(b"{}")
    assert shell(gate, project, {}).returncode == 3
