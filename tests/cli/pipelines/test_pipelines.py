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
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from packaging.requirements import Requirement

from tests.building.test_ci import recorded
from tests.signers import test_hv_logins as vault
from tests.support.cli import forks
from tests.support.cli.calls import call, program
from tests.support.making.images import empty_layout, push_image
from tests.support.reading.pipelines import (
    INSTALLS,
    Jobs,
    Step,
    azure_pipelines,
    buildkite,
    flat,
    github,
    gitlab,
    jenkins,
    scripts_in,
    steps,
    tekton,
)
from tests.support.services import azure, gcp, kms
from tests.support.services.registries import PASSWORD, USER, docker_registry, push
from tests.support.tokens import hsm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.support.services.registries import Registry

ROOT = Path(__file__).parents[3]
PIPELINES = ROOT / "docs" / "pipelines"
WHEELS = ("acme-1.0-cp313-cp313-manylinux_2_28_x86_64.whl", "acme-1.0-py3-none-any.whl")
FILES = [*WHEELS, "acme-1.0.tar.gz"]
# A build backend that needs nothing from anywhere, so that `python -m build` is real and quick.
PROJECT = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": f"""
import pathlib, tarfile, zipfile
def build_sdist(folder, config_settings=None):
    pathlib.Path("PKG-INFO").write_text("Metadata-Version: 2.1\\nName: acme\\nVersion: 1.0\\n")
    with tarfile.open(f"{{folder}}/acme-1.0.tar.gz", "w:gz") as sdist:
        for name in ("pyproject.toml", "backend.py", "PKG-INFO"):
            sdist.add(name, f"acme-1.0/{{name}}")
    return "acme-1.0.tar.gz"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    for name in {WHEELS}:
        with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
            wheel.writestr("acme.py", "")
            wheel.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: acme\\nVersion: 1.0\\n")
            wheel.writestr("acme-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\\nTag: {{name[9:-4]}}\\n")
            wheel.writestr("acme-1.0.dist-info/RECORD", "")
    return name
""",
    ".gitignore": "dist/\nPKG-INFO\n",
}
# Programs of the CI systems and of those who publish: what they are given is copied to the folder SHIPPED.
SHIP = '#!/bin/sh\nfor one; do if test -f "$one"; then cp "$one" "$SHIPPED"; fi; done\n'
PROGRAMS = {
    "gh": SHIP,
    "twine": SHIP,
    "kubectl": '#!/bin/sh\necho "$@" > "$SHIPPED/deployed"\n',
    "buildkite-agent": '#!/bin/sh\ncase $1-$2 in\noidc-*) printf %s "$TOKEN_OF_THE_JOB";;\n'
    '*-download) cp -r "$ARTIFACTS/." .;;\nesac\n',
}


class Key(NamedTuple):
    """A signer URI, the variables with which its owner uses it, and those that the CI system gives to the job."""

    uri: str
    owner: dict[str, str]
    job: dict[str, str]


def in_aws(folder: Path) -> Key:
    moto = kms.moto()
    alias = f"alias/{folder.parent.name}"
    moto.key(alias=alias)
    place = {"AWS_ENDPOINT_URL": moto.url, "AWS_DEFAULT_REGION": kms.REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    login = {"AWS_ACCESS_KEY_ID": kms.ACCESS, "AWS_SECRET_ACCESS_KEY": kms.SECRET}
    return Key(f"awskms:{alias}", place | login, place | login)


def in_aws_by_token(folder: Path) -> Key:
    """The job has a token of the CI system's only, which STS exchanges."""
    key = in_aws(folder)
    place = {
        name: value for name, value in key.job.items() if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    token = {
        "TOKEN_OF_THE_JOB": vault.jwt(),
        "AWS_TOKEN": vault.jwt(),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/release",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "aws-token"),
    }
    return Key(key.uri, key.owner, place | token)


def in_vault(folder: Path) -> Key:
    place = {"VAULT_ADDR": vault.server().url}
    (folder / "token").write_text(vault.jwt())
    job = {"ATTEST_VAULT_AUTH_PATH": "ci/jwt", "ATTEST_VAULT_JWT": vault.jwt()}
    return Key(vault.URI, place | {"VAULT_TOKEN": kms.TOKEN}, place | job)


def in_vault_by_file(folder: Path) -> Key:
    key = in_vault(folder)
    job = {name: value for name, value in key.job.items() if name != "ATTEST_VAULT_JWT"}
    return Key(key.uri, key.owner, job | {"ATTEST_VAULT_JWT_FILE": str(folder / "token")})


def in_azure(folder: Path) -> Key:
    there = azure.azure()
    place = {name: there.variables[name] for name in ("REQUESTS_CA_BUNDLE", "HTTPS_PROXY")}
    login = {"tenantId": azure.TENANT, "servicePrincipalId": there.variables["AZURE_CLIENT_ID"], "idToken": vault.jwt()}
    return Key(there.uri(), dict(there.variables), place | login | {"AGENT_TEMPDIRECTORY": str(folder)})


def in_google(_: Path) -> Key:
    there = gcp.gcp()
    variables = dict(gcp.environment(there))
    return Key(f"gcpkms:{there.key()}", variables, variables)


def in_softhsm(folder: Path) -> Key:
    token = hsm.SoftHSM.make(folder / "hsm", "release")
    variables = {"SOFTHSM2_CONF": str(token.configuration), "ATTEST_PIN": hsm.PIN}
    uri = jenkins((PIPELINES / "Jenkinsfile").read_text())["attest"][-1].variables["ATTEST_SIGNER"]
    program("key", "generate", uri, env=clean() | variables).done()
    return Key(uri, variables, variables)


class System(NamedTuple):
    """Where a pipeline is, how it is read, and the shell, the key and the name of the tag that its jobs have."""

    file: str
    jobs: Callable[[str], Jobs]
    shell: tuple[str, ...]
    key: Callable[[Path], Key]
    tag: str = ""

    def read(self) -> Jobs:
        return self.jobs((PIPELINES / self.file).read_text())


SYSTEMS = {
    "github": System("github-actions.yml", github, ("bash", "-e", "-c"), in_aws, "GITHUB_REF_NAME"),
    "gitlab": System("gitlab-ci.yml", gitlab, ("sh", "-e", "-c"), in_vault, "CI_COMMIT_TAG"),
    "jenkins": System("Jenkinsfile", jenkins, ("sh", "-xe", "-c"), in_softhsm, "TAG_NAME"),
    "tekton": System("tekton-tasks.yaml", tekton, ("sh", "-c"), in_vault_by_file, "TAG"),
    "azure": System("azure-pipelines.yml", azure_pipelines, ("bash", "-c"), in_azure, "BUILD_SOURCEBRANCHNAME"),
    "buildkite": System("buildkite.yml", buildkite, ("bash", "-e", "-c"), in_aws_by_token, "BUILDKITE_TAG"),
}


def clean() -> dict[str, str]:
    """The variables of a program that has none of the developer's logins."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1"}


def use(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """The same for this process."""
    for name in os.environ:
        if name.startswith(("AWS_", "VAULT_", "BAO_", "ATTEST_", "AZURE_", "GOOGLE_")):
            patch.delenv(name)
    for name, value in ({"NO_PROXY": "127.0.0.1"} | dict(variables)).items():
        patch.setenv(name, value)


class Machine:
    """A folder for each job, beside what is not the project's: the programs, the trust bundle, what was published."""

    def __init__(self, folder: Path, built: Path) -> None:
        self.folder, self.built = folder, built
        self.outside = folder / "outside"
        self.shipped = folder / "shipped"
        self.artifacts = folder / "artifacts"
        self.programs = folder / "bin"
        for path in (self.outside, self.shipped, self.programs):
            path.mkdir()
        for name, text in PROGRAMS.items():
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        search = os.pathsep.join(
            [str(self.programs), forks.folder(), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        self.variables = {
            "PATH": search,
            "NO_PROXY": "127.0.0.1",
            "SHIPPED": str(self.shipped),
            "ARTIFACTS": str(self.artifacts),
            **forks.of_python(os.environ),
        }

    def trust(self, key: Key) -> Path:
        """A trust bundle that trusts a key, in a folder, and in a repository of a server."""
        folder = self.outside / "acme" / "trust.git"
        folder.mkdir(parents=True)
        words = ("trust", "init", "--anchor", "release", "--key", key.uri, "--predicate-type", "slsa-provenance")
        if key.uri.startswith("pkcs11:"):  # a module of a process of its own
            program(*words, "-o", str(folder / "trust.json"), env=clean() | key.owner).done()
        else:
            with pytest.MonkeyPatch.context() as patch:
                use(patch, key.owner)
                call(*words, "-o", str(folder / "trust.json")).done()
        commit(folder)
        return folder

    def job(self, name: str) -> Path:
        """A fresh folder with what the build left."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.built, folder)
        return folder

    def run(
        self,
        scripts: Iterable[Step],
        folder: Path,
        variables: Mapping[str, str],
        shell: Iterable[str] = ("sh", "-e", "-c"),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the steps of a job until one fails; the last that ran."""
        for step in scripts:
            env = step.variables | dict(variables) | self.variables | {"HOME": str(folder)}
            ran = subprocess.run(
                [*shell, step.script],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
                check=False,
            )
            if ran.returncode:
                break
        return ran

    def published(self) -> list[str]:
        """What was published, which is forgotten then."""
        found = sorted(path.name for path in self.shipped.iterdir() if path.name != "provenance.intoto.json")
        for path in self.shipped.iterdir():
            path.unlink()
        return found


def commit(folder: Path) -> None:
    git = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "commit.gpgsign=false",
        "-C",
        str(folder),
    ]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "all of it"]):
        subprocess.run([*git, *command], check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a git repository that the build step of all pipelines has built."""
    folder = tmp_path_factory.mktemp("built") / "project"
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    commit(folder)
    lines = [
        [line for step in system.read()["build"] for line in step.script.splitlines() if "-m build" in line]
        for name, system in SYSTEMS.items()
        if name != "tekton"  # another Task's
    ]
    assert lines == [["python -m build --no-isolation"]] * 5
    subprocess.run([sys.executable, *lines[0][0].split()[1:]], cwd=folder, check=True, capture_output=True)
    assert sorted(os.listdir(folder / "dist")) == FILES
    return folder


@pytest.fixture
def machine(tmp_path: Path, built: Path) -> Machine:
    return Machine(tmp_path, built)


def environment(system: str, folder: Path, trust: Path) -> dict[str, str]:
    """What the CI system sets, for a release of the tag v1.0."""
    found = recorded(system)
    variables = {name: found[name] for name in found.keys() - {"PATH", "HOME", *forks.of_python(found)}}
    return variables | {
        SYSTEMS[system].tag: "v1.0",
        "CI_PROJECT_DIR": str(folder),
        "CI_SERVER_URL": f"file://{trust.parents[1]}",
        "BUILDER": "https://ci.example.com/clusters/release",
        "TRUST": str(trust),
        "INDEX": str(folder),
    }


def change(dist: Path) -> None:
    (dist / WHEELS[0]).write_bytes((dist / WHEELS[0]).read_bytes() + b"!")


def add_below(dist: Path) -> None:
    (dist / "lib").mkdir()
    (dist / "lib" / "evil").write_text("nobody attested this")


def add_link(dist: Path) -> None:
    (dist.parent / "elsewhere").mkdir()
    (dist.parent / "elsewhere" / "evil").write_text("nobody attested this")
    (dist / "link").symlink_to(dist.parent / "elsewhere")


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


def texts() -> dict[str, str]:
    """Every file that a CI system reads."""
    found = [*PIPELINES.iterdir(), *(ROOT / "templates").iterdir(), ROOT / "action.yml"]
    return {path.name: path.read_text() for path in found if path.suffix != ".md"}


def test_whatever_is_installed_is_pinned() -> None:
    for name, text in texts().items():
        for line in (line for line in text.splitlines() if "pip install" in line):
            assert re.search(r'(--require-hashes|--no-index --no-deps) --only-binary ":all:" ', line), (name, line)
        for used in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", used), (name, used)


def test_no_module_is_imported_from_where_a_job_works() -> None:
    """`python -m` finds a module first in the current directory, in which others may have left a pip.py."""
    for name, text in texts().items():
        for command in re.findall(r"python3?\"? .*-m \w+", text):
            assert " -I " in command or command == "python -m build", (name, command)


def test_gitlab_ships_nothing_that_an_earlier_job_or_the_repository_left() -> None:
    """With the strategy `none` a job works where the one before it worked, and finds its files."""
    guide = (PIPELINES / "README.md").read_text()
    for text in (*texts().values(), *re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)):
        for job in re.split(r"\n(?=\S.*:\n)", text) if "$CI_" in text or "component:" in text else ():
            assert "GIT_STRATEGY: none" not in job
            ships = re.search(r"twine upload .*checked|attest verify ", job)
            assert ships is None or "GIT_STRATEGY: empty" in job, job


def test_no_expression_is_part_of_a_script() -> None:
    for name, text in texts().items():
        if name.endswith((".yml", ".yaml")) and name != "pre-commit-config.yaml":
            scripts = [scalar for document in yaml.safe_load_all(text) for scalar in scripts_in(document)]
            assert scripts or name.startswith("github") is False
            assert not [script for script in scripts if re.search(r"\$\{\{|\$\[\[|\$\((params|inputs)", script)], name


def test_the_lock_file_of_the_action_has_all_that_attest_needs() -> None:
    text = (ROOT / ".ci" / "action.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))
    assert len(locked) == len(
        re.findall(r"^\S+==.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for line in (
        *project["dependencies"],
        *(one for extra in ("aws", "azure", "gcp", "vault") for one in extras[extra]),
    ):
        needed = Requirement(line)
        assert locked[needed.name.lower()] in needed.specifier, line


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
