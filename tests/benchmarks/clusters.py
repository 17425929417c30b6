"""What it costs to have a Dask cluster verify, trusted or checked again.

A scheduler and two workers on this machine. Each way verifies the same good envelopes, in turns. CPU is that of this
process alone, which is what a cluster is to relieve (docs/adr/0025-who-verifies-for-us.md).
"""

from __future__ import annotations

from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from distributed import Client
from distributed.security import Security

from attest import verify_many
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns
from tests.benchmarks.bulk import made
from tests.support.services.clusters import Certificates, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest import TrustBundle

SECONDS: Final = 12.0
NUMBER: Final = 1_000
WAYS: Final = ("one process here", "two processes here", "tcp, checked again", "tls, trusted")
MEASURES: Final = {way: Measure("6", f"verify_many, CPU here: {way}", "us") for way in WAYS}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """CPU time for each envelope, medians of turns."""
    envelopes, trust = made()
    with TemporaryDirectory() as name:
        folder = Path(name)
        mine = Certificates(folder / "certificates")
        security = Security(  # type: ignore[no-untyped-call]
            require_encryption=True,
            tls_ca_file=str(mine.ca),
            tls_client_cert=str(mine.cert),
            tls_client_key=str(mine.key),
        )
        with (
            running(folder / "plain") as plain,
            running(folder / "tls", *mine.of_a_member) as tls,
            Client(plain.address) as one,  # type: ignore[no-untyped-call]
            Client(tls.address, security=security, set_as_default=False) as other,  # type: ignore[no-untyped-call]
        ):
            one.wait_for_workers(2, timeout=60)
            other.wait_for_workers(2, timeout=60)
            ways: tuple[dict[str, Any], ...] = (
                {"workers": 1},
                {"workers": 2},
                {"executor": one.get_executor()},
                {"executor": other.get_executor(), "executor_is_trusted": True},
            )
            acts = {way: partial(verify, envelopes, trust, options) for way, options in zip(WAYS, ways, strict=True)}
            measured = by_turns(acts, calls=1, seconds=seconds / 2, clock=process_time)
    for way in WAYS:
        yield way, median(measured[way]) / NUMBER * 1e6


def verify(envelopes: list[bytes], trust: TrustBundle, options: dict[str, Any]) -> None:
    """All of them, in one of the ways."""
    outcomes = verify_many(islice(cycle(envelopes), NUMBER), trust, artifacts=None, **options)
    assert sum(outcome.verified is not None for outcome in outcomes) == NUMBER
