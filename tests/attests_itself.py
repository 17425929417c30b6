"""`python -m tests.attests_itself REPORT`: the wheel, built under `attest run`, its tests and its SBOM, verified.

What a release of this project would do, with simulated keys in place of those in tokens: the wheel's provenance, the
test report that is given (JUnit XML), an SBOM of what the wheel needs, and a policy that asks for all three.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
ATTEST = Path(sys.executable).with_name("attest")
BUILDER = "https://example.com/attest/ci"
POLICY = f"""
[[require]]
id = "provenance"
anchors = ["builder"]
rules.slsa-build = {{ level = 1, builders = ["{BUILDER}"] }}

[[require]]
id = "tests"
anchors = ["tester"]
rules.tests-passed = {{}}

[[require]]
id = "sbom"
anchors = ["builder"]
rules.sbom = {{ components = 5 }}
"""


def attest(*arguments: str | Path) -> None:
    """Run the program as a user would, and end with it if it fails."""
    command = [str(argument) for argument in (ATTEST, *arguments)]
    print(f"$ attest {' '.join(command[1:])}", flush=True)
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "NO_COLOR": "1"})


def sbom(wheel: Path) -> bytes:
    """A CycloneDX SBOM of the wheel and of what it requires, in the versions that are installed here."""
    bom = Bom()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
    bom.metadata.component = Component(name=wheel.name, type=ComponentType.APPLICATION, hashes=hashes)
    for requirement in map(Requirement, distribution("attest-dsse").requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            installed = distribution(requirement.name)
            purl = PackageURL("pypi", name=requirement.name.lower(), version=installed.version)
            bom.components.add(
                Component(name=requirement.name, version=installed.version, type=ComponentType.LIBRARY, purl=purl)
            )
    bom.register_dependency(bom.metadata.component, bom.components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text.encode()


def main(report: str) -> None:
    """Attest it all in a folder of its own, and verify it by the policy of a release."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        trust, policy = folder / "trust.json", folder / "policy.toml"
        policy.write_text(POLICY)
        attest("trust", "init", "--anchor", "builder", "--key", "sim:builder", "-o", trust)
        attest("trust", "add", trust, "--anchor", "tester", "--key", "sim:tester")
        run = ["run", "--step", "build", "--directory", str(folder), "--products", "dist/*.whl"]
        run += ["--type", "slsa-provenance", "--builder-id", BUILDER, "--signer", "sim:builder"]
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(ROOT), "--outdir", f"{folder}/dist"]
        attest(*run, "-o", folder / "provenance.intoto.json", "--", *build)
        (wheel,) = (folder / "dist").glob("*.whl")
        (folder / "sbom.cdx.json").write_bytes(sbom(wheel))
        for kind, source, signer in (("tests", report, "tester"), ("sbom", folder / "sbom.cdx.json", "builder")):
            statement, envelope = folder / f"{kind}.json", folder / f"{kind}.intoto.json"
            attest("build", wheel, "--from", source, "-o", statement)
            attest("sign", statement, "--signer", f"sim:{signer}", "-o", envelope)
            statement.unlink()
        envelopes = sorted(folder.glob("*.intoto.json"))
        attest("verify", *envelopes, "--trust", trust, "--artifact", wheel, "--policy", policy, "--allow-simulated")


if __name__ == "__main__":
    main(sys.argv[1])
