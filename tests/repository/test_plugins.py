"""A third party's package, built and installed beside our wheel in an environment of their own, and used."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import Ran, program
from tests.support.plugins import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Ran]

ROOT = Path(__file__).parents[2]
POLICY = """
[[require]]
type = "https://acme.example/review/v1"
rules.acme-approved.minimum = 2
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with both wheels, which finds the dependencies where this one has them."""
    folder = tmp_path_factory.mktemp("environment")
    for source in (ROOT, PLUGIN):
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "dist", source],
            check=True,
            capture_output=True,
        )
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    python = folder / "venv" / "bin" / "python"
    wheels = sorted((folder / "dist").glob("*.whl"))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", *wheels],
        check=True,
        capture_output=True,
    )
    site = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    return partial(program, command=[str(environment / "bin" / "attest")], cwd=tmp_path)


def test_it_is_our_wheel_that_runs(environment: Path, tmp_path: Path) -> None:
    script = "import attest, acme_attest; print(attest.__file__, acme_attest.__file__)"
    ran = program("-c", script, command=[str(environment / "bin" / "python")], cwd=tmp_path).done()
    assert all(name.startswith(str(environment)) for name in ran.stdout.decode().split())


def test_a_report_is_attested_signed_verified_and_decided_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "app.whl").write_bytes(b"app")
    (tmp_path / "policy.toml").write_text(POLICY)
    run("trust", "init", "--anchor", "acme", "--key", "acme:release", "-o", "trust.json").done()
    for approved, code in (["alice"], 1), (["alice", "bob"], 0):
        (tmp_path / "review.json").write_text(json.dumps({"acme_review": 1, "approved": approved}))
        statement = run("build", "app.whl", "--from", "review.json").done().stdout
        signed = run("sign", "-", "--signer", "acme:release", stdin=statement).done().stdout
        (tmp_path / "box.json").write_text(json.dumps({"box": [json.loads(signed)]}))
        verify = ("verify", "box.json", "--trust", "trust.json", "--artifact", "app.whl")
        run(*verify).done()
        assert run(*verify, "--policy", "policy.toml").code == code


def test_everything_is_listed_and_what_is_broken_fails_when_it_is_used(run: Run, tmp_path: Path) -> None:
    listed = run("signer", "list", "--module-path", "none.so")
    assert b", acme (acme-attest)" in listed.stdout
    assert b"'file' (attest.signers) of acme-attest is ignored" in listed.stderr
    assert b"\nacme-approved (acme-attest)\n" in run("policy", "list").stdout
    assert run("build", "--help").code == 0
    run("key", "check", "broken:x").refused(4, "'broken' (attest.signers) of acme-attest failed", hint=True)
    run("key", "generate", "file:key.pem").done()
    run("key", "check", "file:key.pem").done()
    (tmp_path / "sbom.json").write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}')
    made = run("build", f"app=sha256:{'0' * 64}", "--from", "sbom.json", "--from-format", "cyclonedx")
    assert made.json["predicateType"] == "https://cyclonedx.org/bom"
