"""Ports on loopback for programs that must be told theirs.

Rule: a port stays reserved as long as this process lives, so that no other program is given it in between.
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import Final

# A socket that is bound and does not listen keeps the system from giving the port to anybody, and refuses connections;
# with SO_REUSEADDR a program that names the port, and sets that too, as servers do, may listen at it all the same.
_KEPT: Final = ExitStack()
atexit.register(_KEPT.close)


def reserve() -> int:
    """A port for one program."""
    kept = _KEPT.enter_context(_bound(0))
    port: int = kept.getsockname()[1]
    return port


def reserve_two() -> int:
    """The first of two ports in a row."""
    while True:
        first = _bound(0)
        port: int = first.getsockname()[1]
        try:
            second = _bound(port + 1)
        except (OSError, OverflowError):
            first.close()
            continue
        _KEPT.enter_context(first)
        _KEPT.enter_context(second)
        return port


def _bound(port: int) -> socket:
    made = socket(AF_INET, SOCK_STREAM)
    try:
        made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        made.close()
        raise
    return made
