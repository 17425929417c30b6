"""The client that requests a token over a signature from a time-stamping authority (RFC 3161).

Rule: only an answer to this very request is used, and the authority has ten seconds in all.
"""

from __future__ import annotations

from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlsplit

from attest._base import files
from attest._base.expected import demand
from attest._base.json import b64encode
from attest.errors import InputError, Rejected, SignerError
from attest.timestamps import tokens
from attest.timestamps.authorities import FIELD, MAX_TOKEN, TYPE

if TYPE_CHECKING:
    from attest.envelope import Signature

DEADLINE: Final = 10.0  # seconds


class Timestamper:
    """A time-stamping authority behind an http: or https: URL. Nothing is connected before `stamp`.

    Redirects and proxies are not followed. Raises InputError `timestamp-url-invalid` for another URL.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE) -> None:
        demand(url, str, "url", "text")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            _not_a_url("the address of the time-stamping authority is not a URL")
        if "@" in parts.netloc or not (url.isascii() and url.isprintable()) or " " in url:
            _not_a_url("the URL contains a user name, a password, a space or a character that is not ASCII")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            found = "" if "@" in url else f", found {url!r}"  # a password may be before the @
            _not_a_url(f"expected the http: or https: URL of a time-stamping authority{found}")
        self.url = url
        self._deadline = deadline
        self._connect = (HTTPSConnection if parts.scheme == "https" else HTTPConnection, parts.hostname, port)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def __repr__(self) -> str:
        return f"Timestamper({self.url!r})"

    def stamp(self, signature: Signature) -> Signature:
        """The signature with a token over its bytes in its entry, as go-witness stores it (docs/timestamps.md).

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
        # In a thread that can be abandoned: the timeout of a socket is for one read, and not for name resolution.
        answers: SimpleQueue[bytes | str] = SimpleQueue()
        Thread(target=self._exchange, args=(request, answers), name="attest-timestamp", daemon=True).start()
        try:
            answer = answers.get(timeout=self._deadline)
        except Empty:
            self._failed(self._late)
        if isinstance(answer, str):
            self._failed(answer)
        return answer

    @property
    def _late(self) -> str:
        return f"it did not answer within {self._deadline:g} s"

    def _exchange(self, request: bytes, answers: SimpleQueue[bytes | str]) -> None:
        """Put the body of the answer, or the error as text, into `answers`."""
        kind, host, port = self._connect
        connection = kind(host, port, timeout=self._deadline)
        headers = {
            "Content-Type": "application/timestamp-query",
            "Accept": "application/timestamp-reply",
            "User-Agent": "attest",
        }
        try:
            connection.request("POST", self._target, request, headers)
            response = connection.getresponse()
            body = response.read(MAX_TOKEN + 1)
            if response.status != 200:
                answers.put(f"it answered with HTTP status {response.status}")
            elif len(body) > MAX_TOKEN:
                answers.put(f"its answer is larger than {MAX_TOKEN >> 10} KiB")
            else:
                answers.put(body)
        except TimeoutError:
            answers.put(self._late)
        except OSError as error:
            answers.put(f"it cannot be reached: {files.reason(error)}")
        except (HTTPException, ValueError) as error:
            answers.put(f"its answer is not HTTP ({type(error).__name__})")
        finally:
            connection.close()

    def _failed(self, why: str) -> NoReturn:
        hint = "Try again later, or sign without a timestamp. Nothing was written."
        raise SignerError(
            "timestamp-failed", f"no timestamp from the time-stamping authority: {why}", where=self.url, hint=hint
        ) from None


def _not_a_url(message: str) -> NoReturn:
    raise InputError("timestamp-url-invalid", message) from None
