"""`-v`: prints what the logger `attest` reports, such as reconnects, failovers, retries and ignored files.

Rule: without the option nothing is printed, and the library puts no secret into a log record.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attest.cli import _output

if TYPE_CHECKING:
    from attest.cli._output import OutputContext

_LOGGER = logging.getLogger("attest")


class _Printer(logging.Handler):
    """Prints a record as `attest: info: ...` or `attest: debug: ...`, and a more serious one as a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = "debug" if record.levelno < logging.INFO else "info" if record.levelno < logging.WARNING else "warning"
        _output.prose(kind, record.getMessage())


def listen(session: OutputContext, count: int) -> None:
    """Print the log until the run ends: for one `-v` what is worth knowing, for more everything.

    Each level of a command line may have the option: `attest -v trust show -v` is the same as `-vv`.
    """
    if session.verbosity == 0:
        handler, level = _Printer(), _LOGGER.level
        _LOGGER.addHandler(handler)
        session.at_end.callback(_LOGGER.setLevel, level)
        session.at_end.callback(_LOGGER.removeHandler, handler)
    session.verbosity += count
    _LOGGER.setLevel(logging.INFO if session.verbosity == 1 else logging.DEBUG)
