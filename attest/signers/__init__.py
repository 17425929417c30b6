"""Signers by URI: one file for each URI scheme, and the protocol that all of them share.

Rule: opening a signer costs nothing and touches nothing until its first use; secrets come through a callback.

>>> import attest
>>> from attest import signers
>>> with attest.generate_key("file:release.pem", "ecdsa-sha2-nistp256", secret="a passphrase") as signer:
...     pass
>>> with attest.open_signer("file:release.pem", secrets=lambda request: "a passphrase") as signer:
...     signature = signer.sign(b"data")
...     signer.public_key.verify(signature.sig, b"data")
...     sorted(signer.capabilities)
['sign']

A signer of your own has three members, and needs no base class:

>>> class Acme:
...     def __init__(self, behind: attest.Signer) -> None:
...         self.behind, self.public_key = behind, behind.public_key
...     def sign(self, data: bytes) -> attest.Signature:
...         return attest.Signature(self.public_key.keyid, self.behind.sign(data).sig)
...     def close(self) -> None:
...         self.behind.close()
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> len(attest.sign(statement, [Acme(attest.open_signer("sim:test"))]).signatures)
1

Other packages add schemes through the entry point group `attest.signers`: a Scheme, under the name of the scheme.

A method `verify`, `encrypt`, `decrypt` or `digest` adds a capability, which `adapt` finds:

>>> signers.adapt(Acme(attest.open_signer("sim:test"))).encrypt(b"data")
Traceback (most recent call last):
attest.errors.SignerError: Acme: the signer cannot encrypt; it can sign
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.expected import demand, wrong_type
from attest._base.registry import Registry
from attest._base.text import nearest
from attest.errors import SignerError
from attest.keys import HSM_ALGORITHMS, Algorithm, algorithm_named
from attest.signers._adapter import adapt
from attest.signers._base import BaseSigner
from attest.signers._protocol import (
    AttributeCheck,
    KeyHealth,
    Scheme,
    Signer,
    SupportsDecrypt,
    SupportsDigest,
    SupportsEncrypt,
    SupportsHealth,
    SupportsSignMany,
    SupportsVerify,
)
from attest.signers._secrets import SecretRequest, Secrets, TokenName
from attest.signers._uri import FAILOVER, SignerURI

if TYPE_CHECKING:
    import os

    from attest._base.plugins import Offer
    from attest.signers._profiles import Profile

__all__ = [
    "AttributeCheck",
    "BaseSigner",
    "KeyHealth",
    "Scheme",
    "SecretRequest",
    "Secrets",
    "Signer",
    "SignerURI",
    "SupportsDecrypt",
    "SupportsDigest",
    "SupportsEncrypt",
    "SupportsHealth",
    "SupportsSignMany",
    "SupportsVerify",
    "TokenName",
    "adapt",
    "generate_key",
    "load_profiles",
    "open_signer",
    "schemes",
    "wrap_key",
]

_TOKENS: Final = ("pkcs11", "sim")
_GROUPED: Final = "pkcs11"
# What people write for a scheme, by the name of the product.
_MEANT: Final = {
    **dict.fromkeys(("bao", "hashicorp", "openbao", "transit", "vault"), "hv"),
    **dict.fromkeys(("hsm", "softhsm", "token", "yubikey"), "pkcs11"),
    **{"aws": "awskms", "azure": "azurekms", "gcp": "gcpkms", "ssh": "ssh-agent"},
}
# "profile:" names a profile of the command line (attest.signers._profiles).
REGISTRY: Final = Registry(__name__, "attest.signers", SignerError, needs=["open_signer"], reserved=["profile"])


def schemes() -> list[str]:
    """The URI schemes that have a signer: those of attest, then those of plug-ins."""
    return REGISTRY.names()


def open_signer(uri: str, *, secrets: Secrets | None = None) -> BaseSigner:
    """The signer for `uri`, not yet connected to anything; use it as a context manager, or close it.

    If the signer needs a passphrase or PIN, it calls `secrets` with a SecretRequest that names the token or file.
    With `failover=URI[ URI...]`, percent-encoded, the next signer signs if one is not available: all hold the same key.
    Raises SignerError `signer-uri-invalid` or `signer-scheme-unknown`.
    """
    parsed = SignerURI.parse(uri)
    _demand_secrets(secrets)
    members = parsed.members
    # Tokens among themselves know more of each other: the scheme itself has the others.
    if all(member.scheme == _GROUPED for member in members) or len(members) == 1:
        return _made(_offer(parsed), "open_signer", parsed, secrets)
    from attest.signers import _failover

    return _failover.opened(parsed, lambda member: _made(_offer(member), "open_signer", member, secrets))


def generate_key(
    uri: str, algorithm: Algorithm | str | None = None, *, secret: str | Secrets | None = None
) -> BaseSigner:
    """Generate a key pair at `uri` and return its signer. An existing key is never overwritten.

    `algorithm` is an Algorithm or its name, `"ed25519"`; the default depends on the scheme. `secret` is the passphrase
    that encrypts a key file, the PIN of a token, or a callback that returns either. Raises SignerError, also
    `backend-mismatch` for an `HSM-` name without a token; InputError `output-exists` or `algorithm-unsupported`.
    """
    parsed = SignerURI.parse(uri)
    if FAILOVER in parsed.query:
        message = f"a key is generated in one place, so {FAILOVER}= cannot be used"
        raise SignerError("signer-uri-invalid", message, where=str(parsed))
    chosen = _algorithm(algorithm, parsed)
    if not isinstance(secret, str):
        _demand_secrets(secret)
    offer = _offer(parsed)
    with offer.guarded():
        can_generate = hasattr(offer.value, "generate_key")
    if not can_generate:
        raise SignerError("capability-missing", f"{parsed.scheme}: signers cannot generate keys", where=uri)
    return _made(offer, "generate_key", parsed, chosen, secret)


def load_profiles(path: str | os.PathLike[str]) -> dict[str, Profile]:
    """The profiles in the configuration file at `path` (schemas/config.json), by their names.

    Raises InputError `config-invalid` or `file-unreadable`.
    """
    from attest.signers import _profiles

    return _profiles.load(path)


def wrap_key(uri: str, wrapping: BaseSigner, *, secrets: Secrets | None = None) -> bytes:
    """The file that holds the key of a `file:` URI, encrypted by `wrapping`: it signs as `file:PATH?with=URI`.

    Raises SignerError as both signers do, and `capability-missing` for a key that is not in a file.
    """
    from attest.signers import _wrapping, file

    parsed = SignerURI.parse(uri)
    if parsed.scheme != "file":
        raise SignerError("capability-missing", "only a key in a file can be wrapped", where=str(parsed))
    return _wrapping.wrap(*file.private_pem(parsed, secrets), wrapping)


def _algorithm(given: Algorithm | str | None, uri: SignerURI) -> Algorithm | None:
    if given is None or isinstance(given, Algorithm):
        return given
    demand(given, str, "algorithm", "an Algorithm or its name")
    if given in HSM_ALGORITHMS and uri.scheme not in _TOKENS:
        message = f"algorithm {given} requires a key in a token; {uri.scheme}: is not a token"
        raise SignerError("backend-mismatch", message, where=str(uri))
    return algorithm_named(given)


def _demand_secrets(secrets: object) -> None:
    if secrets is not None and not callable(secrets):
        raise wrong_type("secrets", "a function that takes a SecretRequest and returns the secret", secrets)


def _offer(uri: SignerURI) -> Offer:
    offer = REGISTRY.find(uri.scheme)
    if offer is None:
        near = _MEANT.get(uri.scheme) or next(iter(nearest(uri.scheme, schemes())), None)
        hint = f"{f'Did you mean `{near}:`? ' if near else ''}Use one of: {', '.join(schemes())}."
        if len(uri.scheme) == 1:
            hint = f"For a key in a file on a drive: `file:{uri}`."
        raise SignerError(
            "signer-scheme-unknown",
            f"unknown signer scheme {uri.scheme!r}",
            where=str(uri),
            hint=hint,
        )
    return offer


def _made(offer: Offer, function: str, uri: SignerURI, *arguments: Any) -> BaseSigner:
    """The signer that a scheme's function makes; one of a plug-in under our own interface."""
    with offer.guarded():
        signer = getattr(offer.value, function)(uri, *arguments)
    if offer.plugin is not None:
        from attest.signers._plugin import PluginSigner

        return PluginSigner(signer, uri, offer.plugin)
    made: BaseSigner = signer
    return made
