"""What a refusal of Vault means: by its status, and by a few texts that are compared and never shown.

Rule: a message says what Vault has, or which setting to change; nothing in it comes from the server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attest._base.http import CertificateError, LateError, TlsError, TooLargeError
from attest.signers._kms import KmsError, KmsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest._base.http import HttpError


# What Go and nginx answer.
_PLAIN: Final = re.compile("http request to an https server|http request was sent to https port")
_HTTPS: Final = "Set `VAULT_ADDR` to the same address with https:."


class StatusError(Exception):
    """An answer of Vault with a status of 400 or above. `texts` is what it says, in lower case."""

    def __init__(self, status: int, texts: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.texts = texts

    @property
    def is_no_engine(self) -> bool:
        """Whether nothing is mounted at the path."""
        return self.status == 404 and "no handler for route" in self.texts

    @property
    def is_no_namespace(self) -> bool:
        """Whether the namespace does not exist."""
        return self.status == 404 and "namespace not found" in self.texts

    @property
    def is_no_key(self) -> bool:
        """Whether the engine has no key of this name."""
        return self.status == 404 and not self.is_no_engine and not self.is_no_namespace


def of_status(error: StatusError) -> KmsError:
    """The meaning of an answer that nothing else explains."""
    if error.is_no_engine:
        return _NO_ENGINE
    if error.is_no_namespace:
        return _NO_NAMESPACE
    if error.status == 400 and _PLAIN.search(error.texts):
        return KmsError("kms-misconfigured", "the server expects https, and was asked with http", _HTTPS)
    return _BY_STATUS.get(error.status) or KmsError(
        "kms-failed", f"Vault failed, or refused the request (status {error.status})", "Look at the log of Vault."
    )


def of_node(status: int) -> KmsFault | None:
    """What is wrong with a node of Vault, by the status of its `sys/health`; None if it is active or unknown."""
    state = _BY_HEALTH.get(status)
    return None if state is None else KmsFault("kms-unreachable", *state)


def of_no_answer(error: HttpError, name: str, address: str) -> KmsFault:
    """Why there is no answer. `name` is the variable that has the address."""
    at = "" if "@" in address else f" at {address.partition('?')[0]}"  # where somebody put a password
    hint = f"Check `{name}`."
    if isinstance(error, LateError):
        return KmsFault("kms-timeout", f"Vault{at} did not answer in time", hint)
    if isinstance(error, CertificateError):
        hint = "Name the file with its CA in `VAULT_CACERT`. It is trusted instead of those of the system."
    if isinstance(error, TlsError):
        return KmsFault("kms-misconfigured", f"Vault{at} cannot be trusted: {error}", hint)
    if isinstance(error, TooLargeError):
        return KmsFault("kms-failed", f"Vault{at} cannot be used: {error}", hint)
    if error.again:
        return KmsFault("kms-unreachable", f"Vault{at} is not available: {error}", error.hint or hint)
    return KmsFault("kms-misconfigured", f"Vault{at} cannot be reached: {error}", hint)


def of_redirect(address: str) -> KmsFault:
    """A redirect, which is not followed."""
    message = "Vault answered with a redirect; attest does not follow it, to protect the token"
    hint = f"Set `{address}` to the node that answers itself, such as the active node."
    return KmsFault("kms-misconfigured", message, hint)


NOT_VAULT: Final = KmsError(
    "kms-failed", "the server that answered is not Vault, or a proxy answered", "Check `VAULT_ADDR`."
)

_NO_ENGINE: Final = KmsError(
    "key-not-found",
    "Vault has no transit engine at the mount in the signer URI, or at transit/ if it has none",
    "Run `bao secrets list`, and write `hv:MOUNT/NAME/VERSION`. Check `VAULT_NAMESPACE` too.",
)
_NO_NAMESPACE: Final = KmsError(
    "kms-misconfigured", "Vault does not have the namespace", "Check `VAULT_NAMESPACE` and `BAO_NAMESPACE`."
)
_STANDBY: Final = "Set `VAULT_ADDR` to the active node, or to a load balancer that finds it."

_BY_STATUS: Final[Mapping[int, KmsError]] = {
    404: KmsError("key-not-found", "Vault does not have the key", "Run `bao list transit/keys` with the right mount."),
    412: KmsError("kms-busy", "the node of Vault is not up to date yet", "Try again later."),
    413: KmsError(
        "data-too-large",
        "the request with the data is larger than Vault accepts",
        "Use an ECDSA or RSA key: only a digest is sent for it.",
    ),
    429: KmsError("kms-busy", "Vault is too busy, or a quota is used up", "Try again later."),
    472: KmsError("kms-unreachable", "the node of Vault is for disaster recovery, and does not sign", _STANDBY),
    473: KmsError("kms-unreachable", "the node of Vault is a performance standby that does not sign", _STANDBY),
    501: KmsError("kms-unreachable", "Vault is not initialized", "Run `bao operator init`."),
    502: KmsError("kms-unreachable", "a proxy in front of Vault cannot reach it", "Try again later."),
    503: KmsError("kms-unreachable", "Vault is sealed, or down for maintenance", "Unseal it: `bao operator unseal`."),
    504: KmsError("kms-unreachable", "a proxy in front of Vault got no answer from it", "Try again later."),
}
_BY_HEALTH: Final[Mapping[int, tuple[str, str]]] = {
    429: ("the node of Vault is a standby, and cannot reach the active node", _STANDBY),
    **{status: (_BY_STATUS[status].message, str(_BY_STATUS[status].hint)) for status in (472, 473, 501)},
    503: ("Vault is sealed", "Unseal it: `bao operator unseal`."),
}
