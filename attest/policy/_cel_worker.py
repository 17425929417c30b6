"""The process that CEL expressions are evaluated in: it can be ended, and may use only so much memory.

Rule: it imports nothing of attest, reads one request, answers it and ends.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from typing import Any

# Without limits of its own a comprehension can build strings until the machine has no memory left.
_MEMORY = 1 << 30


def main() -> None:
    """Answer `{"expressions": [...], "data": {...}}` with `[[outcome, text], ...]`: true, false or why neither."""
    sys.path.append(sys.argv[1])
    from cel_expr_python import cel

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    request = json.load(sys.stdin.buffer)
    data = request["data"]
    data["now"] = datetime.fromisoformat(data["now"])
    environment = new_environment(cel)
    answers = [_answer(environment, expression, data) for expression in request["expressions"]]
    sys.stdout.write(json.dumps(answers))


def new_environment(cel: Any) -> Any:
    """What expressions may name, by their types."""
    kinds = cel.Type
    variables = {
        "predicate": kinds.DYN,
        "predicateType": kinds.STRING,
        "subjects": kinds.List(kinds.DYN),
        "artifacts": kinds.List(kinds.DYN),
        "params": kinds.Map(kinds.STRING, kinds.STRING),
        "now": kinds.TIMESTAMP,
    }
    return cel.NewEnv(variables=variables)


def _answer(environment: Any, expression: str, data: dict[str, Any]) -> list[Any]:
    try:
        value = environment.compile(expression).eval(data=data)
        kind, outcome = value.type().name(), value.plain_value()
    except Exception as error:  # noqa: BLE001  # the library has no exceptions of its own
        return [None, str(error).splitlines()[0][:200]]
    if kind == "BOOL":
        return [bool(outcome), ""]
    return [None, str(outcome)[:200] if kind == "ERROR" else f"this is {kind.lower()}, neither true nor false"]


if __name__ == "__main__":
    main()
