"""HTTP requests for registries, over urllib3: deadlines, limits, TLS, proxies, and second tries.

Rule: of a body no more is read than its limit and one byte, which tells that it is larger; no redirect is followed.
"""

from __future__ import annotations

import random
import time
from functools import partial
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from attest._base import files, notices
from attest._base.text import plural
from attest._base.threads import together
from attest.errors import InputError, SignerError
from attest.oci.reference import Reference

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager

IN_ALL: Final = 600.0  # seconds, for all requests of a client together
_TRIES: Final = 3
_PAUSE: Final = 0.25  # seconds before the second try; twice that before the third
_LONGEST_PAUSE: Final = 30.0  # that a registry can ask for
_CONNECTIONS: Final = 8  # that are kept to one host
_MAX_OTHER: Final = 64 << 10  # bytes that are read of an answer that is an error
_PIECE: Final = 1 << 16
_BUSY: Final = (429, 500, 502, 503, 504)


class Answer(NamedTuple):
    """The answer to a request for `url`. `data` is the body, without decompression."""

    url: str
    status: int
    headers: HTTPHeaderDict
    data: bytes

    @property
    def host(self) -> str:
        """The host that answered, for messages: a URL may have a secret in it."""
        return urlsplit(self.url).netloc

    @property
    def media_type(self) -> str | None:
        """The Content-Type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None


class _Fault(Exception):
    """The request failed before there was an answer; `again` is whether a second try may help."""

    def __init__(self, problem: str, *, again: bool = True, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.again, self.hint = problem, again, hint


class Client:
    """Sends requests, from several threads at once. Nothing is connected before the first.

    `proxies` has the URLs of proxies as `http` and `https`, and as `no` the hosts without one. With `ca_file` the
    certificates in it are trusted, and no others. Raises InputError `file-unreadable` or `ca-file-invalid` for it.
    """

    def __init__(self, *, timeout: float, ca_file: str | None = None, proxies: Mapping[str, str] | None = None) -> None:
        self._timeout = timeout
        self._proxies = dict(proxies or {})
        self._tls = _tls_context(ca_file)
        self._managers: dict[str | None, PoolManager] = {}
        self._lock = Lock()
        self._until: float | None = None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        limit: int = _MAX_OTHER,
        repeatable: bool = True,
    ) -> Answer:
        """The answer to a request; a success that is larger than `limit` bytes has `limit + 1` of them.

        A request that is `repeatable` is tried again after a fault of the connection or the server, and any request
        after "too many requests". Raises SignerError `registry-unavailable`, and InputError `image-invalid` for an
        answer that is compressed.
        """
        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            pause = _PAUSE * 2 ** (number - 1) * random.uniform(1, 1.5)  # noqa: S311
            try:
                answer = self._exchange(method, url, headers, body, limit)
            except _Fault as fault:
                if last or not (repeatable and fault.again):
                    raise _unavailable(url, fault.problem, fault.hint) from None
                problem = fault.problem
            else:
                if answer.status not in _BUSY:
                    return answer
                asked = _asked_to_wait(answer)
                if last or not (repeatable or answer.status == 429) or asked > _LONGEST_PAUSE:
                    raise _busy(answer, asked)
                problem, pause = f"HTTP status {answer.status}", max(asked, pause)
            notices.info("%s: %s; trying again in %.1f s", urlsplit(url).netloc, problem, pause)
            time.sleep(max(0.0, min(pause, self._left())))
        raise AssertionError

    def _left(self) -> float:
        """The seconds that are left for all requests together."""
        with self._lock:
            if self._until is None:
                self._until = monotonic() + IN_ALL
            return self._until - monotonic()

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int) -> Answer:
        left = self._left()
        seconds = min(self._timeout, left)
        if seconds <= 0:
            raise _Fault(f"all requests together took longer than {IN_ALL:g} s", again=False)
        # In a thread that can be abandoned: a timeout of urllib3 is for one read, and not for name resolution.
        act = partial(self._perform, method, url, headers, body, limit, monotonic() + seconds)
        outcome = together([act], enough=1, seconds=seconds)[0]
        if outcome.error is not None:
            raise outcome.error
        if outcome.result is None:
            raise _Fault(_late(seconds))
        return outcome.result

    def _perform(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int, until: float
    ) -> Answer:
        import urllib3
        from urllib3 import exceptions

        seconds = max(0.001, until - monotonic())
        try:
            response = self._manager(url).request(
                method,
                url,
                headers={"User-Agent": "attest", "Accept-Encoding": "identity", **headers},
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
            )
            try:
                data = _read(response, limit, until, urlsplit(url).netloc)
            finally:
                response.close()
        except exceptions.SSLError as error:
            raise _certificate_fault(error) from None
        except exceptions.ProxyError:
            raise _Fault("the proxy cannot be used", hint="Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.") from None
        except exceptions.NameResolutionError:
            raise _Fault("the name of the host is not known") from None
        except exceptions.TimeoutError:
            raise _Fault(_late(self._timeout)) from None
        except exceptions.NewConnectionError as error:
            cause = error.__cause__
            reason = files.reason(cause) if isinstance(cause, OSError) else "no connection"
            raise _Fault(f"it cannot be reached: {reason}") from None
        except (exceptions.LocationValueError, ValueError):
            raise _Fault("the URL or a header is not valid", again=False) from None
        except (exceptions.HTTPError, OSError) as error:
            raise _Fault(f"the connection broke ({type(error).__name__})") from None
        return Answer(url, response.status, response.headers, data)

    def _manager(self, url: str) -> PoolManager:
        import urllib3

        proxy = self._proxy(url)
        with self._lock:
            manager = self._managers.get(proxy)
            if manager is None:
                shared: dict[str, Any] = {"ssl_context": self._tls, "maxsize": _CONNECTIONS, "retries": False}
                if proxy is None:
                    manager = urllib3.PoolManager(**shared)
                else:
                    parts = urllib3.util.parse_url(proxy)
                    login = urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
                    manager = urllib3.ProxyManager(parts._replace(auth=None).url, proxy_headers=login, **shared)
                self._managers[proxy] = manager
            return manager

    def _proxy(self, url: str) -> str | None:
        """The proxy for a URL. There is none for this machine."""
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme)
        if not proxy or is_loopback(parts.netloc):
            return None
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        return None if proxy_bypass_environment(parts.netloc, {"no": self._proxies.get("no", "")}) else proxy


def proxies_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies that variables name, as `Client` takes them: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case."""
    names = {"https": "https_proxy", "http": "http_proxy", "no": "no_proxy"}
    found = {key: environ.get(name) or environ.get(name.upper(), "") for key, name in names.items()}
    return {key: value for key, value in found.items() if value}


def is_loopback(netloc: str) -> bool:
    """Whether HOST or HOST:PORT is this machine."""
    return Reference("registry", netloc.lower()).is_loopback


def _read(response: BaseHTTPResponse, limit: int, until: float, host: str) -> bytes:
    """The body: of a success all of it, of anything else as much as an error may have."""
    success = 200 <= response.status < 300
    encoding = response.headers.get("Content-Encoding", "identity")
    if success and encoding.lower() not in ("", "identity"):
        raise _invalid(host, f"the answer is compressed ({encoding[:20]!r}), and attest asked for it as it is")
    pieces, left = [], (limit if success else _MAX_OTHER) + 1
    while left > 0 and (piece := response.read1(min(left, _PIECE), decode_content=False)):
        pieces.append(piece)
        left -= len(piece)
        if monotonic() > until:
            raise _Fault("the answer took too long")
    return b"".join(pieces)


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    import ssl

    if ca_file is None:
        return ssl.create_default_context()
    data = files.read(ca_file)
    try:
        return ssl.create_default_context(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError):
        message = "expected certificates in PEM format"
    raise InputError("ca-file-invalid", message, where=ca_file)


def _asked_to_wait(answer: Answer) -> float:
    """The seconds of Retry-After (RFC 9110, section 10.2.3), or 0."""
    from urllib3 import Retry
    from urllib3.exceptions import InvalidHeader

    try:
        return Retry(0).parse_retry_after(answer.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _busy(answer: Answer, asked: float) -> SignerError:
    wait = f" and asks to wait {plural(round(asked), 'second')}" if asked else ""
    said = "has too many requests to answer" if answer.status == 429 else "has an error of its own"
    return _unavailable(answer.url, f"it {said} (HTTP status {answer.status}){wait}")


def _certificate_fault(error: Exception) -> _Fault:
    import ssl

    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = "Name the file with its CA: --ca-file FILE. It is trusted instead of those of the system."
        return _Fault(f"its certificate is not trusted: {cause.verify_message}", again=False, hint=hint)
    reason = getattr(cause, "reason", None) or type(cause).__name__
    return _Fault(f"TLS failed ({reason})", again=False, hint="If it has no TLS, --plain-http speaks to it without.")


def _late(seconds: float) -> str:
    return f"it did not answer within {seconds:g} s"


def _unavailable(url: str, problem: str, hint: str | None = None) -> SignerError:
    message = f"the registry is not available: {problem}"
    return SignerError(
        "registry-unavailable",
        message,
        where=urlsplit(url).netloc,
        hint=hint or "Try again later. Nothing was decided.",
    )


def _invalid(host: str, message: str) -> InputError:
    return InputError("image-invalid", message, where=host)
