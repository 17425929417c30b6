"""Servers on loopback that answer as a test says, or not at all, for what a real one can't be brought to do."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.services.ports import reserve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from email.message import Message
    from ssl import SSLContext

    # From a request's path, headers and body to the status and the body of the answer.
    Answer = Callable[[str, Message, bytes], tuple[int, bytes]]


class Request(NamedTuple):
    """What a client asks; `path` has the query too."""

    method: str
    path: str
    headers: Message
    body: bytes


class Response(NamedTuple):
    """What it is told. A body in pieces has no Content-Length, and ends when the connection does."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[bytes] = b""


@contextmanager
def responding(respond: Callable[[Request], Response], *, tls: SSLContext | None = None) -> Iterator[str]:
    """The URL of a server that answers every request as `respond` says, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, headers, data = respond(Request(self.command, self.path, self.headers, body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not isinstance(data, bytes):
                self.close_connection = True
            elif "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                for piece in [data] if isinstance(data, bytes) else data:
                    self.wfile.write(piece)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # one more than wait, and the system lets it come again a second later

        def handle_error(self, *_: Any) -> None:
            pass  # a client that went away in the middle is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    server.block_on_close = False  # a connection that the client keeps has a thread that waits
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _serving(server) as url:
        yield url.replace("http:", "https:") if tls else url


@contextmanager
def answering(answer: Answer, *, headers: Mapping[str, str]) -> Iterator[str]:
    """The URL of a server that answers every request as `answer` says, with these headers, while the block runs."""

    def respond(asked: Request) -> Response:
        status, body = answer(asked.path, asked.headers, asked.body)
        return Response(status, headers, body)

    with responding(respond) as url:
        yield url


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def trickling() -> Iterator[str]:
    """The URL of a server that begins to answer, and goes on with a byte at a time and no end."""
    over = Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            while not over.wait(0.02):
                self.wfile.write(b" ")

    class Server(ThreadingTCPServer):
        def handle_error(self, *_: Any) -> None:
            pass

    with _serving(Server(("127.0.0.1", 0), Handler)) as url:
        try:
            yield url
        finally:
            over.set()


@cache
def absent() -> str:
    """A URL that nothing listens at."""
    return f"http://127.0.0.1:{reserve()}"


@contextmanager
def _serving(server: TCPServer) -> Iterator[str]:
    """The URL of a server that answers in a thread meanwhile."""
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
