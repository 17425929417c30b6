"""`pkcs11:...`: keys in PKCS #11 tokens, named by RFC 7512 URIs, with failover between tokens.

Rule: only the first use of a signer loads a module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attest.keys import Algorithm
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

EXAMPLE = "pkcs11:token=release;object=key1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin"


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for a `pkcs11:` URI."""
    from attest.signers.pkcs11.signer import Pkcs11Signer

    return Pkcs11Signer(uri, secrets)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Generate a key in a token, as `attest.signers.pkcs11.signer.generate_key` does."""
    from attest.signers.pkcs11 import signer

    return signer.generate_key(uri, algorithm, secret)
