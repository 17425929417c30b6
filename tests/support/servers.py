"""Servers on loopback that answer as a test says, or not at all, for what a real one can't be brought to do."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

    # From a request's path, headers and body to the status and the body of the answer.
    Answer = Callable[[str, Message, bytes], tuple[int, bytes]]


@contextmanager
def answering(answer: Answer, *, headers: Mapping[str, str]) -> Iterator[str]:
    """The URL of a server that answers every request as `answer` says, with these headers, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, data = answer(self.path, self.headers, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass  # a client that went away in the middle is what some tests are about

    with _serving(Server(("127.0.0.1", 0), Handler)) as url:
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


def absent() -> str:
    """A URL that nothing listens at."""
    with create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


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
