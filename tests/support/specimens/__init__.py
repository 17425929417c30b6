"""What the conformance suite of the signers tries each URI scheme with: one module a scheme, named after it.

Each offers `specimens(folder)`, URIs of keys that exist, at least one for each algorithm the scheme has;
`missing(folder)`, a URI that opens and leads to nothing, with `MISSING`, its code if that is not `key-not-found`; and
`secrets`, the callback that knows what opens them. One whose library reads the environment has `environment(patch)`
too, which sets it.
"""

from __future__ import annotations

import os

from attest.keys import ALGORITHMS
from tests import THOROUGH

# One of each family, and of RSA the two paddings with different digests.
_ONE_OF_EACH = ["ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256", "rsa-pkcs1v15-sha512"]
_ONE_OF_EACH += ["ml-dsa-65"]


def algorithms() -> list[str]:
    """Every algorithm where all are wanted, otherwise one of each family; the key files have all in every run."""
    return [name for name in ALGORITHMS if THOROUGH in os.environ or name in _ONE_OF_EACH]
