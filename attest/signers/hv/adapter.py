"""What sends the requests of hvac: our own client, with its limits, in the place of requests.

Rule: the token is sent with requests that need it and no others, redirects are not followed, and an error has a status
or a meaning, never the text of the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

from hvac.adapters import Adapter

from attest._base import json
from attest._base.http import HttpClient, HttpError
from attest.errors import InputError
from attest.signers._kms import KmsFault
from attest.signers.hv import faults
from attest.signers.hv.faults import StatusError

if TYPE_CHECKING:
    from attest.signers.hv.settings import VaultSettings

_MAX_ANSWER: Final = 4 << 20  # a key with 4,000 versions of RSA


class VaultAdapter(Adapter):  # type: ignore[misc]  # hvac has no types
    """One server of Vault, for the classes of `hvac.api`. `token` may be changed at any time."""

    def __init__(self, settings: VaultSettings, seconds: float) -> None:
        self.token: str | None = None
        self._settings = settings
        self._seconds = seconds
        self._http = HttpClient(context=settings.context, server_name=settings.server_name, proxies=getproxies())

    def request(self, method: str, url: str, headers: Any = None, raise_exception: Any = True, **given: Any) -> Any:
        """The JSON object that Vault answers with, or {}. Raises StatusError and KmsFault."""
        data = given.get("json")
        address = self._settings.address_name
        try:
            answer = self._http.exchange(
                method.upper(),
                f"{self._settings.address}/{url.lstrip('/')}",
                limit=_MAX_ANSWER,
                seconds=self._seconds,
                headers=self._headers(url),
                body=None if data is None else json.dumps(data),
            )
        except HttpError as error:
            raise faults.of_no_answer(error, address, self._settings.address) from None
        if 300 <= answer.status < 400:
            raise faults.of_redirect(address)
        if not 200 <= answer.status < 300:
            raise StatusError(answer.status, answer.body[: 16 << 10].decode(errors="replace").lower())
        if answer.status == 204:
            return {}
        try:
            return json.loads_object(answer.body, what="the answer")
        except InputError:
            raise KmsFault(*faults.NOT_VAULT) from None

    def get_login_token(self, response: Any) -> str:
        """The token in the answer to a login."""
        token: str = response["auth"]["client_token"]
        return token

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"X-Vault-Request": "true", "Content-Type": "application/json"}
        if url.startswith("/v1/sys/"):
            return headers  # the health of a node, which is public and in no namespace
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        if self.token and not (url.startswith("/v1/auth/") and url.endswith("/login")):
            headers["X-Vault-Token"] = self.token
        return headers
