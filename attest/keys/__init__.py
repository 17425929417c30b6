"""Public keys, the algorithm table, and the formats of key files and certificates.

Rule: the algorithm belongs to the key and is pinned when the key is read.

>>> import attest
>>> from attest import keys
>>> with attest.generate_key("file:keys.pem", "ecdsa-sha2-nistp384") as signer:
...     pem = signer.public_key.to_pem()
>>> key = keys.PublicKey.parse(pem.encode())
>>> key.algorithm.name
'ecdsa-sha2-nistp384'
>>> sorted(keys.ALGORITHMS)[:3]
['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ed25519']
"""

from __future__ import annotations

from attest.keys.exporting import KEY_FORMS, KeyForm, exported, forms_of
from attest.keys.keyids import KEYID_FORMATS, KeyidFormat, keyid_in
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
    "KEYID_FORMATS",
    "KEY_FORMS",
    "SIMULATED_PREFIX",
    "Algorithm",
    "Certificate",
    "KeyForm",
    "KeyidFormat",
    "PublicKey",
    "algorithm_named",
    "certificate",
    "exported",
    "forms_of",
    "keyid_in",
]
