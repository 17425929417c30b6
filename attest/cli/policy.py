"""`attest policy`: the ready-made rules, whether a policy is one, and what would have to change for a yes.

Rule: explaining a result decides nothing; it tells what the result says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.cli import _commands, _options, _output, _policy
from attest.errors import InputError, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.policy import Policy, Rule


@click.group("policy", cls=_commands.Group, short_help="List ready-made rules, check a policy, explain a no.")
def command() -> None:
    """List ready-made rules, check a policy, explain a no."""


@command.command("list")
@_options.format_option
@click.pass_obj
def list_(session: _output.Session) -> _output.Done:
    """List the ready-made rules: what each asks, its settings, and how it looks in a policy."""
    from attest.policy import rules

    found = {name: rule for name in rules.names() if (rule := rules.named(name)) is not None}
    described = [
        {
            "name": name,
            "summary": rule.summary,
            "types": list(rule.types),
            "needs": list(rule.needs),
            "settings": rule.settings,
            "example": rule.example,
        }
        for name, rule in found.items()
    ]
    text = [line for name, rule in found.items() for line in _rule(name, rule)]
    return _output.done(session, text, rules=described)


@command.command()
@click.argument("file", metavar="FILE")
@_policy.set_option
@_options.format_option
@click.pass_obj
def check(session: _output.Session, file: str, parameters: dict[str, str]) -> _output.Done:
    """Check that FILE is a policy that somebody can meet: keys, types, rules, schemas and CEL expressions."""
    policy = _policy.load(file, parameters)
    if not policy.requirements:
        message = "this policy requires nothing, and from nothing follows nothing"
        raise Rejected("policy-empty", message, where=file, hint="Add a [[require]].")
    described = {
        "sha256": policy.sha256,
        "parameters": dict(policy.parameters),
        "missing": list(policy.missing),
        "requirements": [{"id": one.id, "types": list(one.types)} for one in policy.requirements],
    }
    return _output.done(session, _checked(file, policy), policy=described)


@command.command()
@click.argument("result", metavar="RESULT|-", callback=_options.check_stdin)
@_options.format_option
@click.pass_obj
def explain(session: _output.Session, result: str) -> _output.Done:
    """Tell what would have to change for a no to become a yes.

    RESULT is what `attest verify --policy FILE --format json` printed.
    """
    from attest import schema
    from attest._codec import loads_object

    data = _options.read_input(result)
    try:
        document = loads_object(data, what="the result")
    except InputError as error:
        raise _options.locate(error, result) from None
    shape = schema.named("result")
    if not shape.accepts(document) or document["command"] != "verify" or "envelopes" not in document:
        message = "this is not a result of `attest verify`"
        hint = "Give what `attest verify --policy FILE --format json` printed."
        raise InputError("result-invalid", message, where=result, hint=hint)
    return _output.done(session, _explained(document), needed=list(_needed(document)))


def _rule(name: str, rule: Rule) -> Iterator[str]:
    yield name
    yield f"  {rule.summary}"
    yield f"  of types    {', '.join(rule.types)}"
    if rule.needs:
        yield f"  needs       {', '.join(rule.needs)}"
    for setting, shape in rule.settings["properties"].items():
        required = " (required)" if setting in rule.settings.get("required", ()) else ""
        yield f"  setting     {setting}: {shape['description']}{required}"
    yield "  example"
    yield f"    [require.rules.{name}]"
    for line in rule.example.splitlines():
        yield f"    {line}"
    yield ""


def _checked(file: str, policy: Policy) -> Iterator[str]:
    yield f"valid {file}"
    yield f"  sha256      {policy.sha256}"
    for name in (*policy.parameters, *policy.missing):
        value = policy.parameters.get(name)
        yield f"  parameter   {name}{' must be given' if value is None else f' is {value}'}"
    for one in policy.requirements:
        asked = [f"anchors {', '.join(one.anchors)}"] if one.anchors is not None else []
        asked += [f"{one.threshold} keys"] if one.threshold > 1 else []
        asked += [f"at most {one.max_age} old"] if one.max_age is not None else []
        asked += ["schema"] if one.schema is not None else []
        asked += [f"{len(one.cel)} CEL"] if one.cel else []
        asked += [name for name, _, _ in one.rules]
        yield f"  requires    {one.id}: {' or '.join(one.types)}"
        yield f"              {'; '.join(asked) or 'that there is one'}"
    if policy.summaries is not None:
        yield f"  takes VSAs  of {', '.join(policy.summaries.verifiers)}"


def _needed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that would have to change, in the order of the requirements."""
    asked = document.get("policy")
    if asked is not None and asked["decision"] == "no":
        for met in (*asked["requirements"], *([] if asked["vsa"] is None else [asked["vsa"]])):
            if not met["met"]:
                for failure in met["failures"]:
                    yield {"requirement": met["id"], **failure}


def _explained(document: dict[str, Any]) -> Iterator[str]:
    asked = document.get("policy")
    if asked is None:
        yield f"{document['result']}: no policy has decided"
    else:
        yield f"{asked['decision']}: {asked['summary']}"
        for met in asked["requirements"]:
            yield from _requirement(met, wanted=asked["decision"] == "no")
        if asked["vsa"] is not None and asked["decision"] == "no":
            yield "or, in place of all that, a verification summary:"
            yield from _requirement(asked["vsa"], wanted=True)
    for entry in document["envelopes"]:
        if entry["result"] != "verified":
            yield f"not counted: {entry['message']} ({entry['code']})"
            if entry["hint"]:
                yield f"  to change   {entry['hint']}"
    if asked is not None and asked["decision"] == "yes" and document["result"] != "verified":
        yield f"the policy is met, and still: {document['message']} ({document['code']})"


def _requirement(met: dict[str, Any], *, wanted: bool) -> Iterator[str]:
    if met["met"] or not wanted:
        yield f"{met['id']}: {'met by ' + ', '.join(met['by']) if met['met'] else 'not met, and not needed'}"
        return
    about: dict[str | None, list[dict[str, Any]]] = {}
    for failure in met["failures"]:
        about.setdefault(failure["attestation"], []).append(failure)
    choice = ", and one of these would do" if len(about) > 1 else ""
    yield f"{met['id']}: not met{choice}"
    for name, failures in sorted(about.items(), key=lambda item: len(item[1])):
        yield f"  {name or 'another attestation'}"
        for failure in failures:
            where = f"{failure['pointer']}: " if failure["pointer"] else ""
            yield f"    {where}{failure['message']} ({failure['code']})"
            if failure["hint"]:
                yield f"      to change {failure['hint']}"
