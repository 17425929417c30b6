"""`python -m tests.attests_itself REPORT`: a release of this project, attested and verified as the workflow does it.

The attestations are about the sdist and the wheel, and the policy is that of releases. The keys are simulated, because
only the workflow of the repository gets certificates for a release.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attest as package

ROOT: Final = Path(__file__).parents[1]
RELEASE: Final = ROOT / ".ci" / "release"
ATTEST: Final = Path(sys.executable).with_name("attest")
REPOSITORY, TAG = "https://github.com/example/attest", f"v{package.__version__}"
# What GitHub sets in the job of a tag.
GITHUB: Final = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "example/attest",
    "GITHUB_REPOSITORY_ID": "1",
    "GITHUB_REPOSITORY_OWNER_ID": "1",
    "GITHUB_REF": f"refs/tags/{TAG}",
    "GITHUB_SHA": "1" * 40,
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_RUN_ID": "1",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_WORKFLOW_REF": f"example/attest/.github/workflows/release.yml@refs/tags/{TAG}",
    "RUNNER_ENVIRONMENT": "github-hosted",
}


def attest(*arguments: str | Path, code: int = 0) -> None:
    """Run the program as a user would, and end with it if it ends with another code."""
    command = [str(argument) for argument in (ATTEST, *arguments)]
    print(f"$ attest {' '.join(command[1:])}", flush=True)
    ended = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **GITHUB, "NO_COLOR": "1"}).returncode
    if ended != code:
        sys.exit(f"attest ended with {ended} and not with {code}")


def main(report: str) -> None:
    """Attest it all in a folder of its own, and verify it by the policy of a release."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        trust, sbom, files = folder / "trust.json", folder / "sbom.cdx.json", f"{folder}/dist/**"
        key = ["--key", "sim:release", "--subject", "attest_dsse-*"]
        attest("trust", "init", "--anchor", "release", *key, "-o", trust)
        build = [sys.executable, "-m", "build", "--no-isolation", str(ROOT), "--outdir", f"{folder}/dist"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        sbom.write_bytes(subprocess.run([sys.executable, RELEASE / "sbom.py"], check=True, capture_output=True).stdout)
        provenance, *others = (folder / f"{number}.intoto.json" for number in range(3))
        sources = (("--ci", "github"), ("--from", report), ("--from", str(sbom)))
        for envelope, source in zip((provenance, *others), sources, strict=True):
            statement = folder / "statement.json"
            attest("build", files, *source, "-o", statement)
            attest("sign", statement, "--signer", "sim:release", "-o", envelope)
        verify = ["--trust", str(trust), "--artifact", files, "--allow-simulated"]
        verify += ["--policy", str(RELEASE / "policy.toml"), "--set", f"repository={REPOSITORY}", "--set"]
        attest("verify", provenance, *others, *verify, f"tag={TAG}")
        # The policy asks for each of them, and for this tag.
        attest("verify", *others, *verify, f"tag={TAG}", code=1)
        attest("verify", provenance, *others, *verify, "tag=v0.0.0", code=1)


if __name__ == "__main__":
    main(sys.argv[1])
