"""Every check there is, in the order of how fast it fails: `python -m tests`.

The README's test command and .ci/run run exactly this. With `--thorough`, properties are tried with all their examples.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import THOROUGH

ROOT = Path(__file__).parents[1]

# The Debian packages that the tests need, each with a program or a file (as a glob) by which it is known to be there.
PACKAGES = {
    "git": "git",
    "openssl": "openssl",
    "procps": "pkill",
    "make": "make",
    "openssh-client": "ssh-keygen",
    "strace": "strace",
    "softhsm2": "softhsm2-util",
    "p11-kit": "p11-kit",
    "p11-kit-modules": "/usr/lib/*/pkcs11/p11-kit-client.so",
    "opensc": "pkcs11-tool",
    "opensc-pkcs11": "/usr/lib/*/pkcs11-spy.so",
    "libnss3": "/usr/lib/*/libsoftokn3.so",
    "libnss3-tools": "certutil",
    "opencryptoki": "/usr/sbin/pkcsslotd",
    "libtpm2-pkcs11-1": "/usr/lib/*/pkcs11/libtpm2_pkcs11.so",
    "libtss2-tcti-swtpm0": "/usr/lib/*/libtss2-tcti-swtpm.so.0",
    "libtss2-tcti-tabrmd0": "/usr/lib/*/libtss2-tcti-tabrmd.so.0",
    "tpm2-abrmd": "/usr/sbin/tpm2-abrmd",
    "swtpm": "swtpm",
    "dbus-daemon": "dbus-daemon",
    "chromium": "chromium",
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "jq": "jq",
}

# A file system in memory, and the room that there must be: to create a file on a disk takes up to ten times as much of
# a processor, and the tests create very many. Those of tokens stay on the disk: openCryptoki has its own /dev/shm.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108  # each run has a folder of its own there

TOKENS = "tests/signers/pkcs11"

# The variable that names a file which the report of the tests (JUnit XML) is copied to.
REPORT = "TESTS_REPORT"
JUNIT = "--junitxml={folder}/junit.xml"
FILES = "--basetemp={folder}/files"

# What needs the processors. It takes what other checks leave of them: see `Check`. One process more than there are
# processors, because some tests wait for a service that does not answer.
PROCESSES = str((os.cpu_count() or 1) + 1)
TESTS = ["pytest", "--numprocesses", PROCESSES, "--dist", "worksteal", "--quiet", f"--ignore={TOKENS}", JUNIT, FILES]
# Tests of tokens mostly wait for deadlines, so they run beside those, three files at a time, each with tokens of its
# own. One that fails is tried again, and shown: a machine that stalls for a second looks like a token that does.
OF_TOKENS = [
    "pytest",
    "-n",
    "3",
    "--dist",
    "loadfile",
    "--quiet",
    "-rR",
    "--reruns",
    "3",
    "--reruns-delay",
    "2",
    TOKENS,
]

# Each entry is a check, or several that run at once, which all give way to the last. What waits for pip, as the lowest
# versions do, waits while others work.
CHECKS = [
    [["ruff", "format", "--check", "."]],
    [["ruff", "check", "."]],
    [["mypy"], ["tests.collected"]],
    [TESTS, ["tests.lowest"], OF_TOKENS],
    [["tests.attests_itself", "{folder}/junit.xml"]],
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


def is_in_memory(folder: Path) -> bool:
    """Whether this is a file system for the files of all tests, some of which are programs."""
    if not os.access(folder, os.W_OK) or os.environ.get("TMPDIR"):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize >= ROOM and not there.f_flag & os.ST_NOEXEC


class Check:
    """A check that has started; what it prints is shown as it comes, or kept until it is asked for."""

    def __init__(self, words: list[str], *, gives_way: bool, output: Path | None) -> None:
        self.line = " ".join(words)
        self._output = output
        with ExitStack() as open_files:
            stream = None if output is None else open_files.enter_context(output.open("wb"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=ROOT, stdout=stream, stderr=stream and subprocess.STDOUT
            )
        if gives_way:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, 10)

    def end(self) -> int:
        """Wait for it, and show what was kept; its exit code."""
        code = self._process.wait()
        if self._output is not None:
            print(f"$ {self.line}", self._output.read_text(errors="replace"), sep="\n", end="", flush=True)
        if code != 0:
            print(f"failed: {self.line}", flush=True)
        return code


def run(together: list[list[str]], folder: Path) -> int:
    """Run checks at once, the first in sight; the exit code of the first that failed, or 0."""
    print(f"$ {' '.join(together[0])}", flush=True)
    started = [
        Check(words, gives_way=number < len(together) - 1, output=folder / f"{number}.txt" if number else None)
        for number, words in enumerate(together)
    ]
    codes = [check.end() for check in started]
    return next(filter(None, codes), 0)


def main() -> int:
    """Run the checks; the first that fails ends it."""
    if "--thorough" in sys.argv[1:]:
        os.environ[THOROUGH] = "1"
    # Hundreds of processes import the same modules; without the files of compiled ones, each compiles them for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    install_programs()
    with TemporaryDirectory(dir=MEMORY if is_in_memory(MEMORY) else None) as folder:
        for together in CHECKS:
            code = run([[word.format(folder=folder) for word in words] for words in together], Path(folder))
            if code != 0:
                return code
        if report := os.environ.get(REPORT):
            shutil.copy(f"{folder}/junit.xml", report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
