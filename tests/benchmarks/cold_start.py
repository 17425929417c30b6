"""`python -m tests.benchmarks.cold_start`: CPU time of one `attest verify` beside that of importing its libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

IMPORTS = "import cryptography.hazmat.primitives.asymmetric.ed25519, click, jiter, jsonschema_rs, nacl.bindings"
RUNS = 20


def cpu_seconds(command: list[str], folder: str) -> float:
    """User and system time of one run of `command`."""
    before = os.times()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def main() -> None:
    """Print the ratio of the medians."""
    attest = str(Path(sys.executable).with_name("attest"))
    with TemporaryDirectory() as folder:
        subprocess.run([attest, "demo", "attest-demo"], cwd=folder, check=True, capture_output=True)
        demo = str(Path(folder, "attest-demo"))
        Path(demo, "artifact").write_bytes(b"hello\n")
        for command in (
            "build artifact --type slsa-provenance --predicate provenance.json -o s.json",
            "sign s.json --signer file:release.pem -o e.json",
        ):
            subprocess.run([attest, *command.split()], cwd=demo, check=True)
        verify = [attest, "verify", "e.json", "--trust", "trust.json", "--artifact", "artifact"]
        imports = [sys.executable, "-c", IMPORTS]
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(cpu_seconds(verify, demo))
            theirs.append(cpu_seconds(imports, demo))
    print(f"attest verify   {median(ours) * 1000:6.1f} ms CPU (median of {RUNS})")
    print(f"imports alone   {median(theirs) * 1000:6.1f} ms CPU")
    print(f"ratio           {median(ours) / median(theirs):6.2f} (target: at most 2.0)")


if __name__ == "__main__":
    main()
