"""CEL expressions over one attestation, through cel-expr-python (the extra `attest[cel]`).

Rule: an expression that can't be evaluated, or not in time, is not true; without the library there is no policy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attest._codec import dumps
from attest.errors import InputError
from attest.policy import _cel_worker
from attest.policy._shapes import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest.policy._shapes import Context, Evidence

# Besides these the library ends an evaluation after 10,000 iterations of all comprehensions together, and refuses an
# expression that is nested more than 32 deep.
SECONDS: Final = 5.0
_MAX_DOCUMENT: Final = 4 << 20


def demand_condition(text: str, where: str) -> None:
    """Raises InputError `policy-invalid` for what isn't CEL or no condition, and `library-missing`."""
    environment = _cel_worker.new_environment(_library())
    try:
        kind = environment.compile(text).return_type().name()
    except Exception as error:  # noqa: BLE001  # the library has no exceptions of its own
        reason = str(error).removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ").splitlines()[0][:200]
        raise InputError("policy-invalid", f"this is not a CEL expression: {reason}", where=where) from None
    if kind not in ("BOOL", "DYN"):
        message = f"this CEL expression is of type {kind.lower()}, and must be true or false"
        raise InputError("policy-invalid", message, where=where)


def untrue(
    expressions: Sequence[str], evidence: Evidence, context: Context, parameters: Mapping[str, str]
) -> Iterator[Failure]:
    """What speaks against all of `expressions` being true of an attestation."""
    if len(evidence.statement.raw) > _MAX_DOCUMENT:
        yield Failure("cel-failed", "the statement is larger than 4 MiB, too large for CEL", "/", "Use `schema`.")
        return
    artifact = context.artifact
    data = {
        "predicate": evidence.predicate,
        "predicateType": evidence.statement.predicate_type,
        "subjects": evidence.subjects,
        "artifacts": [] if artifact is None else [{"name": artifact.name, "digest": dict(artifact.digests)}],
        "params": dict(parameters),
        "now": context.now.isoformat(),
    }
    answers = _evaluate(dumps({"expressions": list(expressions), "data": data}))
    if isinstance(answers, str):
        yield Failure("cel-failed", answers, "/predicate", "Make the expressions simpler.")
        return
    for text, (outcome, reason) in zip(expressions, answers, strict=True):
        if outcome is False:
            hint = "Have an attestation made of which this is true."
            yield Failure("cel-false", f"this is not true: {text}", "/predicate", hint)
        elif outcome is not True:
            hint = "`has(predicate.x)` asks whether a field is there."
            yield Failure("cel-failed", f"{text}: {reason}", "/predicate", hint)


def _evaluate(request: bytes) -> list[tuple[bool | None, str]] | str:
    """What the expressions come to, or why that can't be told."""
    folder = Path(_library().__file__).parents[1]
    command = [sys.executable, "-I", "-S", _cel_worker.__file__, str(folder)]
    try:
        # The library can't be interrupted and holds the interpreter's lock, so that it has a process to itself.
        ran = subprocess.run(command, input=request, capture_output=True, timeout=SECONDS, env={}, check=False)  # noqa: S603
        if ran.returncode == 0:
            answers: list[tuple[bool | None, str]] = json.loads(ran.stdout)
            return answers
    except subprocess.TimeoutExpired:
        return f"the CEL expressions were not evaluated after {SECONDS:g} seconds"
    except (OSError, ValueError):
        pass
    return "the CEL expressions can't be evaluated within the memory that they may use"


def _library() -> Any:
    try:
        from cel_expr_python import cel
    except ImportError:
        message = "the policy has CEL expressions, and cel-expr-python is not installed"
        raise InputError("library-missing", message, hint="Install attest[cel].") from None
    return cel
