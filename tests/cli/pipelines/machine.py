"""The machine that runs pipelines: a folder for each job, a key that its CI system can use, and what is published."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.building.test_ci import recorded
from tests.signers import test_hv_logins as vault
from tests.support.cli import forks
from tests.support.cli.calls import call, program
from tests.support.reading.pipelines import Jobs, Step, azure_pipelines, buildkite, github, gitlab, jenkins, tekton
from tests.support.services import azure, gcp, kms
from tests.support.tokens import hsm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


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
