"""The process that evaluates CEL expressions, as its caller sees it: start, ask, wait, end, restart.

Rule: a late or unexpected answer is not an answer, and the process ends with the decision that needs it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from attest._base.json import dumps
from attest._base.processes import Child
from attest.errors import InputError
from attest.policy import _cel_worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS_IN_ALL: Final = 60.0  # for all attestations of one decision
_MAX_ANSWER: Final = 1 << 18  # 32 outcomes with 200 characters each are far less

Answers = list[tuple[bool | None, str]]


def library() -> Any:
    """cel-expr-python, which the extra `attest-dsse[cel]` brings. Raises InputError `library-missing`."""
    try:
        from cel_expr_python import cel
    except ImportError:
        message = "the policy has CEL expressions, and cel-expr-python is not installed"
        raise InputError("library-missing", message, hint="Install it: pip install 'attest-dsse[cel]'.") from None
    return cel


class Evaluator:
    """A process for the CEL expressions of one decision, which starts when it is needed. A context manager."""

    def __init__(self, *, seconds: float = _cel_worker.SECONDS, in_all: float = SECONDS_IN_ALL) -> None:
        """`seconds` are for one attestation, `in_all` for all of the decision."""
        self._seconds = seconds
        self._left = in_all
        self._in_all = in_all
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, expressions: Sequence[str], data: Mapping[str, Any]) -> Answers | str:
        """The result of each expression over `data`: true, false, or the reason for neither; or why none was evaluated.

        The same object `data` as in the last call is not sent again, so it must not have changed.
        Raises InputError `library-missing`.
        """
        if self._left <= 0:
            return f"the time for the CEL expressions of one decision is used up: {self._in_all:g} s"
        began = time.monotonic()
        try:
            return self._ask(expressions, data, min(self._seconds, self._left))
        finally:
            self._left -= time.monotonic() - began

    def _ask(self, expressions: Sequence[str], data: Mapping[str, Any], seconds: float) -> Answers | str:
        deadline = time.monotonic() + seconds
        while True:
            is_new = self._worker is None
            try:
                if self._worker is None:
                    self._worker = _Worker()
                return self._worker.ask(expressions, data, deadline)
            except TimeoutError:
                self._end()
                return f"the CEL expressions were not evaluated within {seconds:.2g} s"
            except (OSError, ValueError, RecursionError):
                self._end()
                # A process with earlier requests may have crashed because of them, which says nothing about this one.
                if is_new:
                    return "the CEL expressions cannot be evaluated within their memory limit"
            except BaseException:
                self._end()  # a late answer would be read as the answer to the next request
                raise

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


class _Worker:
    """One running process, without the environment of the user, and the number of its last request."""

    def __init__(self) -> None:
        """Raises OSError if it cannot be started, and InputError `library-missing`."""
        packages = Path(library().__file__).resolve().parents[1]
        # The library cannot be interrupted and holds the lock of the interpreter, so it has its own process. Its
        # answers are JSON, read as strictly as any input, and not pickles.
        self._child = Child("-S", str(Path(_cel_worker.__file__).resolve()), str(packages), env={}, cwd="/")
        self._socket = self._child.socket
        self._number = 0
        self._data: Mapping[str, Any] | None = None

    def ask(self, expressions: Sequence[str], data: Mapping[str, Any], deadline: float) -> Answers:
        """Raises TimeoutError, OSError if it has crashed, and ValueError for an invalid answer."""
        self._number += 1
        request: dict[str, Any] = {"number": self._number, "expressions": list(expressions)}
        if data is not self._data:
            request["data"] = self._data = data
        self._socket.settimeout(_until(deadline))
        self._socket.sendall(dumps(request) + b"\n")
        return _read(self._line(deadline), self._number, len(expressions))

    def _line(self, deadline: float) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            self._socket.settimeout(_until(deadline))
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise ConnectionError("the process has ended")
            line += piece
            if len(line) > _MAX_ANSWER:
                raise ValueError("the answer is too long")
        return line

    def end(self) -> None:
        """End it now, whatever it does, and wait until it has ended."""
        self._child.end()


def _until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(line: bytes, number: int, expected: int) -> Answers:
    """Raises ValueError unless it is the answer with this number and with `expected` outcomes."""
    document = json.loads(line)
    if not isinstance(document, list) or len(document) != 2 or type(document[0]) is not int or document[0] != number:
        raise ValueError("the answer belongs to another request")
    answers = document[1]
    if not isinstance(answers, list) or len(answers) != expected:
        raise ValueError("expected as many outcomes as expressions")
    for one in answers:
        if not isinstance(one, list) or len(one) != 2 or not isinstance(one[1], str):
            raise ValueError("expected an outcome and a text")
        if one[0] is not None and not isinstance(one[0], bool):
            raise ValueError("an outcome is true, false or null")
    return [(outcome, text) for outcome, text in answers]
