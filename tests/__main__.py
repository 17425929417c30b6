"""Every check there is, in the order of how fast it fails: `python -m tests`.

The README's test command and .ci/run run exactly this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]

# The Debian packages that the tests need, each with a program or a file (as a glob) by which it is known to be there.
PACKAGES = {
    "git": "git",
    "openssl": "openssl",
    "procps": "pkill",
    "openssh-client": "ssh-keygen",
    "strace": "strace",
    "softhsm2": "softhsm2-util",
    "p11-kit": "p11-kit",
    "p11-kit-modules": "/usr/lib/*/pkcs11/p11-kit-client.so",
    "libnss3": "/usr/lib/*/libsoftokn3.so",
    "libnss3-tools": "certutil",
    "chromium": "chromium",
}

TOKENS = "tests/signers/pkcs11"

JUNIT = "--junitxml={folder}/junit.xml"

CHECKS = [
    ["ruff", "format", "--check", "."],
    ["ruff", "check", "."],
    ["mypy"],
    ["pytest", "--numprocesses", "auto", "--quiet", "-m", "not slow", f"--ignore={TOKENS}", JUNIT],
    # Tests of tokens mostly wait for deadlines, so they run apart from what loads the machine, three files at a time,
    # each with tokens of its own. One that fails is tried again, and shown: a machine that stalls for a second looks
    # like a token that does.
    ["pytest", "-n", "3", "--dist", "loadfile", "--quiet", "-rR", "--reruns", "3", "--reruns-delay", "2", TOKENS],
    ["pytest", "--numprocesses", "auto", "--quiet", "-m", "slow", f"--ignore={TOKENS}"],
    ["tests.lowest"],
    ["tests.attests_itself", "{folder}/junit.xml"],
]


def install_programs() -> None:
    """Install what is missing where that can be done, and say so before; where it can't be done, say what to do."""
    missing = [package for package, sign in PACKAGES.items() if not (shutil.which(sign) or glob(sign))]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"$ apt-get install --no-install-recommends {' '.join(missing)}", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        install = ["apt-get", "install", "--no-install-recommends", *missing]
        answered_no = subprocess.run([*install, "--assume-no"], check=False, stdout=subprocess.PIPE, text=True)
        print(answered_no.stdout.partition("Do you want")[0] + "Installing these as root.", flush=True)
        without_questions = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*install, "-qq", "-y"], check=True, stdout=subprocess.DEVNULL, env=without_questions)
    else:
        print(f"missing: {' '.join(missing)} (needs root: apt-get install {' '.join(missing)})", flush=True)


def main() -> int:
    """Run the checks; the first that fails ends it."""
    install_programs()
    with TemporaryDirectory() as folder:
        for words in CHECKS:
            check = [word.format(folder=folder) for word in words]
            print(f"$ {' '.join(check)}", flush=True)
            ran = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, check=False)
            if ran.returncode != 0:
                print(f"failed: {' '.join(check)}", flush=True)
                return ran.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
