"""docs/sign/kms-check.sh: it ends with 0 only if every check passed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "docs" / "sign" / "kms-check.sh"


def ran(folder: Path, *arguments: str, attest: str) -> subprocess.CompletedProcess[str]:
    """The script, whose `attest` is the given shell command."""
    program = folder / "attest"
    program.write_text(f"#!/bin/sh\n{attest}\n")
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "ATTEST": str(program), "TMPDIR": str(folder)}
    command = ["sh", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


@pytest.mark.slow
def test_a_good_key_passes_and_is_left_alone(tmp_path: Path) -> None:
    done = ran(tmp_path, "--generate", "file:key.pem", attest=f'exec "{sys.executable}" -m attest "$@"')
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "12 passed, 0 failed: file:key.pem"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attest", "key.pem"]


@pytest.mark.parametrize(
    "attest",
    [
        "exit 0",
        "exit 4",
        "echo valid: verified: BEGIN PUBLIC KEY exists",
        # Everything is right, but another artifact is accepted.
        'echo valid: verified: BEGIN PUBLIC KEY; case "$*" in *algorithm=*) echo key-algorithm-mismatch; exit 4;; esac',
    ],
)
def test_a_program_that_is_wrong_fails(tmp_path: Path, attest: str) -> None:
    done = ran(tmp_path, "gcpkms:x", attest=attest)
    assert done.returncode == 1
    assert "FAILED: " in done.stdout


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--generate",)])
def test_without_one_uri_it_checks_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = ran(tmp_path, *arguments, attest="exit 0")
    assert (done.returncode, done.stdout) == (2, "")
