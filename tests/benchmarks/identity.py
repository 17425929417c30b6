"""`python -m tests.benchmarks.identity`: verifying real attestations that are signed with certificates.

One bundle of each kind, from bytes, with the trusted root that it needs, beside sigstore-python where it can read it.
The target is 4 ms. A timestamp costs the most: OpenSSL checks the chain of its authority each time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from attest import TrustBundle, verify
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.identity_cases import DATA, attestation, trust_for
from tests.support.sigstore_cases import rows

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 29, tzinfo=UTC)
# The kind, the case, and whether sigstore-python reads it.
KINDS = (
    ("log entry with a time", "slsa-generator-v2.1", True),
    ("log entry of npm", "sigstore-go-npm-provenance", False),
    ("timestamp alone", "gh-private", False),
    ("log entry and timestamp", "service-account-rekor2", True),
)


def main() -> None:
    """Print the medians and the ratios."""
    contenders: dict[str, Callable[[], object]] = {}
    for kind, name, both in KINDS:
        case: dict[str, Any] = next(row for row in rows() if row["id"] == name)
        data = attestation(case)
        contenders[kind] = partial(_attest, data, trust_for(case, data))
        if both:
            root = TrustedRoot.from_file(str(DATA / "roots" / f"{case['root']}.json"))
            contenders[f"{kind}, sigstore"] = partial(_sigstore, data, Verifier(trusted_root=root), _identity(case))
    seconds = by_turns(contenders, rounds=60, calls=5)
    for name, measured in seconds.items():
        print(f"{name:<36} {median(measured) * 1e3:6.2f} ms")
    print()
    for kind, _, both in KINDS:
        if both:
            print(f"{kind:<36} {ratio(seconds, kind, f'{kind}, sigstore'):6.2f} times the rate of sigstore-python")


def _attest(data: bytes, trust: TrustBundle) -> None:
    assert verify(data, trust, artifacts=None, now=NOW).report.signatures[0].identity is not None


def _identity(case: dict[str, Any]) -> Identity:
    return Identity(identity=case["identity"], issuer=case["issuer"])


def _sigstore(data: bytes, verifier: Verifier, identity: Identity) -> None:
    verifier.verify_dsse(Bundle.from_json(data), identity)


if __name__ == "__main__":
    main()
