"""The process in which CEL expressions are evaluated: it can be ended, and its memory is limited.

Rule: it imports nothing of attest, answers each request with a line, and ends with its caller or after too long.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 5  # for all expressions of one attestation
# Without limits of its own a comprehension can build strings until the machine has no memory left.
_MEMORY = 1 << 30
_COMPILED = 64  # a requirement has 32


def main() -> None:
    """Answer lines `{"number": N, "expressions": [...], "data": {...}}` with `[N, [[outcome, text], ...]]`.

    A line without `data` is about those of the line before it. An outcome is true, false, or null if it is neither,
    and then the text says why.
    """
    sys.path.append(sys.argv[1])
    import resource  # not every system has it, and only this process needs it

    from cel_expr_python import cel

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    environment = new_environment(cel)
    compiled = lru_cache(maxsize=_COMPILED)(environment.compile)
    activation = None
    asked = socket.socket(fileno=0)
    for line in asked.makefile("rb"):
        # The caller ends this process in time; if the caller has ended, the system does.
        signal.alarm(SECONDS + 1)
        request = json.loads(line)
        if "data" in request:
            request["data"]["now"] = datetime.fromisoformat(request["data"]["now"])
            activation = environment.Activation(request["data"])
        answers = [_answer(compiled, expression, activation) for expression in request["expressions"]]
        asked.sendall(json.dumps([request["number"], answers]).encode() + b"\n")
        signal.alarm(0)


def new_environment(cel: Any) -> Any:
    """The variables of expressions, with their types."""
    kinds = cel.Type
    variables = {
        "predicate": kinds.DYN,
        "predicateType": kinds.STRING,
        "subjects": kinds.List(kinds.DYN),
        "attestations": kinds.List(kinds.DYN),
        "artifacts": kinds.List(kinds.DYN),
        "params": kinds.Map(kinds.STRING, kinds.STRING),
        "now": kinds.TIMESTAMP,
    }
    return cel.NewEnv(variables=variables)


def _answer(compiled: Callable[[str], Any], expression: str, activation: Any) -> list[Any]:
    try:
        value = compiled(expression).eval(activation=activation)
        kind, outcome = value.type().name(), value.plain_value()
    except MemoryError:
        raise  # a process without memory cannot answer any more
    except Exception as error:  # noqa: BLE001  # the library has no exceptions of its own
        return [None, str(error).splitlines()[0][:200]]
    if kind == "BOOL":
        return [bool(outcome), ""]
    return [None, str(outcome)[:200] if kind == "ERROR" else f"expected bool, found {kind.lower()}"]


if __name__ == "__main__":
    main()
