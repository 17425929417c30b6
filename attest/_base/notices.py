"""Messages of the library while it works, to the standard logger `attest`: warnings, events (INFO) and details (DEBUG).

Rule: nothing here is a decision, and no secret is in it; without a handler for the logger nothing is printed.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from attest.errors import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from logging import Logger

LOGGER: Final = "attest"

_listeners: list[Callable[[str], object]] = []


def warn(text: str) -> None:
    """Report what the user should change: to the listener (the command line prints it), or else as a WARNING."""
    if _listeners:
        _listeners[-1](text)
        return
    log = _logger()
    if log is not None:
        log.warning("%s", redacted(text))


def info(text: str, *details: object) -> None:
    """Report what happened: a reconnect, a failover, an input that is ignored. `details` fill the `%s`."""
    log = _logger()
    if log is not None and log.isEnabledFor(20):  # logging.INFO
        log.info("%s", redacted(text % details))


def debug(text: str, *details: object) -> None:
    """Report how something was done, to find the cause of a problem; as `info`."""
    log = _logger()
    if log is not None and log.isEnabledFor(10):  # logging.DEBUG
        log.debug("%s", redacted(text % details))


@contextmanager
def heard_by(listener: Callable[[str], object]) -> Iterator[None]:
    """Warnings that are given in the block, in any thread, go to `listener`."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _logger() -> Logger | None:
    """The logger; None in a program that has never imported `logging`, and so cannot have a handler."""
    logging = sys.modules.get("logging")  # slow to import, and the command line has no use for it
    if logging is None:
        return None
    logger: Logger = logging.getLogger(LOGGER)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # or Python prints warnings on standard error
    return logger
