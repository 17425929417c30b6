"""`hv:[MOUNT/]NAME[/VERSION]`: a key in the transit engine of HashiCorp Vault or OpenBao.

Rule: a token or login goes to the configured address and nowhere else, and no text of a server is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attest.keys import Algorithm
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

EXAMPLE = "hv:release/1"


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `hv:` URI; the login is configured by environment variables (docs/sign/vault.md)."""
    from attest.signers.hv.signer import VaultSigner

    return VaultSigner(uri)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key in Vault, and return the signer for its first version."""
    from attest.signers.hv.signer import VaultSigner

    return VaultSigner(uri).generated(algorithm, secret)
