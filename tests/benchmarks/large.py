"""What a large SBOM takes, and many subjects with many artifacts.

Each command runs in a process of its own. Its peak is that of the process, with Python and all libraries.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING, Final

from attest import Limits, ResourceDescriptor, Statement, sign, verify
from attest.artifacts import Artifact
from tests.benchmarks._measures import Measure
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import PREDICATE_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 35.0
SIZE: Final = 200_000_000
NUMBER: Final = 10_000
MEASURES: Final = {
    "build": Measure("18.5", "memory of `attest build`, 200 MB SBOM, of its size", at_most=4),
    "sign": Measure("18.5", "memory of `attest sign`, of its size", at_most=4),
    "verify": Measure("18.5", "memory of `attest verify`, of its size", at_most=4),
    "match": Measure("18.5", "10,000 subjects: 10,000 artifacts, of 1,000's time", at_most=10),
}
_COMPONENT = (
    b'{"type":"library","bom-ref":"pkg:npm/package-%07d@1.0.0","name":"package","version":"1.0.0",'
    b'"licenses":[{"license":{"id":"MIT"}}],"properties":[{"name":"path","value":"node_modules/package/package.json"}]}'
)


def sbom(size: int) -> bytes:
    """A CycloneDX document of about `size` bytes."""
    components = b",".join(_COMPONENT % number for number in range(size // len(_COMPONENT % 0)))
    return b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[%b]}' % components


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """One run of each, whatever `seconds` are: memory varies little."""
    attest = str(Path(sys.executable).with_name("attest"))
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        Path(folder, "sbom.json").write_bytes(sbom(SIZE))
        Path(folder, "artifact").write_bytes(b"hello\n")
        limit = f"--limit envelope={2 * SIZE}"
        for command in (
            "key generate file:key.pem",
            "trust init --anchor release --key file:key.pem -o trust.json",
            f"build artifact --type cyclonedx --predicate sbom.json {limit} -o statement.json",
            f"sign statement.json --signer file:key.pem {limit} -o envelope.json",
            f"verify envelope.json --trust trust.json --artifact artifact {limit}",
        ):
            name, *_ = command.split()
            with subprocess.Popen([attest, *command.split()], cwd=folder, stdout=subprocess.DEVNULL) as process:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, command
            if name in MEASURES:
                yield name, used.ru_maxrss * 1024 / SIZE
    subjects = [ResourceDescriptor(f"{n}", {"sha256": f"{n:064x}"}) for n in range(NUMBER)]
    envelope = sign(Statement.build(subjects, predicate_type=PREDICATE_TYPE, max_subjects=NUMBER), [ALICE])
    yield "match", _comparing(envelope.to_json(), NUMBER) / _comparing(envelope.to_json(), NUMBER // 10)


def _comparing(envelope: bytes, number: int) -> float:
    """CPU seconds of verifying with so many artifacts."""
    artifacts = [Artifact.of(f"sha256:{n:064x}") for n in range(number)]
    began = process_time()
    verify(envelope, bundle({"release": anchor(ALICE)}), artifacts=artifacts, limits=Limits(subjects=NUMBER))
    return process_time() - began
