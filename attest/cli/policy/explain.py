"""`attest policy explain`: why a policy is not met.

Rule: it decides nothing; it only repeats what the result says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest import schema
from attest._base.json import loads_object
from attest.cli import _commands, _options, _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = {"yes": "met", "no": "not met"}
# With these codes, it may not be enough to change one of the listed attestations.
_TOGETHER = {"signers-too-few", "newest-decides"}


@click.command(cls=_commands.Command)
@click.argument("result", metavar="RESULT|-", callback=_options.check_stdin)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, result: str) -> _output.Completed:
    """Explain why a policy is not met.

    RESULT is the output of `attest verify --policy FILE --format json`.
    """
    data = _options.read_input(result)
    try:
        document = loads_object(data, what="the result")
    except InputError as error:
        raise _options.locate(error, result) from None
    shape = schema.named("result")
    if not shape.accepts(document) or document["command"] != "verify" or "envelopes" not in document:
        message = "the file is not a result of `attest verify`"
        hint = "Use the output of `attest verify --policy FILE --format json`."
        raise InputError("result-invalid", message, where=result, hint=hint)
    return _output.done(session, _explained(document), needed=list(_needed(document)))


def _needed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that would have to change, in the order of the policies and their requirements."""
    for policy, requirements in _by_policy(document):
        for met in (*requirements, *([] if policy["vsa"] is None else [policy["vsa"]])):
            for failure in () if met["met"] or policy["decision"] == "yes" else met["failures"]:
                yield {"policy": policy["file"], "requirement": met["id"], **failure}


def _by_policy(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each policy of a result, with the results of its requirements."""
    decision = document.get("policy") or {"policies": []}
    for policy in decision["policies"]:
        yield policy, [met for met in decision["requirements"] if met["policy"] == policy["file"]]


def _explained(document: dict[str, Any]) -> Iterator[str]:
    decision = document.get("policy")
    if decision is None:
        yield f"{document['result']}: no policy was evaluated"
    several = decision is not None and len(decision["policies"]) > 1
    if decision is not None and several:
        yield f"{_WORD[decision['decision']]}: {decision['summary']}"
    for policy, requirements in _by_policy(document):
        head = f"{policy['file']}: " if several else ""
        yield f"{head}{_WORD[policy['decision']]}: {policy['summary']}"
        for met in requirements:
            yield from _requirement(met, is_required=policy["decision"] == "no")
        if policy["vsa"] is not None and policy["decision"] == "no":
            yield "or, instead of all these, a verification summary:"
            yield from _requirement(policy["vsa"], is_required=True)
    ignored: dict[str, list[dict[str, Any]]] = {}
    for entry in document["envelopes"]:
        if entry.get("ignored"):
            ignored.setdefault(entry["code"], []).append(entry)
        elif entry["result"] != "verified":
            yield from _unverified("not verified", entry)
    for code, (first, *others) in ignored.items():
        number = document.get("ignored", {}).get("codes", {}).get(code, len(others) + 1)
        yield from _unverified("ignored", first, _output.same((other["envelope"] for other in others), number - 1))
    if decision is not None and decision["decision"] == "yes" and document["result"] != "verified":
        yield f"{decision['summary']}, but: {document['message']} ({document['code']})"


def _unverified(word: str, entry: dict[str, Any], others: str = "") -> Iterator[str]:
    yield f"{word}: {entry['message']} ({entry['code']}){others}"
    if entry["hint"]:
        yield f"  to change   {entry['hint']}"


def _requirement(met: dict[str, Any], *, is_required: bool) -> Iterator[str]:
    if met["met"] or not is_required:
        yield f"{met['id']}: {'met by ' + ', '.join(met['by']) if met['met'] else 'not met, and not required'}"
        return
    about: dict[str | None, list[dict[str, Any]]] = {}
    for failure in met["failures"]:
        about.setdefault(failure["attestation"], []).append(failure)
    alone = _TOGETHER.isdisjoint(failure["code"] for failure in met["failures"])
    choice = "; one of these is enough" if len(about) > 1 and alone else ""
    yield f"{met['id']}: not met{choice}"
    for name, failures in sorted(about.items(), key=lambda item: len(item[1])):
        yield f"  {name or 'another attestation'}"
        for failure in failures:
            where = f"{failure['pointer']}: " if failure["pointer"] else ""
            yield f"    {where}{failure['message']} ({failure['code']})"
            if failure["hint"]:
                yield f"      to change {failure['hint']}"
