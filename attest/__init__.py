"""attest: build, sign and verify in-toto attestations.

Rule: the public names are here, and importing the package loads none of what they stand for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from attest import predicates
    from attest.anchors import TrustAnchor, TrustKey
    from attest.artifacts import Artifact
    from attest.bulk import verify_many
    from attest.envelope import Envelope, Signature
    from attest.errors import AttestError, InputError, Rejected, SignerError
    from attest.keys import PublicKey
    from attest.limits import Limits
    from attest.policy import Policy
    from attest.predicate_schemas import PredicateSchemas
    from attest.resolving import SignerChecks
    from attest.signers import Signer, generate_key, open_signer
    from attest.signing import sign
    from attest.statement import ResourceDescriptor, Statement
    from attest.timestamping import Timestamper
    from attest.trust import TrustBundle
    from attest.verified import Verified
    from attest.verifying import verify

_HOMES = {
    "Artifact": "artifacts",
    "AttestError": "errors",
    "Envelope": "envelope",
    "InputError": "errors",
    "Limits": "limits",
    "Policy": "policy",
    "PredicateSchemas": "predicate_schemas",
    "PublicKey": "keys",
    "Rejected": "errors",
    "ResourceDescriptor": "statement",
    "Signature": "envelope",
    "Signer": "signers",
    "SignerChecks": "resolving",
    "SignerError": "errors",
    "Statement": "statement",
    "Timestamper": "timestamping",
    "TrustAnchor": "anchors",
    "TrustBundle": "trust",
    "TrustKey": "anchors",
    "Verified": "verified",
    "generate_key": "signers",
    "open_signer": "signers",
    "sign": "signing",
    "verify": "verifying",
    "verify_many": "bulk",
}

__all__ = [
    "Artifact",
    "AttestError",
    "Envelope",
    "InputError",
    "Limits",
    "Policy",
    "PredicateSchemas",
    "PublicKey",
    "Rejected",
    "ResourceDescriptor",
    "Signature",
    "Signer",
    "SignerChecks",
    "SignerError",
    "Statement",
    "Timestamper",
    "TrustAnchor",
    "TrustBundle",
    "TrustKey",
    "Verified",
    "generate_key",
    "open_signer",
    "predicates",
    "sign",
    "verify",
    "verify_many",
]


def __getattr__(name: str) -> object:
    if name == "predicates":
        return import_module(f"{__name__}.predicates")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
