"""What libraries print by themselves, such as PKCS#11 modules that look for a device which is not there.

Rule: it is never lost without a way to see it: -v shows it, and what attest prints is shown in any case.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.cli._output import OutputContext


@contextmanager
def libraries(session: OutputContext) -> Iterator[None]:
    """Discard what others than attest write to standard error, unless there was a -v."""
    if session.verbosity:
        yield
        return
    ours = sys.stderr
    try:
        kept = os.dup(2)
    except OSError:  # standard error was closed when the program began
        yield
        return
    try:
        with suppress(OSError, ValueError, AttributeError):  # not a stream of the system, as in tests
            if ours.fileno() == 2:
                ours.flush()
                sys.stderr = open(os.dup(kept), "w", encoding=ours.encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        if sys.stderr is not ours:
            sys.stderr.close()
            sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
