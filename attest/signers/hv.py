"""`hv:NAME/VERSION[?timeout=SECONDS]`: an Ed25519 key in the transit engine of HashiCorp Vault or OpenBao.

Rule: the token is hvac's to find, and goes to the address in VAULT_ADDR and nowhere else; no text of the server's is
shown.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from attest._base.http import is_loopback
from attest.errors import InputError
from attest.keys.formats import ED25519_SPKI
from attest.signers._kms import KmsError, KmsKey, KmsSigner, first, kinds, signed_by, their_key
from attest.signers._uri import SignerURI, percent_decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import PublicKey
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets

EXAMPLE = "hv:release/1"

_KEY = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254}[A-Za-z0-9_])?)/([1-9][0-9]{0,8})", re.ASCII)


class VaultSigner(KmsSigner):
    """One version of a key in Vault or OpenBao."""

    libraries = ("hvac", "requests")
    extra = "vault"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        found = _KEY.fullmatch(percent_decode(uri.path, where=str(uri)))
        if not found:
            hint = f"Write `hv:NAME/VERSION`, for example `{EXAMPLE}`. `bao read transit/keys/NAME` lists the versions."
            raise self._error("signer-uri-invalid", "expected the name and version of a key in Vault", hint)
        self._name, self._version = found[1], int(found[2])
        self._has_token = True

    def _connect(self) -> KmsKey:
        import hvac
        from securesystemslib.signer import VaultSigner as TheirSigner  # type: ignore[attr-defined]

        # hvac's own default is http://localhost:8200, where anyone on this machine may listen.
        address = os.environ.get("VAULT_ADDR", "")
        if not address:
            hint = "Set `VAULT_ADDR` to the address of Vault or OpenBao, for example https://vault.example.com:8200."
            raise self._error("kms-misconfigured", "VAULT_ADDR is not set", hint)
        self._demand_private(address, "VAULT_ADDR")
        proxies = {"http": ""} if is_loopback(address) else None
        client = hvac.Client(address, timeout=self._timeout / 2, proxies=proxies, allow_redirects=False)
        client.adapter.session.hooks["response"].append(self._refuse_redirect)
        self._has_token = bool(client.token)
        with ExitStack() as stack:
            stack.callback(client.adapter.close)
            key = self._read(client.secrets.transit.read_key(self._name)["data"])
            signer = TheirSigner(self._name, their_key(key), self._version)
            # It takes no client, and the one that it makes waits for half a minute.
            signer._client = client
            return self._hold(key, signed_by(signer), stack.pop_all().close, f"hv:{self._name}/{self._version}")

    def _refuse_redirect(self, response: Any, **_: Any) -> None:
        if 300 <= response.status_code < 400:
            response.close()
            message = "Vault answered with a redirect; attest does not follow it, to protect the token"
            hint = "Set `VAULT_ADDR` to the node that answers itself, such as the active node."
            raise self._error("kms-misconfigured", message, hint)

    def _read(self, data: Mapping[str, Any]) -> PublicKey:
        """The public key of the version. securesystemslib's `import_` has only that of the newest one."""
        if data["type"] != "ed25519" or data.get("derived"):
            kind = "a derived key" if data.get("derived") else f"type {data['type']!r}"
            raise InputError("key-unsupported", f"expected a key of type 'ed25519', found {kind}")
        if data.get("soft_deleted") or self._version < data["min_encryption_version"]:
            raise self._error("key-disabled", f"the key is deleted, or its version {self._version} is disabled")
        versions = data["keys"]
        if str(self._version) not in versions:
            there = ", ".join(sorted(map(str, versions), key=int))
            raise self._error(
                "key-not-found", f"Vault does not have version {self._version} of the key; it has {there}"
            )
        raw = b64decode(versions[str(self._version)]["public_key"], validate=True)
        return self._parsed(ED25519_SPKI + raw)

    def _fault(self, error: Exception) -> KmsError | None:
        told_by = kinds(error)
        if "Forbidden" in told_by and not self._has_token:
            return _NO_TOKEN
        return first(told_by, _FAULTS)


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `hv:` URI; hvac finds the token."""
    return VaultSigner(uri)


_NO_TOKEN: Final = KmsError(
    "credentials-missing", "hvac found no token for Vault", "Set `VAULT_TOKEN`, or write the token to ~/.vault-token."
)
_MISCONFIGURED: Final = KmsError(
    "kms-misconfigured",
    "the address, the token or a file that is configured for Vault is not valid",
    "Check `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_CACERT` and `VAULT_CLIENT_CERT`.",
)

# By the class of an error: hvac's for the status of an answer, requests' for a missing answer. The first match counts.
_FAULTS: Final[Mapping[str, KmsError]] = {
    "Forbidden Unauthorized": KmsError(
        "access-denied",
        "Vault does not accept the token, or the token does not have permission",
        "Allow `read` on `transit/keys/NAME` and `update` on `transit/sign/NAME`.",
    ),
    "InvalidPath": KmsError("key-not-found", "Vault does not have the key, or has no transit engine at transit/"),
    "RateLimitExceeded": KmsError("kms-busy", "Vault is too busy", "Try again later."),
    "VaultDown VaultNotInitialized BadGateway": KmsError(
        "kms-unreachable", "Vault is sealed, not initialized, or down"
    ),
    "VaultError": KmsError("kms-failed", "Vault failed, or refused the request", "Look at the log of Vault."),
    "MissingSchema InvalidSchema InvalidURL InvalidProxyURL": _MISCONFIGURED,
    "InvalidHeader UnicodeEncodeError": _MISCONFIGURED,  # a token with characters that no token has
    "ReadTimeout": KmsError("kms-timeout", "Vault did not answer in time"),
    "ConnectionError": KmsError("kms-unreachable", "Vault cannot be reached", "Check `VAULT_ADDR`."),
    "RequestException": KmsError(
        "kms-failed", "the server that answered is not Vault, or a proxy answered", "Check `VAULT_ADDR`."
    ),
    "OSError": _MISCONFIGURED,  # a configured file cannot be read
}
