"""Signers by URI: one file for each URI scheme, and the protocol that all of them share.

Rule: opening a signer costs nothing and touches nothing until its first use; secrets come through a callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base import registry
from attest.errors import SignerError
from attest.signers._protocol import Signer
from attest.signers._secrets import SecretRequest, Secrets, TokenName
from attest.signers._uri import SignerURI

if TYPE_CHECKING:
    from types import ModuleType

    from attest.keys import Algorithm

__all__ = ["SecretRequest", "Secrets", "Signer", "SignerURI", "TokenName", "generate_key", "open_signer", "schemes"]


def schemes() -> list[str]:
    """The URI schemes there is a signer for."""
    return registry.names(__name__)


def open_signer(uri: str, *, secrets: Secrets | None = None) -> Signer:
    """The signer for `uri`, not yet connected to anything; use it as a context manager, or close it.

    `secrets` is asked for a passphrase or PIN when one is needed, with a SecretRequest that says who asks. Raises
    SignerError `signer-uri-invalid` or `signer-scheme-unknown`.
    """
    parsed = SignerURI.parse(uri)
    return _module(parsed).open_signer(parsed, secrets)  # type: ignore[no-any-return]


def generate_key(uri: str, algorithm: Algorithm | None = None, *, secret: str | Secrets | None = None) -> Signer:
    """Make a key pair where `uri` says and return its signer; an existing key is never overwritten.

    Without `algorithm` the scheme's own default is made. `secret` is the passphrase that encrypts a key file, or the
    PIN of a token; a callback is asked for either when it is needed. Raises SignerError, or InputError `output-exists`.
    """
    parsed = SignerURI.parse(uri)
    module = _module(parsed)
    if not hasattr(module, "generate_key"):
        raise SignerError("capability-missing", f"keys can't be made by {parsed.scheme}: signers", where=uri)
    return module.generate_key(parsed, algorithm, secret)  # type: ignore[no-any-return]


def _module(uri: SignerURI) -> ModuleType:
    module = registry.load(__name__, uri.scheme)
    if module is None:
        raise SignerError(
            "signer-scheme-unknown",
            f"there is no signer for {uri.scheme}: URIs",
            where=str(uri),
            hint=f"Known schemes: {', '.join(schemes())}.",
        )
    return module
