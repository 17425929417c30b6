"""Public keys, the algorithm table, and the formats of key files and certificates.

Rule: the algorithm belongs to the key and is pinned when the key is read.
"""

from __future__ import annotations

from attest.keys.public_key import (
    AES_ALGORITHMS,
    ALGORITHMS,
    HSM_ALGORITHMS,
    SIMULATED_PREFIX,
    Algorithm,
    Certificate,
    PublicKey,
    algorithm_named,
    certificate,
)

__all__ = [
    "AES_ALGORITHMS",
    "ALGORITHMS",
    "HSM_ALGORITHMS",
    "SIMULATED_PREFIX",
    "Algorithm",
    "Certificate",
    "PublicKey",
    "algorithm_named",
    "certificate",
]
