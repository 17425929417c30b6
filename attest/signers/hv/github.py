"""The ID token of a job of GitHub Actions, for the jwt login.

Rule: the token of the request goes to the address that the runner gives, over https:, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from urllib.request import getproxies

from attest._base import json
from attest._base.http import HttpClient, HttpError, LateError, is_encrypted
from attest.errors import InputError
from attest.signers._kms import KmsFault
from attest.signers.hv.settings import demand_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # the name of the variable
_SECONDS: Final = 20.0
_MAX_ANSWER: Final = 64 << 10


def offers_tokens(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions with the permission for ID tokens."""
    return bool(environ.get(_URL) and environ.get(_TOKEN))


def token_source(environ: Mapping[str, str], audience: str | None) -> Callable[[], str]:
    """What requests a new ID token each time. Without an audience, GitHub uses the URL of the repository's owner."""
    url, token = environ[_URL], environ[_TOKEN]

    def request() -> str:
        if not is_encrypted(url):
            raise KmsFault("kms-misconfigured", f"the address in {_URL} is not an https: URL")
        demand_header(token, "the request token of GitHub Actions", f"Check `{_TOKEN}`.")
        query = "" if audience is None else f"{'&' if '?' in url else '?'}audience={quote(audience, safe='')}"
        return _requested(f"{url}{query}", token)

    return request


def _requested(url: str, token: str) -> str:
    http = HttpClient(proxies=getproxies())
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        answer = http.exchange("GET", url, limit=_MAX_ANSWER, seconds=_SECONDS, headers=headers)
    except HttpError as error:
        code = "kms-timeout" if isinstance(error, LateError) else "kms-unreachable"
        raise KmsFault(code, f"GitHub Actions gave no ID token: {error}", "Try again later.") from None
    finally:
        http.close()
    if answer.status != 200:
        message = f"GitHub Actions gave no ID token (status {answer.status})"
        raise KmsFault("access-denied", message, "Set `permissions: id-token: write` for the job.")
    try:
        value = json.loads_object(answer.body, what="the answer").get("value")
    except InputError:
        value = None
    if not isinstance(value, str) or not value:
        raise KmsFault("kms-failed", "GitHub Actions gave an answer without an ID token")
    return value
