"""The HTTP client against servers on loopback that do what they should not."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from attest._base.http import HttpClient, HttpError, TooLargeError, is_encrypted, is_loopback
from attest.errors import InputError
from tests.support.services.servers import Request, Response, absent, responding, silent, trickling
from tests.support.services.tls import old_company_server, tls_server
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def get(url: str, *, limit: int = 1000, seconds: float = 10.0, **options: object) -> bytes:
    client = HttpClient(**options)  # type: ignore[arg-type]
    try:
        return client.get(url, limit=limit, seconds=seconds).body
    finally:
        client.close()


@contextmanager
def saying(*pieces: bytes, again: int = 1) -> Iterator[str]:
    """The URL of a server that answers every connection with these bytes, and the last of them `again` times."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        for piece in [*pieces, *[pieces[-1]] * (again - 1)]:
                            connection.sendall(piece)
                    except OSError:
                        continue

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_an_answer_has_status_headers_and_body_whatever_its_status() -> None:
    asked: list[Request] = []

    def respond(request: Request) -> Response:
        asked.append(request)
        return Response(404, {"X-Why": "gone"}, b"not here")

    with responding(respond) as url:
        client = HttpClient()
        answer = client.exchange(
            "PUT", f"{url}/a?b=c", headers={"Authorization": "Basic eA=="}, body=b"data", limit=8, seconds=10
        )
        client.close()
    assert (answer.status, answer.headers["x-why"], answer.body) == (404, "gone", b"not here")
    [request] = asked
    assert (request.method, request.path, request.body) == ("PUT", "/a?b=c", b"data")
    assert request.headers["Authorization"] == "Basic eA=="
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"] == "attest"


def test_a_body_over_the_limit_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        for _ in range(100_000):
            sent.append(1)
            yield bytes(1 << 16)

    with responding(lambda _: Response(body=b"x" * 1001)) as url:
        with pytest.raises(TooLargeError, match="larger than 1,000 bytes"):
            get(url)
        assert len(get(url, limit=1001)) == 1001
    with responding(lambda _: Response(body=endless())) as url, pytest.raises(TooLargeError):
        get(url, limit=1 << 20)
    assert len(sent) < 1000


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"1" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (b"\0" * 65536,),
    ],
)
def test_garbage_costs_little_and_is_an_error(pieces: tuple[bytes, ...]) -> None:
    with saying(*pieces, again=5000) as url, pytest.raises(HttpError, match="not HTTP, or ended too early"):
        get(url)


def test_an_answer_that_ends_too_early_is_an_error() -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") as url, pytest.raises(HttpError, match="ended"):
        get(url)


def test_a_compressed_answer_is_refused() -> None:
    with (
        responding(lambda _: Response(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b")) as url,
        pytest.raises(HttpError, match="compressed"),
    ):
        get(url)


def test_the_deadline_is_for_the_whole_exchange() -> None:
    for server in (silent, trickling):
        too_late = pytest.raises(HttpError, match=r"did not (answer within 0\.3 s|end in time)")
        with server() as url, without_waiting(), too_late:
            get(url, limit=1 << 20, seconds=0.3)
    with pytest.raises(HttpError, match="it cannot be reached: connection refused"):
        get(absent())


def test_redirects_are_followed_a_few_times() -> None:
    def respond(request: Request) -> Response:
        number = int(request.path.strip("/"))
        return Response(302, {"Location": f"/{number - 1}"}) if number else Response(body=b"there")

    with responding(respond) as url:
        assert get(f"{url}/5") == b"there"
        with pytest.raises(HttpError, match="more than 5 redirects"):
            get(f"{url}/6")


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/",
        "http://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "http://[",
        "http://a@127.0.0.1/",
    ],
)
def test_a_redirect_leads_nowhere_that_may_not_be_asked(location: str) -> None:
    with responding(lambda _: Response(302, {"Location": location})) as url, pytest.raises(HttpError):
        get(url)


def test_https_is_never_redirected_to_http(tmp_path: Path) -> None:
    context, ca = tls_server(tmp_path)
    with (
        responding(lambda _: Response(body=b"clear")) as clear,
        responding(lambda _: Response(301, {"Location": clear}), tls=context) as url,
        pytest.raises(HttpError, match="redirects from https"),
    ):
        get(url, ca_file=ca)


def test_the_certificate_is_checked(tmp_path: Path) -> None:
    context, ca = tls_server(tmp_path)
    with responding(lambda _: Response(body=b"secret"), tls=context) as url:
        assert get(url, ca_file=ca) == b"secret"
        assert get(url.replace("127.0.0.1", "localhost"), ca_file=ca) == b"secret"
        with pytest.raises(HttpError, match=r"its certificate is not valid: self.signed certificate"):
            get(url)
        with pytest.raises(HttpError, match=r"its certificate is not valid: .*mismatch"):
            get(url.replace("127.0.0.1", "127.1"), ca_file=ca)
    contents = {"empty.pem": b"", "blank.pem": b"\n \n", "other.pem": b"ca", "binary.pem": b"\xff"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name, code in {**dict.fromkeys(contents, "ca-file-invalid"), "none.pem": "file-unreadable"}.items():
        with refused(InputError, code, str(tmp_path / name)):
            get(url, ca_file=str(tmp_path / name))


def test_a_certificate_without_the_extensions_of_rfc_5280_is_trusted_by_file_and_else_as_python_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.13 and later demand them below the CAs of the system. The hint says what goes on working."""
    context, ca = old_company_server(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    with responding(lambda _: Response(body=b"answer"), tls=context) as url:
        assert get(url, ca_file=ca) == b"answer"
        if ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT:
            with pytest.raises(HttpError, match="its certificate is not valid: Missing Authority Key Identifier") as no:
                get(url)
            assert no.value.hint is not None
            assert "--registry-ca-file" in no.value.hint
        else:
            assert get(url) == b"answer"


def test_a_proxy_is_asked_for_other_machines_only_and_gets_its_own_password() -> None:
    asked: list[Request] = []

    def respond(request: Request) -> Response:
        asked.append(request)
        return Response(body=b"by the proxy")

    with responding(respond) as proxy, responding(lambda _: Response(body=b"itself")) as url:
        proxies = {"http": proxy.replace("//", "//me:pass@"), "no": "127.1"}
        assert get(url, proxies=proxies) == b"itself"
        assert get("http://example.com/x", proxies=proxies, plain_http=True) == b"by the proxy"
        assert get(url.replace("127.0.0.1", "127.1"), proxies=proxies, plain_http=True) == b"itself"
        with pytest.raises(HttpError) as caught:
            get("http://example.com/", proxies={"http": "socks5://me:pass@127.0.0.1:1"}, plain_http=True)
        assert "pass" not in str(caught.value)
    [request] = asked
    assert request.path == "http://example.com/x"
    assert request.headers["Proxy-Authorization"] == "Basic bWU6cGFzcw=="


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://localhost:80@example.com/",
        "https://me:pass@example.com/",
        "https://exa mple.com/",
        "https://example.com\\@localhost/",
        "https://example.com/\n",
        "https://ex\u00e4mple.com/",
        "https://",
        "https://example.com:port/",
        "https://example.com/#part",
        "ftp://example.com/",
        "/etc/passwd",
    ],
)
def test_what_may_not_be_asked_is_not(url: str) -> None:
    with pytest.raises(HttpError):
        get(url)


def test_what_is_this_machine_and_what_is_encrypted() -> None:
    assert all(map(is_loopback, ["http://localhost", "http://127.1.2.3:80/a", "HTTP://[::1]:5000"]))
    assert not any(map(is_loopback, ["https://localhost", "http://localhost.example.com", "http://10.0.0.1"]))
    assert is_encrypted("HTTPS://example.com")
    assert not is_encrypted("http://example.com/https://")
