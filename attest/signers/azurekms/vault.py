"""Requests to Azure Key Vault, and what its refusals and the errors of the Azure libraries mean.

Rule: nothing is redirected, repeated or logged, a token goes only to the vault, and an answer has a limited size.
"""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import at, loads_object
from attest.errors import InputError
from attest.signers._kms import KmsError, KmsFault, first, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

_API: Final = "7.4"  # every cloud and Managed HSM have it, and nothing newer is needed
_MAX_ANSWER: Final = 1 << 16  # bytes; a key has 2 KiB, and a page of 25 versions 10 KiB
_PROGRAM: Final = 10.0  # seconds for each program that azure-identity runs to find credentials
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)


class Vault:
    """A client of one vault. Each request gets `timeout` seconds."""

    def __init__(self, host: str, timeout: float) -> None:
        self._host = host
        self._timeout = timeout
        self._stack = ExitStack()
        self._client: Any = None
        self._entra: list[int] = []  # the status of each answer of Entra ID to this request, and 0 for no answer

    def connect(self) -> None:
        """Make the client; nothing is requested yet. Raises KmsFault `kms-misconfigured`.

        The client checks that the token that the server requires is one for the domain of the server
        (`verify_challenge_resource`, which is on).
        """
        from azure.identity import DefaultAzureCredential
        from azure.keyvault.keys import KeyClient

        _silence()
        wait = self._timeout / 2
        common: dict[str, Any] = {"connection_timeout": wait, "read_timeout": wait, "retry_total": 0}
        try:
            credential = DefaultAzureCredential(
                process_timeout=min(wait, _PROGRAM),
                raw_request_hook=self._before_token,
                raw_response_hook=self._after_token,
                **common,
            )
        except Exception:  # noqa: BLE001  # each kind of credential raises errors of its own
            message = "a variable AZURE_* is not valid, or names a file that is not valid"
            raise KmsFault("kms-misconfigured", message, f"Check {_VARIABLES}.") from None
        self._stack.callback(credential.close)
        self._client = self._stack.enter_context(
            KeyClient(
                f"https://{self._host}",
                credential,
                api_version=_API,
                permit_redirects=False,
                raw_response_hook=_after_answer,
                **common,
            )
        )

    def close(self) -> None:
        """Close the connections."""
        self._stack.close()

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, conflict: KmsError | None = None
    ) -> dict[str, Any]:
        """The JSON object that answers a request; `conflict` is what status 409 means.

        Raises KmsFault for a refusal, and what the libraries raise for a missing answer: `fault` knows it.
        """
        from azure.core.exceptions import ClientAuthenticationError
        from azure.core.rest import HttpRequest

        until = monotonic() + self._timeout
        self._entra = []
        # Not compressed, so that a small answer stays small.
        request = HttpRequest(method, path, json=body, headers={"Accept-Encoding": "identity"})
        try:
            with self._client.send_request(request, stream=True) as response:
                status: int = response.status_code
                data = b"" if status == 401 else self._read(response, until)  # `_after_answer` has read that of a 401
        except ClientAuthenticationError:
            self._forget()
            raise KmsFault(*self._no_token()) from None
        if status == 200:
            try:
                return loads_object(data, what="the answer")
            except InputError:
                raise KmsFault(*_NOT_THE_VAULT) from None
        codes = _codes(data)
        meaning = first(codes, _REFUSALS) or (conflict if status == 409 else None) or _meaning(status)
        found = codes[-1] if codes else f"status {status}"
        raise KmsFault(meaning.code, f"{meaning.message} ({found})", meaning.hint)

    def _read(self, response: Any, until: float) -> bytes:
        data = bytearray()
        for piece in response.iter_raw():
            data += piece
            if len(data) > _MAX_ANSWER or monotonic() > until:
                raise KmsFault(*_NOT_THE_VAULT)
        return bytes(data)

    def _before_token(self, request: Any) -> None:
        # http: is only for the metadata service of a machine, which most machines do not have.
        if request.http_request.url.startswith("https:"):
            self._entra.append(0)

    def _after_token(self, response: Any) -> None:
        if response.http_request.url.startswith("https:"):
            self._entra[-1:] = [response.http_response.status_code]

    def _forget(self) -> None:
        """Forget where the vault has its tokens from, which the library remembers for the whole process.

        It would use this for ever, and never ask the vault again, if the credentials are not for that tenant.
        """
        from azure.keyvault.keys._shared import http_challenge_cache

        http_challenge_cache.remove_challenge_for_url(f"https://{self._host}")

    def _no_token(self) -> KmsError:
        """Why there is no token. azure-identity raises one class for all reasons, and has them in its text only."""
        if not self._entra:
            return _NO_CREDENTIALS
        failed = [status for status in self._entra if not 200 <= status < 300]
        if not failed:
            return KmsError("kms-failed", "the answer of Entra ID has no token for Key Vault", f"Check {_VARIABLES}.")
        if 429 in failed:
            return KmsError("kms-busy", "Entra ID is too busy", "Try again later.")
        if any(400 <= status < 500 for status in failed):
            return _CREDENTIALS_REFUSED
        return KmsError("kms-unreachable", "Entra ID cannot be reached, or failed", _NETWORK)


def fault(error: Exception) -> KmsError | None:
    """The meaning of an error that a library raised instead of an answer, or None if it is unknown."""
    return first(kinds(getattr(error, "inner_exception", None) or error), _INNER) or first(kinds(error), _FAILURES)


def _silence() -> None:
    """Keep Python from printing the warnings of the libraries, with texts of Entra ID, on standard error."""
    for logger in map(logging.getLogger, ("azure", "msal", "msal_extensions")):
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _after_answer(answer: Any) -> None:
    """Read the body of a 401, which asks for a token: the connection is then used again."""
    if answer.http_response.status_code == 401:
        read = 0
        for piece in answer.http_response.iter_raw():
            read += len(piece)
            if read > _MAX_ANSWER:
                answer.http_response.close()
                return


def _codes(data: bytes) -> list[str]:
    """The codes in the body of a refusal, the innermost last."""
    try:
        body = loads_object(data, what="the answer")
    except InputError:
        return []
    found = [at(body, "error", "code"), at(body, "error", "innererror", "code")]
    return [code for code in found if isinstance(code, str) and _CODE.fullmatch(code)]


def _meaning(status: int) -> KmsError:
    """The meaning of a refusal by its status."""
    if 300 <= status < 400:
        return _REDIRECT
    return _STATUSES.get(status, KmsError("kms-failed", "Key Vault failed, or refused the request", "Try again later."))


_VARIABLES: Final = "`AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the other variables of azure-identity"
_NETWORK: Final = "Check the network, and for a proxy `HTTPS_PROXY` and `REQUESTS_CA_BUNDLE`."

_NO_CREDENTIALS: Final = KmsError(
    "credentials-missing",
    "azure-identity found no credentials for the tenant of the vault",
    f"Run `az login`, or check {_VARIABLES}.",
)
_CREDENTIALS_REFUSED: Final = KmsError(
    "access-denied", "Entra ID does not accept the credentials", "Check their expiry, and the clock of this machine."
)
_NOT_THE_VAULT: Final = KmsError("kms-failed", "the answer is not one of Key Vault; perhaps a proxy answered", _NETWORK)
_REDIRECT: Final = KmsError(
    "kms-misconfigured",
    "Key Vault answered with a redirect; attest does not follow it, to protect the token",
    "Check the host in the signer URI, and `HTTPS_PROXY`.",
)
_UNUSABLE: Final = KmsError("key-disabled", "the version of the key is disabled, expired or not yet valid")
NOT_FOR_SIGNING: Final = KmsError(
    "key-not-allowed",
    "the key may not sign: `sign` is not one of its key_ops",
    "Allow it: `az keyvault key set-attributes --ops sign verify`.",
)

# By the codes of a refusal.
_REFUSALS: Final[Mapping[str, KmsError]] = {
    "KeyDisabled KeyExpired KeyNotYetValid": _UNUSABLE,
    "KeyOperationForbidden": NOT_FOR_SIGNING,
    "ForbiddenByFirewall ForbiddenByConnection": KmsError(
        "access-denied", "the network rules of the vault do not allow this machine", "Allow its address, or a proxy's."
    ),
}

# By its status.
_STATUSES: Final[Mapping[int, KmsError]] = {
    401: KmsError(
        "access-denied",
        "Key Vault does not accept the token",
        "Check `AZURE_TENANT_ID`, and the clock of this machine.",
    ),
    403: KmsError(
        "access-denied",
        "the credentials do not have permission to use the key",
        "Give them the role `Key Vault Crypto User` for the key, or `get` and `sign` in an access policy.",
    ),
    404: KmsError(
        "key-not-found",
        "the vault does not have the key, or not this version",
        "Check the URI. The key may be deleted.",
    ),
    409: KmsError("key-disabled", "the key is being deleted or recovered"),
    429: KmsError("kms-busy", "Key Vault is too busy", "Try again later."),
    **dict.fromkeys((502, 503, 504), KmsError("kms-unreachable", "Key Vault is not available", "Try again later.")),
}

# By the class of the error that azure-core wraps, and then by that of its own; the first match counts.
_INNER: Final[Mapping[str, KmsError]] = {
    "SSLError": KmsError(
        "kms-unreachable",
        "the certificate of the vault is not trusted",
        "For a proxy that has a CA of its own, set `REQUESTS_CA_BUNDLE` to a file with this CA.",
    ),
    "InvalidProxyURL": KmsError("kms-misconfigured", "the address of the proxy is not valid", "Check `HTTPS_PROXY`."),
}
_FAILURES: Final[Mapping[str, KmsError]] = {
    "ServiceResponseTimeoutError": KmsError("kms-timeout", "Key Vault did not answer in time"),
    "ServiceRequestError ServiceResponseError HttpResponseError": KmsError(
        "kms-unreachable", "Key Vault cannot be reached, or its answer ended too early", _NETWORK
    ),
    "ValueError KeyError TypeError": _NOT_THE_VAULT,
    "OSError": KmsError("kms-misconfigured", "a configured file cannot be read", "Check `REQUESTS_CA_BUNDLE`."),
}
