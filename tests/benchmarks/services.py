"""Keys in services, which are disturbed while eight threads sign; and how long docs/sign/kms-check.sh takes.

OpenBao is the real one; AWS KMS is scripted, with real keys. tests/signers/test_service_chaos.py has all services.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

import attest
from tests.benchmarks._measures import Measure
from tests.signers.test_service_chaos import DISTURBANCES, disturb, recovers
from tests.support.cli.calls import ATTEST
from tests.support.services import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.services.places import Place

SECONDS: Final = 20.0
THREADS: Final = 8
SCRIPT: Final = Path(__file__).parents[2] / "docs" / "sign" / "kms-check.sh"
SCHEMES: Final = ("awskms", "hv")
MEASURES: Final = (
    {
        f"{scheme} faults": Measure("17.6", f"{scheme}: under chaos: wrong, lost or duplicated", "faults", at_most=0)
        for scheme in SCHEMES
    }
    | {
        f"{scheme} signatures": Measure("17.6", f"{scheme}: under chaos: signatures that were made", "in all")
        for scheme in SCHEMES
    }
    | {
        "longest": Measure("17.6", "longest call with a deadline of 1 s", "s"),
        "script": Measure("17.1", "docs/sign/kms-check.sh with a key in OpenBao", "s", at_most=60),
    }
)


class Outcome:
    """What became of each call."""

    def __init__(self) -> None:
        self.asked = 0
        self.signed: list[tuple[bytes, bytes]] = []
        self.errors = 0
        self.longest = 0.0


def storm(place: Place, seconds: float) -> tuple[Outcome, int]:
    """Sign with eight threads for so long; what became of the calls, and how many of them were faulty."""
    outcome, over, lock = Outcome(), threading.Event(), threading.Lock()
    with attest.open_signer(place.uri.replace("timeout=30", "timeout=1")) as signer:
        recovers(signer, place)

        def work(thread: int) -> None:
            number = 0
            while not over.is_set():
                number += 1
                data, began, sig = b"%d of %d" % (number, thread), time.monotonic(), None
                with lock:
                    outcome.asked += 1
                try:
                    sig = signer.sign(data).sig
                except attest.SignerError:
                    time.sleep(0.01)
                with lock:
                    outcome.longest = max(outcome.longest, time.monotonic() - began)
                    outcome.errors += sig is None
                    outcome.signed += [(data, sig)] if sig else []

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for one in threads:
            one.start()
        end = time.monotonic() + seconds
        for how in cycle([*DISTURBANCES, "slow", "well"]):
            disturb(place, how)
            time.sleep(0.2)
            if time.monotonic() > end:
                break
        over.set()
        for one in threads:
            one.join()
        recovers(signer, place)
        wrong = sum(not signer.public_key.accepts(sig, data) for data, sig in outcome.signed)
    lost = outcome.asked - outcome.errors - len(outcome.signed)
    twice = len(outcome.signed) - len({sig for _, sig in outcome.signed})
    return outcome, wrong + lost + twice


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """A storm for each, and the script once."""
    longest = 0.0
    with TemporaryDirectory() as folder:
        for scheme in SCHEMES:
            with pytest.MonkeyPatch.context() as patch:
                places.clean(patch)
                with places.PLACES[scheme](Path(folder), patch, 0) as place:
                    outcome, faults = storm(place, seconds / 5)
                    yield f"{scheme} faults", faults
                    yield f"{scheme} signatures", len(outcome.signed)
                    longest = max(longest, outcome.longest)
                    if scheme == "hv":
                        began = time.monotonic()
                        environment = os.environ | {"ATTEST": ATTEST, "TMPDIR": folder}
                        uri = place.uri
                        subprocess.run(["sh", str(SCRIPT), uri], check=True, env=environment, stdout=subprocess.DEVNULL)
                        yield "script", time.monotonic() - began
    yield "longest", longest
