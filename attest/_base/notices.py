"""What a library has to say to people while it works: to whoever listens, or else to the standard logger `attest`.

Rule: nothing here is a verdict, and no secret is in it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_listeners: list[Callable[[str], object]] = []


def warn(text: str) -> None:
    """Say something that should be mended. A program that configures no logging sees it on standard error."""
    if _listeners:
        _listeners[-1](text)
        return
    import logging  # slow to import, and the command line has no use for it

    logging.getLogger("attest").warning("%s", text)


@contextmanager
def heard_by(listener: Callable[[str], object]) -> Iterator[None]:
    """What is said in the block, in whatever thread, goes to `listener`."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
