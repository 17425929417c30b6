"""`azurekms:HOST/keys/KEY[/VERSION][?algorithm=NAME][&timeout=SECONDS]`: a key in Azure Key Vault or Managed HSM.

Rule: azure-identity finds the credentials, and a token goes only to the host in the URI; no text of Azure is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attest.keys import Algorithm
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

EXAMPLE = "azurekms:example.vault.azure.net/keys/release"


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `azurekms:` URI; azure-identity finds the credentials."""
    from attest.signers.azurekms.signer import AzureKmsSigner

    return AzureKmsSigner(uri)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key in the vault, and return its signer, whose URI has the version. An existing key is not changed."""
    from attest.signers.azurekms.signer import AzureKmsSigner

    return AzureKmsSigner(uri).generated(algorithm, secret)
