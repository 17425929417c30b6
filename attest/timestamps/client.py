"""The client that requests a token over a signature from a time-stamping authority (RFC 3161).

Rule: only an answer to this very request is used, and the authority has ten seconds in all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from attest._base.expected import demand
from attest._base.http import HttpClient, HttpError, demand_url
from attest._base.json import b64encode
from attest.errors import InputError, Rejected, SignerError
from attest.timestamps import tokens
from attest.timestamps.authorities import FIELD, MAX_TOKEN, TYPE

if TYPE_CHECKING:
    from attest.envelope import Signature

TIMEOUT: Final = 10.0  # seconds
_HEADERS: Final = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


class Timestamper:
    """A time-stamping authority behind an http: or https: URL. Nothing is connected before `stamp`.

    `timeout` is in seconds, for one token. It follows no redirect, and uses no proxy.

    Raises InputError `timestamp-url-invalid` for another URL.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        demand(url, str, "url", "text")
        self._target = url.partition("#")[0]
        try:
            demand_url(self._target, plain_http=True)
        except HttpError:
            found = "" if "@" in url else f", found {url!r:.200}"  # a password may be before the @
            message = f"expected the http: or https: URL of a time-stamping authority, without a user name{found}"
            raise InputError("timestamp-url-invalid", message) from None
        self.url = url
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"Timestamper({self.url!r})"

    def stamp(self, signature: Signature) -> Signature:
        """The signature with a token over its bytes in its entry, as go-witness stores it (docs/sign/timestamps.md).

        The answer must be granted, be about these bytes and contain the nonce of the request. The verifier decides
        which authorities to trust. Raises SignerError `timestamp-failed`.
        """
        fields = signature.to_dict()
        others = fields.get(FIELD)
        added = {"type": TYPE, "data": b64encode(self.token(signature.sig))}
        return replace(signature, fields={**fields, FIELD: [*(others if isinstance(others, list) else ()), added]})

    def token(self, data: bytes) -> bytes:
        """The DER of a token over `data`, from one request; errors as `stamp`."""
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        # SHA-256, as verifiers of this field expect it.
        request = TimestampRequestBuilder(data, HashAlgorithm.SHA256, nonce=True, cert_req=True).build()
        answer = self._ask(request.as_bytes())
        try:
            token = tokens.unwrap(answer)
            read = tokens.Token.read(token)
        except Rejected as error:
            self._failed(f"its answer is not valid: {error.message}")
        if not read.covers(data):
            self._failed("its timestamp is about other data")
        if request.nonce is None or read.nonce != request.nonce:
            self._failed("its timestamp is for another request")
        return token

    def _ask(self, request: bytes) -> bytes:
        """The body of the answer to one request, which is not sent again: an authority may count what it stamps."""
        # Many authorities have no TLS: a token is checked against the trust bundle, and what is sent is no secret.
        client = HttpClient(plain_http=True)
        try:
            answer = client.exchange(
                "POST", self._target, limit=MAX_TOKEN, seconds=self._timeout, headers=_HEADERS, body=request
            )
        except HttpError as error:
            self._failed(str(error))
        finally:
            client.close()
        if answer.status != 200:
            self._failed(f"it answered with HTTP status {answer.status}")
        return answer.body

    def _failed(self, why: str) -> NoReturn:
        hint = "Try again later, or sign without a timestamp. Nothing was written."
        raise SignerError(
            "timestamp-failed", f"no timestamp from the time-stamping authority: {why}", where=self.url, hint=hint
        ) from None
