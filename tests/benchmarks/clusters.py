"""`python -m tests.benchmarks.clusters`: what it costs to have a Dask cluster verify, trusted or checked again.

A scheduler and two workers on this machine. Each way verifies the same envelopes, in turns: good ones, and ones by a
stranger, of which nothing is checked again. CPU is that of this process alone, which is what a cluster is to relieve.
"""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from distributed import Client
from distributed.security import Security

import attest
from attest import verify_many
from tests.benchmarks.bulk import made
from tests.support.clusters import Certificates, running

if TYPE_CHECKING:
    from attest import TrustBundle

NUMBER, ROUNDS = 3_000, 5


def main() -> None:
    """Print the rate and the CPU time of each way, medians of a few rounds."""
    envelopes, trust = made()
    with attest.open_signer("sim:stranger") as signer:
        strange = [
            attest.sign(attest.Statement.from_json(attest.Envelope.from_json(data).unverified_payload), [signer])
            for data in envelopes[:100]
        ]
    refused = [one.to_json() for one in strange]
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
            ways: dict[str, dict[str, Any]] = {
                "here, one process": {"workers": 1},
                "here, two processes": {"workers": 2},
                "tcp, checked again": {"executor": one.get_executor()},
                "tls, trusted": {"executor": other.get_executor(), "executor_is_trusted": True},
            }
            for kind, data in (("good", envelopes), ("refused", refused)):
                print(f"{NUMBER} {kind} envelopes")
                measure(data, trust, ways)


def measure(envelopes: list[bytes], trust: TrustBundle, ways: dict[str, dict[str, Any]]) -> None:
    """Print what each way takes, after one round that isn't counted."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, options in ways.items():
            wall, cpu = perf_counter(), process_time()
            outcomes = verify_many(islice(cycle(envelopes), NUMBER), trust, artifacts=None, **options)
            assert sum(1 for _ in outcomes) == NUMBER
            if number:
                found[name].append((perf_counter() - wall, process_time() - cpu))
    for name, times in found.items():
        wall, cpu = (median(column) / NUMBER * 1e6 for column in zip(*times, strict=True))
        print(f"  {name:<22} {wall:7.0f} us each, {cpu:6.0f} us of CPU in this process")


if __name__ == "__main__":
    main()
