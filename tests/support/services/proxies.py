"""A TCP proxy in front of a server of the tests, which loses, cuts, delays and spoils what it carries."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

Mode = Literal["well", "down", "cut", "slow", "silent", "garbage"]


class Proxy:
    """Carries each connection to `target`, HOST:PORT or a URL, in the way of the `mode` that is set when it acts.

    `down` closes what comes and what is open; `cut` closes in the middle of the first answer; `slow` waits for
    `delay` seconds before each piece of an answer; `silent` carries no answer; `garbage` answers with noise.
    """

    def __init__(self, target: str, *, delay: float = 0.05) -> None:
        parts = urlsplit(target if "//" in target else f"//{target}")
        assert parts.hostname is not None
        self._target = (parts.hostname, parts.port or 80)
        self._delay = delay
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{parts.scheme or 'http'}://{self.address}"
        self.mode: Mode = "well"
        self._open: set[socket.socket] = set()
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def be(self, mode: Mode) -> None:
        """Change the mode; connections that are open end, so that all notice."""
        self.mode = mode
        for one in list(self._open):
            _close(one)

    def close(self) -> None:
        """End it, and all connections."""
        self._over.set()
        _close(self._server)
        self.be("down")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.mode == "down":
                _close(client)
                continue
            try:
                server = socket.create_connection(self._target, timeout=30)
            except OSError:
                _close(client)
                continue
            self._open |= {client, server}
            for act in (self._ask, self._answer):
                threading.Thread(target=act, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
        self._end(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                match self.mode:
                    case "cut":
                        client.sendall(data[: len(data) // 2])
                        break
                    case "slow":
                        self._over.wait(self._delay)
                    case "silent":
                        self._over.wait(600)
                    case "garbage":
                        data = bytes(byte ^ 0x55 for byte in data)
                client.sendall(data)
        self._end(client, server)

    def _end(self, *both: socket.socket) -> None:
        for one in both:
            self._open.discard(one)
            _close(one)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
