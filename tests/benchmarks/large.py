"""`python -m tests.benchmarks.large [MB]`: what a large SBOM and many subjects take, in memory and CPU time.

Each command runs in a process of its own. The target is 4 times the size of the SBOM, Python and libraries included.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from attest import Limits, ResourceDescriptor, Statement, sign, verify
from attest.artifacts import Artifact
from tests.support.builders import ALICE, PREDICATE_TYPE, anchor, bundle

_COMPONENT = (
    b'{"type":"library","bom-ref":"pkg:npm/package-%07d@1.0.0","name":"package","version":"1.0.0",'
    b'"licenses":[{"license":{"id":"MIT"}}],"properties":[{"name":"path","value":"node_modules/package/package.json"}]}'
)


def sbom(size: int) -> bytes:
    """A CycloneDX document of about `size` bytes."""
    components = b",".join(_COMPONENT % number for number in range(size // len(_COMPONENT % 0)))
    return b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[%b]}' % components


def main() -> None:
    """Print the peak of each command as a multiple of the SBOM, and the CPU time of comparing."""
    size = int(float(sys.argv[1]) if len(sys.argv) > 1 else 200) * 1_000_000
    attest = str(Path(sys.executable).with_name("attest"))
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        Path(folder, "sbom.json").write_bytes(sbom(size))
        Path(folder, "artifact").write_bytes(b"hello\n")
        limit = f"--limit envelope={2 * size}"
        for command in (
            "key generate file:key.pem",
            "trust init --anchor release --key file:key.pem -o trust.json",
            f"build artifact --type cyclonedx --predicate sbom.json {limit} -o statement.json",
            f"sign statement.json --signer file:key.pem {limit} -o envelope.json",
            f"verify envelope.json --trust trust.json --artifact artifact {limit}",
        ):
            with subprocess.Popen([attest, *command.split()], cwd=folder, stdout=subprocess.DEVNULL) as process:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, command
            if limit in command:
                name, peak, seconds = command.split()[0], used.ru_maxrss * 1024 / size, used.ru_utime + used.ru_stime
                print(f"{name:<8} {peak:6.2f} times its size (target: at most 4), {seconds:5.1f} s CPU")
    number = 10_000
    subjects = [ResourceDescriptor(f"{n}", {"sha256": f"{n:064x}"}) for n in range(number)]
    envelope = sign(Statement.build(subjects, predicate_type=PREDICATE_TYPE, max_subjects=number), [ALICE])
    for some in (number // 10, number):
        artifacts = [Artifact.of(f"sha256:{n:064x}") for n in range(some)]
        began = process_time()
        verify(envelope, bundle({"release": anchor(ALICE)}), artifacts=artifacts, limits=Limits(subjects=number))
        print(f"{number:,} subjects, {some:6,} artifacts  {(process_time() - began) * 1e3:6.0f} ms CPU")


if __name__ == "__main__":
    main()
