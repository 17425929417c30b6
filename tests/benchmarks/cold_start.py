"""What a command costs from its start to its end, beside that of Python with click: CPU time of new processes."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from attest.signers._software import to_pem
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, children_time, ratio
from tests.support.cli.calls import ATTEST
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import ALICE, private_key
from tests.support.making.statements import ARTIFACT, signed, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 20.0
TARGETS: Final = {"--help": 1.36, "verify": 2.6, "sign": 2.6}
MEASURES: Final = {
    name: Measure("18.4", f"attest {name}, times `import click`", at_most=target) for name, target in TARGETS.items()
} | {f"{name}, ms": Measure("18.4", f"attest {name}", "ms") for name in TARGETS}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Medians, since each start is one call."""
    with TemporaryDirectory() as folder:
        about, here = statement(), Path(folder)
        (here / "s.json").write_bytes(about.to_json())
        (here / "e.json").write_bytes(signed(ALICE, about=about).to_json())
        (here / "t.json").write_bytes(bundle({"a": anchor(ALICE)}).to_json())
        (here / "k.pem").write_bytes(to_pem(private_key("ed25519")))
        verify = ["e.json", "--trust", "t.json", "--artifact", ARTIFACT, "--now", "2026-06-01T12:00:00Z"]
        commands = {
            "click": [sys.executable, "-c", "import click"],
            "--help": [ATTEST, "--help"],
            "verify": [ATTEST, "verify", *verify],
            "sign": [ATTEST, "sign", "s.json", "--signer", "file:k.pem", "-o", "/dev/null"],
        }
        start = partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        starts = {name: partial(start, command) for name, command in commands.items()}
        measured = by_turns(starts, calls=1, seconds=seconds - 5, clock=children_time)
    for name in TARGETS:
        yield name, ratio(measured, of="click", to=name)
        yield f"{name}, ms", median(measured[name]) * 1000
