"""Requests to registries: second tries, and one deadline for all of them.

Rule: of a success the whole body is returned, or an error is raised; no redirect is followed.
"""

from __future__ import annotations

import random
import time
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from attest._base import files, http, notices
from attest._base.text import plural
from attest.errors import InputError, SignerError
from attest.oci.options import PUSHED_BY_ANYONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import HTTPHeaderDict

    from attest.oci.options import StoreOptions

IN_ALL: Final = 600.0  # seconds, for all requests of a client together
MAX_IN_ALL: Final = 1 << 30  # bytes of all answers together
_TRIES: Final = 3
_PAUSE: Final = 0.25  # seconds before the second try; twice that before the third
_LONGEST_PAUSE: Final = 30.0  # that a registry can ask for
_MAX_OTHER: Final = 1 << 20  # bytes of an answer that is not what was asked for, such as an error
_BUSY: Final = (429, 500, 502, 503, 504)
_LATER: Final = "Try again later. If it stays so, ask those who run the registry or the proxy."
_HINT: Final = "Check the name, the network and the proxy. For a CA of your own: --registry-ca-file FILE."


class RegistryAnswer(NamedTuple):
    """The answer to a request for `url`."""

    url: str
    received: http.HttpAnswer

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.received.status

    @property
    def headers(self) -> HTTPHeaderDict:
        """The headers, whose names may be written in any case."""
        return self.received.headers

    @property
    def data(self) -> bytes:
        """The body."""
        return self.received.body

    @property
    def host(self) -> str:
        """The host that answered, for messages: a URL may have a secret in it."""
        return urlsplit(self.url).netloc

    @property
    def media_type(self) -> str | None:
        """The Content-Type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None


class Client:
    """Sends requests, from several threads at once. Nothing is connected before the first."""

    def __init__(self, options: StoreOptions) -> None:
        self._http = http.HttpClient(ca_file=options.ca_file, proxies=options.proxies, plain_http=options.plain_http)
        self._timeout = options.timeout
        self._lock = Lock()
        self._until: float | None = None
        self._received = 0
        self.close = self._http.close

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        limit: int = 0,
        repeatable: bool = True,
    ) -> RegistryAnswer:
        """The answer to a request; its body may have `limit` bytes, or 1 MiB if that is more.

        A request that is `repeatable` is tried again after a fault of the connection or the server, and any request
        after "too many requests". Raises SignerError `registry-unavailable`, and InputError `image-invalid` for a body
        that is too large.
        """
        host = urlsplit(url).netloc
        limit = max(limit, _MAX_OTHER)
        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            pause = _PAUSE * 2 ** (number - 1) * random.uniform(1, 1.5)  # noqa: S311
            seconds = min(self._timeout, self._left())
            if seconds <= 0:
                problem = f"all requests together took longer than {IN_ALL:g} s"
                raise _unavailable(host, problem, PUSHED_BY_ANYONE)
            try:
                answer = self._http.exchange(method, url, limit=limit, seconds=seconds, headers=headers, body=body)
            except http.TooLargeError:
                raise InputError(
                    "image-invalid", f"the answer is larger than {files.size(limit)}", where=host
                ) from None
            except http.HttpError as error:
                if last or not repeatable:
                    raise _unavailable(host, str(error)) from None
                problem = str(error)
            else:
                self._count(len(answer.body), host)
                if answer.status not in _BUSY:
                    return RegistryAnswer(url, answer)
                problem = f"HTTP status {answer.status}"
                asked = _asked_to_wait(answer.headers.get("Retry-After", "0"))
                if last or not (repeatable or answer.status == 429) or asked > _LONGEST_PAUSE:
                    wait = f"; it asks to wait {plural(round(asked), 'second')}" if asked else ""
                    raise _unavailable(host, f"{problem}{wait}", _LATER)
                pause = max(asked, pause)
            notices.info("%s: %s; trying again in %.1f s", host, problem, pause)
            time.sleep(max(0.0, min(pause, self._left())))
        raise AssertionError

    def _count(self, size: int, host: str) -> None:
        with self._lock:
            self._received += size
            if self._received > MAX_IN_ALL:
                problem = f"all its answers together are larger than {files.size(MAX_IN_ALL)}"
                raise _unavailable(host, problem, PUSHED_BY_ANYONE)

    def _left(self) -> float:
        """The seconds that are left for all requests together."""
        with self._lock:
            if self._until is None:
                self._until = monotonic() + IN_ALL
            return self._until - monotonic()


def _asked_to_wait(text: str) -> float:
    """The seconds that a Retry-After asks for (RFC 9110, section 10.2.3), or 0."""
    from urllib3 import Retry
    from urllib3.exceptions import InvalidHeader

    try:
        return Retry(0).parse_retry_after(text)
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _unavailable(host: str, problem: str, hint: str = _HINT) -> SignerError:
    return SignerError("registry-unavailable", f"the registry is not available: {problem}", where=host, hint=hint)
