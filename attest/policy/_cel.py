"""CEL expressions over one attestation and those beside it, through cel-expr-python (the extra `attest-dsse[cel]`).

Rule: an expression that cannot be evaluated, or not in time, is not true; without the library there is no policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
_MAX_TOGETHER: Final = 16 << 20
# What differs between the attestations of one artifact. For the library, reading a list takes longer than anything
# else, so it reads the list of all once, and each attestation is one of the list.
_OF_ONE: Final = ("predicate", "predicateType", "subjects")


def demand_condition(text: str, where: str) -> None:
    """Raises InputError `policy-invalid` for a text that is not a CEL condition, and `library-missing`."""
    environment = _cel_worker.new_environment(library())
    try:
        kind = environment.compile(text).return_type().name()
        if _needs_all([text]):
            environment.compile(_about(text, 0))
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
    unreadable = _unreadable(evidence)
    if unreadable is not None:
        yield unreadable
        return
    if _needs_all(expressions):
        together = context.once(_together, parameters)
        if isinstance(together, Failure):
            yield together
            return
        index = together.places[evidence.statement.raw]
        answers = evaluator.ask([_about(text, index) for text in expressions], together.data)
    else:
        answers = evaluator.ask(expressions, {**_variables(context, parameters), **_described(evidence)})
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


class _Together(NamedTuple):
    """All verified attestations about an artifact: the variables for CEL, and the place of each statement in them."""

    data: Mapping[str, Any]
    places: Mapping[bytes, int]


def _together(context: Context, parameters: Mapping[str, str]) -> _Together | Failure:
    """Each statement once, whoever repeats it, and in an order that depends on nothing but the statements."""
    about = [one for one in context.evidence if one.about(context.artifact)]
    same: dict[bytes, list[VerifiedAttestation]] = {}
    for one in sorted(about, key=lambda one: (one.statement.predicate_type, one.statement.raw)):
        same.setdefault(one.statement.raw, []).append(one)
    if sum(map(len, same)) > _MAX_TOGETHER:
        hint = "Give only the attestations that the policy needs."
        return Failure("cel-failed", "the attestations together are larger than 16 MiB, the limit of CEL", None, hint)
    for one, *_ in same.values():
        unreadable = _unreadable(one)
        if unreadable is not None:
            return unreadable._replace(message=f"{one.name}: {unreadable.message}", pointer=None)
    listed = [
        {
            **_described(copies[0]),
            "anchors": sorted({name for one in copies for name in one.anchors}),
            "keyids": sorted({signer.keyid for one in copies for signer in one.signed_for(None)}),
        }
        for copies in same.values()
    ]
    data = {**_variables(context, parameters), "attestations": listed}
    return _Together(data, {raw: place for place, raw in enumerate(same)})


def _needs_all(expressions: Sequence[str]) -> bool:
    """Whether one of them may use `attestations`: CEL has no other way to write the name."""
    return any("attestations" in text for text in expressions)


def _about(text: str, index: int) -> str:
    """The expression about the attestation at `index`, whose members have the names of the variables."""
    for name in _OF_ONE:
        text = f"[attestations[{index}].{name}].all({name}, {text}\n)"
    return text


def _variables(context: Context, parameters: Mapping[str, str]) -> dict[str, Any]:
    artifact = context.artifact
    return {
        "artifacts": [] if artifact is None else [{"name": artifact.name, "digest": dict(artifact.digests)}],
        "params": dict(parameters),
        "now": context.now.isoformat(),
    }


def _described(evidence: VerifiedAttestation) -> dict[str, Any]:
    values = evidence.predicate, evidence.statement.predicate_type, evidence.subjects
    return dict(zip(_OF_ONE, values, strict=True))


def _unreadable(evidence: VerifiedAttestation) -> Failure | None:
    """Why CEL cannot process a statement, if it cannot."""
    raw = evidence.statement.raw
    if len(raw) > _MAX_DOCUMENT:
        hint = "Use `schema` in the policy, which has no such limit."
        return Failure("cel-failed", "the statement is larger than 4 MiB, which is too large for CEL", "/", hint)
    # The library ends a text, and a name, at its first NUL: it reads "good\0evil" as "good".
    if b"\\u0000" in raw:
        hint = "Create it without this character, or use `schema` in the policy."
        return Failure("cel-failed", "the statement has a NUL character, which CEL cannot process", "/", hint)
    return None
