"""One HTTP exchange over urllib3, and what is followed when the answer is a redirect.

Rule: an exchange ends within its deadline and its limit whatever the server does, and plain http is for this machine.
"""

from __future__ import annotations

import re
import ssl
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from attest._base import files
from attest._base.threads import together
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager

MAX_REDIRECTS: Final = 5

# By the text alone: what takes a URL apart in another way than the library that uses it could be led astray.
_ENCRYPTED: Final = re.compile(r"https://[^\s\\]+", re.ASCII | re.IGNORECASE)
_LOOPBACK: Final = re.compile(
    r"http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?(?:/[^\s\\]*)?", re.ASCII | re.IGNORECASE
)
_LOCAL_HOST: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1", re.ASCII | re.IGNORECASE)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEPT: Final = 16  # connections to a server: with fewer than threads, each request beyond them makes a new one
_PIECE: Final = 1 << 16
_MAX_ERROR: Final = 1 << 16  # bytes that are read of the body of an error


class HttpError(Exception):
    """Why there is no answer. The text continues a sentence ("the registry cannot be asked: ..."), without secrets.

    `again` is whether a second try may help; `hint` says what else to do, if that is known.
    """

    def __init__(self, message: str, *, again: bool = False, hint: str | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.hint = hint


class TooLargeError(HttpError):
    """The body of the answer is over its limit."""


class LateError(HttpError):
    """The answer did not come, or did not end, in time."""


class TlsError(HttpError):
    """The certificate of the server is not valid, or there is no TLS connection for another reason."""


class CertificateError(TlsError):
    """The certificate of the server is not valid."""


class HttpAnswer(NamedTuple):
    """What a server answered to one request. The body is not decompressed; that of an error may lack its end."""

    status: int
    headers: HTTPHeaderDict
    body: bytes


class HttpClient:
    """Connections to servers, which may be used from several threads. Nothing is connected before the first request.

    `ca_file` (PEM) takes the place of the system's CAs; `context`, of all settings for TLS. `server_name` is the name
    that a certificate must have, if that is not the host of the URL. `proxies` is as `urllib.request.getproxies`
    returns it; this machine is never asked through one. `plain_http` allows http to other machines.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
        proxies: Mapping[str, str] | None = None,
        plain_http: bool = False,
    ) -> None:
        self._ca_file = ca_file
        self._given_context = context
        self._settings: dict[str, Any] = {"maxsize": _KEPT}
        if server_name is not None:
            self._settings["server_hostname"] = server_name
        self._proxies = dict(proxies or {})
        self._plain_http = plain_http
        self._pools: dict[str, PoolManager] = {}
        self._lock = Lock()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        limit: int,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """The answer to one request, whatever its status; a redirect is not followed.

        Raises HttpError, and TooLargeError if the body has more than `limit` bytes. Raises InputError
        `file-unreadable` or `ca-file-invalid` for `ca_file`.
        """
        return self._exchange(method, url, headers, body, limit, _Deadline(seconds))

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        limit: int,
        deadline: _Deadline,
    ) -> HttpAnswer:
        pool = self._pool(*demand_url(url, plain_http=self._plain_http))

        # In a thread that can be abandoned: a timeout of a socket is for one read, and not for name resolution.
        def act() -> HttpAnswer:
            return _exchange(pool, method, url, dict(headers or {}), body, limit, deadline)

        [outcome] = together([act], enough=1, seconds=deadline.left())
        if outcome.error is not None:
            raise outcome.error
        if outcome.result is None:
            raise deadline.error()
        return outcome.result

    def get(self, url: str, *, limit: int, seconds: float, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer to a GET, after at most MAX_REDIRECTS redirects; `headers` must contain no credentials.

        Errors as `exchange`.
        """
        deadline = _Deadline(seconds)
        for _ in range(MAX_REDIRECTS + 1):
            if deadline.left() <= 0:
                raise deadline.error()
            answer = self._exchange("GET", url, headers, None, limit, deadline)
            target = redirect(url, answer)
            if target is None:
                return answer
            url = target
        raise HttpError(f"there are more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close the connections."""
        for pool in list(self._pools.values()):  # a thread that is still at work may add one
            pool.clear()

    def _pool(self, scheme: str, host: str) -> PoolManager:
        import urllib3

        proxy = None if _LOCAL_HOST.fullmatch(host) else _proxy_for(scheme, host, self._proxies)
        key = proxy or scheme
        with self._lock:  # one pool, or connections would not be shared
            if key not in self._pools:
                # To load the CAs of the system takes long, and plain http needs none.
                settings = {"ssl_context": None if key == "http" else self._context(), **self._settings}
                self._pools[key] = urllib3.PoolManager(**settings) if proxy is None else _through(proxy, settings)
            return self._pools[key]

    def _context(self) -> ssl.SSLContext:
        if self._given_context is not None:
            return self._given_context
        if self._ca_file is None:
            return ssl.create_default_context()
        data = files.read(self._ca_file)
        # Without any data, Python would trust the CAs of the system instead.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=data.decode("ascii"))
        except (ssl.SSLError, ValueError):
            message = "expected certificates in PEM format"
            raise InputError("ca-file-invalid", message, where=self._ca_file) from None
        return context


def demand_url(url: str, *, plain_http: bool = False) -> tuple[str, str]:
    """The scheme and host of a URL that may be asked. Raises HttpError for another one."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise HttpError("the address is not a URL") from None
    if not host or not url.isascii() or not url.isprintable() or re.search(r"[\s\\#]", url) or "@" in parts.netloc:
        raise HttpError("the address is not a URL of a server, or has a user name, a password or a fragment")
    if is_encrypted(url) or is_loopback(url) or (plain_http and parts.scheme == "http"):
        return parts.scheme, host
    raise HttpError("only https: is allowed, and http: to this machine")


def is_encrypted(url: str) -> bool:
    """Whether it is an https: URL."""
    return _ENCRYPTED.fullmatch(url) is not None


def is_loopback(url: str) -> bool:
    """Whether it is an http: URL of this machine, which is asked without TLS and without a proxy."""
    return _LOOPBACK.fullmatch(url) is not None


def is_this_machine(url: str) -> bool:
    """Whether the host of a URL is this machine, with TLS or without."""
    return is_loopback(f"http:{url.partition(':')[2]}")


def redirect(url: str, answer: HttpAnswer) -> str | None:
    """Where an answer from `url` redirects to, or None. Raises HttpError if it leads from https to http."""
    location = answer.headers.get("Location")
    if answer.status not in _REDIRECTS or location is None:
        return None
    try:
        target = urljoin(url, location)
    except ValueError:
        raise HttpError("it redirects to an address that is not a URL") from None
    if is_encrypted(url) and not is_encrypted(target):
        raise HttpError("it redirects from https to another scheme")
    return target


def _proxy_for(scheme: str, host: str, proxies: Mapping[str, str]) -> str | None:
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed does not have it

    proxy = proxies.get(scheme) or proxies.get("all")
    return None if proxy is None or proxy_bypass_environment(host, dict(proxies)) else proxy


def _through(proxy: str, settings: Mapping[str, Any]) -> PoolManager:
    import urllib3

    try:
        parts = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
        address = parts._replace(auth=None).url
        return urllib3.ProxyManager(address, proxy_headers=headers, **settings)
    except (urllib3.exceptions.HTTPError, ValueError):
        raise HttpError("the proxy in the environment is not an http: or https: URL") from None


def _exchange(
    pool: PoolManager,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    limit: int,
    deadline: _Deadline,
) -> HttpAnswer:
    import urllib3

    # No decompression: what is hashed is what was sent, and a small answer stays small.
    headers = {"User-Agent": "attest", "Accept-Encoding": "identity", **headers}
    try:
        response = pool.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(total=max(deadline.left(), 0.001)),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            data = _body(response, limit, deadline)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return HttpAnswer(response.status, response.headers, data)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _error(error, deadline) from None


def _body(response: BaseHTTPResponse, limit: int, deadline: _Deadline) -> bytes:
    success = 200 <= response.status < 300
    if success and response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise HttpError("its answer is compressed, and attest does not accept that")
    most = limit if success else min(limit, _MAX_ERROR)
    data = bytearray()
    while len(data) <= most and (piece := response.read1(min(_PIECE, most + 1 - len(data)), decode_content=False)):
        data += piece
        if deadline.left() < 0:
            raise LateError("its answer did not end in time", again=True)
    if success and len(data) > limit:
        raise TooLargeError(f"its answer is larger than {files.size(limit)}")
    return bytes(data)


def _error(error: Exception, deadline: _Deadline) -> HttpError:
    """What happened, without the names of classes, and without what a server may have put into an error."""
    from urllib3 import exceptions

    seen: Any = error
    for _ in range(5):  # urllib3 wraps an error in others
        if isinstance(seen, ssl.SSLCertVerificationError):
            hint = "Name the file with its CA: --registry-ca-file FILE. It is trusted instead of those of the system."
            return CertificateError(f"its certificate is not valid: {seen.verify_message}", hint=hint)
        if isinstance(seen, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return HttpError("the TLS connection ended too early", again=True)
        if isinstance(seen, ssl.SSLError):
            why = (seen.reason or "unknown reason").lower().replace("_", " ")
            return TlsError(f"no TLS connection: {why}", hint="Check the port: what listens there may not speak TLS.")
        if isinstance(seen, exceptions.NameResolutionError):
            return HttpError("its name cannot be resolved", again=True)
        if isinstance(seen, exceptions.ProxyError):
            return HttpError("the proxy cannot be used", hint="Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", again=True)
        if isinstance(seen, OSError) and seen.strerror:
            return HttpError(f"it cannot be reached: {files.reason(seen)}", again=True)
        inner = next((one for one in getattr(seen, "args", ()) if isinstance(one, BaseException)), None)
        seen = inner or getattr(seen, "__cause__", None)
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return deadline.error()
    if isinstance(error, exceptions.LocationValueError):
        return HttpError("the address is not a URL")
    return HttpError(f"its answer is not HTTP, or ended too early ({type(error).__name__})", again=True)


class _Deadline:
    """When an exchange must have ended, its redirects included."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left."""
        return self.until - monotonic()

    def error(self) -> LateError:
        """What to raise when none are left: it names all seconds that there were."""
        return LateError(f"it did not answer within {self.seconds:.3g} s", again=True)
