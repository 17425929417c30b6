"""The process that calls are made in: it is given them one after the other, and answers each.

Rule: it imports nothing before it has the paths to import from, and ends with the process that started it.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread


def main() -> None:
    """Answer calls `(function, arguments, named arguments)` with `(True, result)` or `(False, error)`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is interrupted too, and ends it
    asked = Connection(0)
    sys.path[:], module = asked.recv()
    import_module(module)
    # What is there for good would be looked through again with every full collection.
    gc.freeze()
    asked.send(None)
    calls: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(asked, calls), daemon=True).start()
    while True:
        function, arguments, named = pickle.loads(calls.get())  # noqa: S301  # from who started it
        try:
            answer = True, function(*arguments, **named)
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked
            answer = False, error
        asked.send(answer)


def _listen(asked: Connection, calls: SimpleQueue[bytes]) -> None:
    """Take each call when it comes, also while one is made or answered: who asks would wait for that otherwise."""
    while True:
        try:
            calls.put(asked.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)  # nobody is left to answer, whatever is being done


if __name__ == "__main__":
    main()
