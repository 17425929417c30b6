"""The process that calls are made in: it is given one, answers it, and waits for the next.

Rule: it imports nothing before it is told where from, and ends with who started it.
"""

from __future__ import annotations

import gc
import signal
import sys
from importlib import import_module
from multiprocessing.connection import Connection


def main() -> None:
    """Answer calls `(function, arguments, named arguments)` with `(True, result)` or `(False, error)`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is interrupted too, and ends it
    asked = Connection(0)
    sys.path[:], module = asked.recv()
    import_module(module)
    # What is there for good would be looked through again with every full collection.
    gc.freeze()
    asked.send(None)
    while True:
        try:
            function, arguments, named = asked.recv()
        except EOFError:
            return
        try:
            answer = True, function(*arguments, **named)
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked
            answer = False, error
        asked.send(answer)


if __name__ == "__main__":
    main()
