"""CEL expressions over one attestation, through cel-expr-python (the extra `attest-dsse[cel]`).

Rule: an expression that cannot be evaluated, or not in time, is not true; without the library there is no policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.errors import InputError
from attest.policy import _cel_worker
from attest.policy._cel_process import library
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest.policy._cel_process import Evaluator
    from attest.policy._shapes import Context, VerifiedAttestation

# Besides these the library ends an evaluation after 10,000 iterations of all comprehensions together, and refuses an
# expression that is nested more than 32 deep.
_MAX_DOCUMENT: Final = 4 << 20


def demand_condition(text: str, where: str) -> None:
    """Raises InputError `policy-invalid` for a text that is not a CEL condition, and `library-missing`."""
    environment = _cel_worker.new_environment(library())
    try:
        kind = environment.compile(text).return_type().name()
    except Exception as error:  # noqa: BLE001  # the library has no exceptions of its own
        reason = str(error).removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ").splitlines()[0][:200]
        raise InputError("policy-invalid", f"the text is not a CEL expression: {reason}", where=where) from None
    if kind not in ("BOOL", "DYN"):
        message = f"expected a CEL expression of type bool, found {kind.lower()}"
        raise InputError("policy-invalid", message, where=where)


def untrue(
    expressions: Sequence[str],
    evidence: VerifiedAttestation,
    context: Context,
    parameters: Mapping[str, str],
    evaluator: Evaluator,
) -> Iterator[Failure]:
    """The failures of those `expressions` that are not true for an attestation."""
    if len(evidence.statement.raw) > _MAX_DOCUMENT:
        hint = "Use `schema` in the policy, which has no such limit."
        yield Failure("cel-failed", "the statement is larger than 4 MiB, which is too large for CEL", "/", hint)
        return
    # The library ends a text, and a name, at its first NUL: it reads "good\0evil" as "good".
    if b"\\u0000" in evidence.statement.raw:
        hint = "Create it without this character, or use `schema` in the policy."
        yield Failure("cel-failed", "the statement has a NUL character, which CEL cannot process", "/", hint)
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
    answers = evaluator.ask(expressions, data)
    if isinstance(answers, str):
        hint = "Simplify the expressions, use `schema` instead, or give fewer attestations at once."
        yield Failure("cel-failed", answers, "/predicate", hint)
        return
    for text, (outcome, reason) in zip(expressions, answers, strict=True):
        if outcome is False:
            used = [f"params.{name} is {value!r}" for name, value in parameters.items() if f"params.{name}" in text]
            hint = f"Give an attestation for which the expression is true{'; ' if used else ''}{', '.join(used)}."
            yield Failure("cel-false", f"the expression is false: {text}", "/predicate", hint)
        elif outcome is not True:
            hint = "Give an attestation with the fields that the expression uses, or test them: `has(predicate.x)`."
            yield Failure("cel-failed", f"{text}: {reason}", "/predicate", hint)
