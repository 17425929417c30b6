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
from tests.support import forks, kms
from tests.support.cli import call
from tests.support.images import empty_layout, push_image
from tests.support.registries import PASSWORD, USER, docker_registry, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.registries import Registry

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
    # The steps without a name install what the runner lacks.
    named = {name: [step for step in job["steps"] if "name" in step] for name, job in document["jobs"].items()}
    return {name: [step["run"] for step in steps] for name, steps in named.items()}


def gitlab(document: Any) -> dict[str, list[str]]:
    return {name: list(flat(document[name]["script"])) for name in document["stages"]}


def flat(script: list[Any]) -> Iterator[str]:
    """The lines of a script, of which some are lists that are used twice."""
    for line in script:
        yield from [line] if isinstance(line, str) else flat(line)


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
    path = os.pathsep.join([forks.folder(), str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {"PATH": path, "HOME": str(folder), **forks.of_python(os.environ)}
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
    return {
        name: value for name, value in variables.items() if name not in ("PATH", "HOME", *forks.of_python(variables))
    } | own


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


# What is run of the pipelines for images: the lines of `attest`, before and at the gate, each job in one shell.
IMAGES = {"github": ("github-actions-image.yml", github), "gitlab": ("gitlab-ci-image.yml", gitlab)}


def image_steps(system: str) -> tuple[str, str, str]:
    """The scripts that attest, let pass, and deploy."""
    name, find = IMAGES[system]
    jobs = find(yaml.safe_load((PIPELINES / name).read_text()))
    if system == "gitlab":
        attest, gate, deploy = ("\n".join(jobs[job]) for job in ("attest", "gate", "deploy"))
        return attest, gate, deploy
    [attest], [gate, deploy] = jobs["build"], jobs["deploy"]
    return attest, gate, deploy


@pytest.mark.slow
@pytest.mark.parametrize("system", IMAGES)
def test_an_image_is_attested_with_a_kms_key_and_deployed_by_digest(
    system: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attest, gate, deploy = image_steps(system)
    assert deploy == 'kubectl set image deployment/app app="$IMAGE"'
    moto = kms.moto()
    kms.use(monkeypatch, aws=moto.url)
    alias = f"alias/{tmp_path.name}"
    moto.key("ECC_NIST_P256", alias=alias)
    trust = str(tmp_path / "kms-trust.json")
    types = ("--predicate-type", "slsa-provenance")
    call("trust", "init", "--anchor", "release", "--key", f"awskms:{alias}", *types, "-o", trust).done()
    with docker_registry(tmp_path / "registry", auth="basic") as registry:
        pushed = [push_to(registry, tmp_path, number) for number in range(2)]
        variables = environment(system, project) | {
            **{name: value for name, value in os.environ.items() if name.startswith(("AWS_", "NO_PROXY"))},
            "ATTEST_SIGNER": f"awskms:{alias}",
            "ATTEST_TRUST": trust,
            "IMAGE": pushed[0],
            "CI_REGISTRY": registry.host,
            "CI_REGISTRY_USER": USER,
            "CI_REGISTRY_PASSWORD": PASSWORD,
        }
        if system == "github":  # docker/login-action has logged in
            variables["DOCKER_CONFIG"] = str(registry.config)
        ran = shell(gate, project, variables)
        assert ran.returncode == 3, "nothing is attached yet"
        ran = shell(attest, project, variables)
        assert ran.returncode == 0, ran.stderr
        ran = shell(gate, project, variables)
        assert ran.returncode == 0, ran.stderr
        assert pushed[0].partition("@")[2].encode() in ran.stdout
        # Another image in the same repository is not let through, nor with the attestation of this one.
        other = variables | {"IMAGE": pushed[1]}
        assert shell(gate, project, other).returncode == 3
        if system == "github":  # what an attacker types is not the pipeline's
            attach = 'attest oci attach "$IMAGE" provenance.intoto.json'
            assert shell(attach, project, other).returncode == 1
            assert shell(f"{attach} --any-subject", project, other).returncode == 0
            assert shell(gate, project, other).returncode == 1
        # Nor one that somebody else attested.
        others = variables | {"ATTEST_SIGNER": f"file:{project.parent}/release.pem", "IMAGE": pushed[1]}
        assert shell(attest, project, others).returncode == 0
        assert shell(gate, project, others).returncode == 1


def push_to(registry: Registry, folder: Path, number: int) -> str:
    """The name by digest of a new image in a registry; all have the same tag, one after the other."""
    layout = folder / f"image-{number}"
    document = push_image(empty_layout(layout), "1", number)
    push(layout, registry.name(reference=":1"), registry=registry)
    return registry.name(reference=f"@{document.digest}")
