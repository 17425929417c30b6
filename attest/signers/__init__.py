"""Signers by URI: one file for each URI scheme, and the protocol that all of them share.

Rule: opening a signer costs nothing and touches nothing until its first use; secrets come through a callback.

Other packages add schemes through the entry point group `attest.signers`: a Scheme, under the scheme's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.registry import Registry
from attest.errors import SignerError
from attest.signers._protocol import Scheme, Signer
from attest.signers._secrets import SecretRequest, Secrets, TokenName
from attest.signers._uri import SignerURI

if TYPE_CHECKING:
    from attest._base.plugins import Offer
    from attest.keys import Algorithm

__all__ = [
    "Scheme",
    "SecretRequest",
    "Secrets",
    "Signer",
    "SignerURI",
    "TokenName",
    "generate_key",
    "open_signer",
    "schemes",
]

# "profile:" names a profile of the command line (attest.signers._profiles).
REGISTRY: Final = Registry(__name__, "attest.signers", SignerError, needs=["open_signer"], reserved=["profile"])


def schemes() -> list[str]:
    """The URI schemes there is a signer for: ours, and then those of plug-ins."""
    return REGISTRY.names()


def open_signer(uri: str, *, secrets: Secrets | None = None) -> Signer:
    """The signer for `uri`, not yet connected to anything; use it as a context manager, or close it.

    `secrets` is asked for a passphrase or PIN when one is needed, with a SecretRequest that says who asks. Raises
    SignerError `signer-uri-invalid` or `signer-scheme-unknown`.
    """
    parsed = SignerURI.parse(uri)
    return _made(_offer(parsed), "open_signer", parsed, secrets)


def generate_key(uri: str, algorithm: Algorithm | None = None, *, secret: str | Secrets | None = None) -> Signer:
    """Make a key pair where `uri` says and return its signer; an existing key is never overwritten.

    Without `algorithm` the scheme's own default is made. `secret` is the passphrase that encrypts a key file, or the
    PIN of a token; a callback is asked for either when it is needed. Raises SignerError, or InputError `output-exists`.
    """
    parsed = SignerURI.parse(uri)
    offer = _offer(parsed)
    with offer.guarded():
        can_generate = hasattr(offer.value, "generate_key")
    if not can_generate:
        raise SignerError("capability-missing", f"keys can't be made by {parsed.scheme}: signers", where=uri)
    return _made(offer, "generate_key", parsed, algorithm, secret)


def _offer(uri: SignerURI) -> Offer:
    offer = REGISTRY.find(uri.scheme)
    if offer is None:
        raise SignerError(
            "signer-scheme-unknown",
            f"there is no signer for {uri.scheme}: URIs",
            where=str(uri),
            hint=f"Known schemes: {', '.join(schemes())}.",
        )
    return offer


def _made(offer: Offer, function: str, uri: SignerURI, *arguments: Any) -> Signer:
    """The signer that a scheme's function makes; one of a plug-in under our own interface."""
    with offer.guarded():
        signer = getattr(offer.value, function)(uri, *arguments)
    if offer.plugin is not None:
        from attest.signers._plugin import PluginSigner

        return PluginSigner(uri, signer, offer.plugin)
    made: Signer = signer
    return made
