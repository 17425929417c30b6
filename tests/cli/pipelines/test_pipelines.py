"""Pipelines (docs/pipelines, `action.yml`, `templates/`): their shell steps run as they are, and ship what verifies.

Each step runs in the environment that its CI system provides, with two wheels and an sdist in dist/, and with a real
key in a service on loopback, or in SoftHSM. What is not run is what installs: a rule says how it must look.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli.pipelines.machine import (
    FILES,
    PIPELINES,
    ROOT,
    SYSTEMS,
    Key,
    Machine,
    System,
    add_below,
    add_link,
    change,
    environment,
    in_aws_by_token,
    in_google,
)
from tests.support.cli.calls import call
from tests.support.making.images import empty_layout, push_image
from tests.support.reading.pipelines import INSTALLS, Step, flat, github, gitlab, steps
from tests.support.services.registries import PASSWORD, USER, docker_registry, push

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.services.registries import Registry


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_pipeline_attests_all_files_and_publishes_only_what_verifies(name: str, machine: Machine) -> None:
    system = SYSTEMS[name]
    key = system.key(machine.outside)
    trust = machine.trust(key)
    jobs = system.read()
    folder = machine.job("attest")
    shutil.copytree(folder / "dist", machine.artifacts / "dist")
    given = environment(name, folder, trust) | key.job | {"ATTEST_SIGNER": key.uri}
    ran = machine.run(jobs["attest"], folder, given, system.shell)
    assert ran.returncode == 0, ran.stderr
    provenance = json.loads((folder / "provenance.json").read_bytes())
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert sorted(subject["name"] for subject in provenance["subject"]) == FILES

    def publish(tag: str = "v1.0", spoil: Callable[[Path], None] | None = None) -> int:
        at = machine.job("publish")
        shutil.rmtree(at / ".git")
        for place in (at, at / "attestation"):
            place.mkdir(exist_ok=True)
            shutil.copy(folder / "provenance.intoto.json", place)
        shutil.copytree(trust, at / "trust")  # what actions/checkout leaves; GitLab's job removes it and clones
        for secret in ("TWINE_USERNAME", "TWINE_PASSWORD"):
            (at / secret).write_text("of a test")
        if spoil is not None:
            spoil(at / "dist")
        shutil.rmtree(machine.artifacts)
        shutil.copytree(at, machine.artifacts, symlinks=True, ignore=shutil.ignore_patterns("trust"))
        variables = environment(name, at, trust) | {system.tag: tag}
        if name in ("jenkins", "buildkite"):  # of root on their agents
            variables["ATTEST_TRUST"] = str(trust / "trust.json")
        return machine.run(jobs["publish"], at, variables, system.shell).returncode

    assert (publish(), machine.published()) == (0, FILES)
    for spoil in (change, add_below, add_link):
        assert (publish(spoil=spoil), machine.published()) == (1, []), spoil.__name__
    assert (publish("v2.0"), machine.published()) == (1, []), "an old release is not this one"


@pytest.fixture
def signed(machine: Machine) -> tuple[Path, Path]:
    """What a job that signs leaves, with a key in a file, and the trust bundle."""
    uri = f"file:{machine.outside}/release.pem"
    call("key", "generate", uri).done()
    trust = machine.trust(Key(uri, {}, {}))
    folder = machine.job("signed")
    variables = environment("gitlab", folder, trust) | {"ATTEST_SIGNER": uri}
    ran = machine.run([SYSTEMS["gitlab"].read()["attest"][0]._replace(variables={})], folder, variables)
    assert ran.returncode == 0, ran.stderr
    return folder, trust


def test_a_trust_bundle_that_is_not_valid_is_not_committed(machine: Machine) -> None:
    [repository] = yaml.safe_load((PIPELINES / "pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    trust = machine.folder / "trust.json"
    call("trust", "init", "--anchor", "a", "--key", "sim:a", "-o", str(trust)).done()
    entry = [Step(f"{hook['entry']} trust.json", {})]
    assert re.fullmatch(hook["files"], "trust.json")
    assert machine.run(entry, machine.folder, {}).returncode == 0
    trust.write_text(trust.read_text().replace('"threshold": 1', '"threshold": 2'))
    assert machine.run(entry, machine.folder, {}).returncode == 3


def test_an_image_is_built_only_of_what_verifies(machine: Machine, signed: tuple[Path, Path]) -> None:
    folder, trust = signed
    lines = (PIPELINES / "Containerfile").read_text().splitlines()
    gate = [Step(line.removeprefix("RUN "), {}) for line in lines if line.startswith("RUN attest ")]
    shutil.copy(trust / "trust.json", folder)
    assert machine.run(gate, folder, {"VERSION": "1.0"}).returncode == 0
    assert machine.run(gate, folder, {"VERSION": ""}).returncode != 0
    add_below(folder / "dist")
    assert machine.run(gate, folder, {"VERSION": "1.0"}).returncode == 1


@pytest.mark.parametrize("spoil", [None, change, add_below])
def test_the_gitlab_components_sign_and_verify(
    machine: Machine, signed: tuple[Path, Path], spoil: Callable[[Path], None] | None
) -> None:
    _, trust = signed
    hostile = "$(touch owned)`touch owned`;touch owned;'\"${HOME}"
    given = {"signer": f"file:{machine.outside}/release.pem", "job": "release"}
    given |= {"trust-project": "acme/trust", "attestation": "a b.json", "subject-name": "acme-1.0*"}
    folder = machine.job("component")
    variables = environment("gitlab", folder, trust)
    for name in ("attest-sign", "attest-verify"):
        [step] = component(name, given)
        if name == "attest-verify" and spoil is not None:
            spoil(folder / "dist")
        ran = machine.run([step], folder, variables)
        assert ran.returncode == (1 if spoil is not None and name == "attest-verify" else 0), ran.stderr
    for name in ("attest-sign", "attest-verify"):
        [step] = component(name, dict.fromkeys(given, hostile))
        assert machine.run([step], folder, variables).returncode not in (0, 70)
    assert not list(machine.folder.rglob("owned"))


def component(name: str, given: Mapping[str, str]) -> list[Step]:
    """The job of a component, as GitLab makes it of the inputs: they are put into the text before it is read.

    Quotes are escaped for YAML: who writes the inputs writes the pipeline. What the shell makes of them is the test.
    """
    header, _, text = (ROOT / "templates" / f"{name}.yml").read_text().partition("\n---\n")
    assert "$[[" not in "".join(flat(yaml.safe_load(text)["$[[ inputs.job ]]"]["script"]))
    inputs = {key: value.get("default") for key, value in yaml.safe_load(header)["spec"]["inputs"].items()}
    inputs.update(given)
    quoted = {key: json.dumps(str(value))[1:-1] for key, value in inputs.items()}
    document = yaml.safe_load(re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", lambda one: quoted[one[1]], text))
    [job] = document.values()
    variables = {name: value["value"] if isinstance(value, dict) else value for name, value in job["variables"].items()}
    return [Step(step.script, variables) for step in steps(["\n".join(job["script"])])]


@pytest.mark.slow
def test_the_action_signs_and_verifies(machine: Machine, signed: tuple[Path, Path]) -> None:
    _, trust = signed
    install, act = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    assert INSTALLS.sub("", install["run"].splitlines()[1].replace("-I ", "")) != install["run"]
    temp = machine.folder / "temp"
    venv = [sys.executable, "-m", "venv", "--without-pip", str(temp / "attest")]
    subprocess.run(venv, check=True)
    [site] = (temp / "attest" / "lib").glob("*/site-packages")
    (site / "installed.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))
    folder = machine.job("action")
    (folder / "attest.py").write_text("raise SystemExit('the project is not imported')")
    output = machine.folder / "output"
    base = {name: value for name, value in environment("github", folder, trust).items() if name != "TRUST"} | {
        "GITHUB_ACTION_PATH": str(ROOT),
        "RUNNER_TEMP": str(temp),
        "GITHUB_OUTPUT": str(output),
    }
    defaults = {
        key: value.get("default", "")
        for key, value in yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].items()
    }

    def use(**inputs: str) -> int:
        given = defaults | {name.replace("_", "-"): value for name, value in inputs.items()}
        output.write_text("")
        variables = {name: given[re.findall(r"inputs\.([a-z-]+)", value)[0]] for name, value in act["env"].items()}
        ran = machine.run([Step(act["run"], variables)], folder, base, ("bash", "-eo", "pipefail", "-c"))
        assert not (folder / "owned").exists()
        return ran.returncode

    signer = f"file:{machine.outside}/release.pem"
    assert use(command="sign", signer=signer) == 0
    assert output.read_text() == "attestation=provenance.intoto.json\n"
    wanted = {"command": "verify", "trust": str(trust / "trust.json"), "subject_name": "acme-1.0*"}
    assert use(**wanted) == 0
    checked = dict(line.split("=") for line in output.read_text().splitlines())["directory"]
    assert sorted(os.listdir(checked)) == FILES
    for wrong in ({"command": "verfy"}, {"trust": ""}, {"subject_name": ""}, {"attestation": "a\nb"}):
        assert (use(**wanted | wrong), output.read_text()) == (2, "")
    assert use(**wanted | {"directory": "$(touch owned)", "subject_name": "`touch owned`"}) != 0
    add_below(folder / "dist")
    assert (use(**wanted), output.read_text()) == (1, "")


# The pipelines for images: the job that attests, the gate, and what deploys.
IMAGES = {
    "github": (System("github-actions-image.yml", github, ("bash", "-e", "-c"), in_google), ("deploy", "deploy")),
    "gitlab": (System("gitlab-ci-image.yml", gitlab, ("sh", "-e", "-c"), in_aws_by_token), ("gate", "deploy")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_attested_with_a_kms_key_and_deployed_by_digest(name: str, machine: Machine) -> None:
    system, (gate, deploy) = IMAGES[name]
    jobs = system.read()
    attest, passing = jobs["attest"], jobs[gate]
    assert jobs[deploy][-1].script == 'kubectl set image deployment/app app="$IMAGE"'
    key = system.key(machine.outside)
    trust = machine.trust(key)
    folder = machine.job("image")
    shutil.copytree(trust, folder / "trust")
    with docker_registry(machine.folder / "registry", auth="basic") as registry:
        pushed = [push_to(registry, machine.folder, number) for number in range(2)]
        variables = environment(name, folder, trust) | key.job | {"ATTEST_SIGNER": key.uri, "IMAGE": pushed[0]}
        variables |= {"CI_REGISTRY": registry.host, "CI_REGISTRY_USER": USER, "CI_REGISTRY_PASSWORD": PASSWORD}
        if name == "github":  # docker/login-action has logged in
            variables["DOCKER_CONFIG"] = str(registry.config)

        def run(steps: list[Step], **changes: str) -> int:
            return machine.run(steps, folder, {**variables, **changes}, system.shell).returncode

        assert run(passing) == 3, "nothing is attached yet"
        assert run(attest) == 0
        assert run(passing) == 0
        assert run(jobs[deploy]) == 0
        assert pushed[0] in (machine.shipped / "deployed").read_text()
        # Another image in the same repository is not let through, nor with the attestation of this one.
        assert run(passing, IMAGE=pushed[1]) == 3
        attach = 'attest oci attach "$IMAGE" provenance.intoto.json --any-subject'
        if name == "github":  # what an attacker types is not the pipeline's
            assert run([Step(attach, {})], IMAGE=pushed[1]) == 0
            assert run(passing, IMAGE=pushed[1]) == 1
        # Nor one that somebody else attested.
        call("key", "generate", f"file:{machine.outside}/other.pem").done()
        assert run(attest, IMAGE=pushed[1], ATTEST_SIGNER=f"file:{machine.outside}/other.pem") == 0
        assert run(passing, IMAGE=pushed[1]) == 1


def push_to(registry: Registry, folder: Path, number: int) -> str:
    """The name by digest of a new image in a registry; all have the same tag, one after the other."""
    layout = folder / f"image-{number}"
    document = push_image(empty_layout(layout), "1", number)
    push(layout, registry.name(reference=":1"), registry=registry)
    return registry.name(reference=f"@{document.digest}")
