"""Verifying real attestations that are signed with certificates.

One bundle of each kind, from bytes, with the trusted root that it needs, beside sigstore-python where it can read it.
The target is 4 ms. A timestamp costs the most: OpenSSL checks the chain of its authority each time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from attest import TrustBundle, verify
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import best_ratio, by_turns
from tests.support.making.identity_cases import DATA, attestation, trust_for
from tests.support.making.sigstore_cases import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 11, 29, tzinfo=UTC)
# The kind, the case, and whether sigstore-python reads it.
KINDS = (
    ("log entry with a time", "slsa-generator-v2.1", True),
    ("log entry of npm", "sigstore-go-npm-provenance", False),
    ("timestamp alone", "gh-private", False),
    ("log entry and timestamp", "service-account-rekor2", True),
)


SECONDS: Final = 12.0
MEASURES: Final = {kind: Measure("15", f"verify an identity, {kind}", "ms", at_most=4) for kind, _, _ in KINDS} | {
    f"{kind}, sigstore": Measure("15", f"{kind}, times sigstore-python's rate") for kind, _, both in KINDS if both
}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """The best of many short rounds, in CPU time."""
    contenders: dict[str, Callable[[], object]] = {}
    for kind, name, both in KINDS:
        case: dict[str, Any] = next(row for row in rows() if row["id"] == name)
        data = attestation(case)
        contenders[kind] = partial(_attest, data, trust_for(case, data))
        if both:
            root = TrustedRoot.from_file(str(DATA / "roots" / f"{case['root']}.json"))
            contenders[f"{kind}, sigstore"] = partial(_sigstore, data, Verifier(trusted_root=root), _identity(case))
    measured = by_turns(contenders, calls=2, seconds=seconds - 5, clock=process_time)
    for kind, _, both in KINDS:
        yield kind, min(measured[kind]) * 1000
        if both:
            yield f"{kind}, sigstore", best_ratio(measured, kind, f"{kind}, sigstore")


def _attest(data: bytes, trust: TrustBundle) -> None:
    assert verify(data, trust, artifacts=None, now=NOW).report.signatures[0].identity is not None


def _identity(case: dict[str, Any]) -> Identity:
    return Identity(identity=case["identity"], issuer=case["issuer"])


def _sigstore(data: bytes, verifier: Verifier, identity: Identity) -> None:
    verifier.verify_dsse(Bundle.from_json(data), identity)
