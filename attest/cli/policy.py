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
def list_(session: _output.OutputContext) -> _output.Completed:
    """List the ready-made rules: what each asks, its settings, and how it looks in a policy."""
    from attest.policy import rules

    found = dict(_loaded(session))
    theirs = {name: plugin.distributions for name, plugin in rules.REGISTRY.plugins().items()}
    described = [
        {
            "name": name,
            **({"distribution": theirs[name]} if name in theirs else {}),
            "summary": rule.summary,
            "types": list(rule.types),
            "needs": list(rule.needs),
            "settings": rule.settings,
            "example": rule.example,
        }
        for name, rule in found.items()
    ]
    text = [line for name, rule in found.items() for line in _rule(name, rule, theirs.get(name))]
    return _output.done(session, text, rules=described)


def _loaded(session: _output.OutputContext) -> Iterator[tuple[str, Rule]]:
    """All rules by name, with a warning in place of a plug-in that cannot be loaded."""
    from attest.policy import rules

    rules.REGISTRY.warn_of_ignored()
    for name in rules.names():
        try:
            rule = rules.named(name)
        except InputError as error:
            session.warn(f"{error} ({error.code})")
            continue
        if rule is not None:
            yield name, rule


@command.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@_policy.set_option
@click.option(
    "--trust",
    metavar="FILE",
    envvar="ATTEST_TRUST",
    help="The trust bundle that the policies go with: it must have every anchor that they name.",
)
@_options.trust_root_option
@_options.simulated_option
@_options.format_option
@click.pass_obj
def check(
    session: _output.OutputContext,
    files: tuple[str, ...],
    parameters: dict[str, str],
    trust: str | None,
    trust_root: str | None,
    allow_simulated: bool,
) -> _output.Completed:
    """Check that each FILE is a policy that somebody can meet: keys, types, rules, schemas and CEL expressions.

    With --trust also that the trust bundle has the anchors that they name.
    """
    from attest.trust.history import load, load_root

    policies = _policy.load(tuple(dict.fromkeys(files)), parameters)
    for policy in policies:
        if not policy.requirements:
            message = "this policy requires nothing, and from nothing follows nothing"
            raise Rejected("policy-empty", message, where=policy.name, hint="Add a [[require]].")
    bundle = None
    if trust is not None:
        root = None if trust_root is None else load_root(trust_root)
        bundle = load(trust, root=root, allow_simulated=allow_simulated)
        _policy.demand_anchors(policies, bundle)
    described = [
        {
            "file": policy.name,
            "sha256": policy.sha256,
            "parameters": dict(policy.parameters),
            "missing": list(policy.missing),
            "requirements": [{"id": one.id, "types": list(one.types)} for one in policy.requirements],
        }
        for policy in policies
    ]
    text = [line for policy in policies for line in _checked(policy)]
    text += [] if bundle is None else [f"all anchors are in {trust} (version {bundle.version})"]
    alone = {"policy": described[0]} if len(described) == 1 else {}
    return _output.done(session, text, policies=described, **alone)


@command.command()
@click.argument("result", metavar="RESULT|-", callback=_options.check_stdin)
@_options.format_option
@click.pass_obj
def explain(session: _output.OutputContext, result: str) -> _output.Completed:
    """Tell what would have to change for a no to become a yes.

    RESULT is what `attest verify --policy FILE --format json` printed.
    """
    from attest import schema
    from attest._base.json import loads_object

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


def _rule(name: str, rule: Rule, distribution: str | None) -> Iterator[str]:
    yield name if distribution is None else f"{name} ({distribution})"
    yield f"  {rule.summary}"
    yield f"  of types    {', '.join(rule.types)}"
    if rule.needs:
        yield f"  needs       {', '.join(rule.needs)}"
    for setting, shape in rule.settings.get("properties", {}).items():
        required = " (required)" if setting in rule.settings.get("required", ()) else ""
        yield f"  setting     {setting}: {_description(shape)}{required}"
    yield "  example"
    yield f"    [require.rules.{name}]"
    for line in rule.example.splitlines():
        yield f"    {line}"
    yield ""


def _description(setting: Any) -> str:
    """What a setting is for; a plug-in may not say."""
    return str(setting.get("description", "")) if isinstance(setting, dict) else ""


def _checked(policy: Policy) -> Iterator[str]:
    yield f"valid {policy.name}"
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
    """Everything that would have to change, in the order of the policies and their requirements."""
    for policy, requirements in _by_policy(document):
        for met in (*requirements, *([] if policy["vsa"] is None else [policy["vsa"]])):
            for failure in () if met["met"] or policy["decision"] == "yes" else met["failures"]:
                yield {"policy": policy["file"], "requirement": met["id"], **failure}


def _by_policy(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each policy of a result, with what became of its requirements."""
    asked = document.get("policy") or {"policies": []}
    for policy in asked["policies"]:
        yield policy, [met for met in asked["requirements"] if met["policy"] == policy["file"]]


def _explained(document: dict[str, Any]) -> Iterator[str]:
    asked = document.get("policy")
    if asked is None:
        yield f"{document['result']}: no policy has decided"
    several = asked is not None and len(asked["policies"]) > 1
    if asked is not None and several:
        yield f"{asked['decision']}: {asked['summary']}"
    for policy, requirements in _by_policy(document):
        head = f"{policy['file']}: " if several else ""
        yield f"{head}{policy['decision']}: {policy['summary']}"
        for met in requirements:
            yield from _requirement(met, wanted=policy["decision"] == "no")
        if policy["vsa"] is not None and policy["decision"] == "no":
            yield "or, in place of all that, a verification summary:"
            yield from _requirement(policy["vsa"], wanted=True)
    for entry in document["envelopes"]:
        if entry["result"] != "verified":
            yield f"not counted: {entry['message']} ({entry['code']})"
            if entry["hint"]:
                yield f"  to change   {entry['hint']}"
    if asked is not None and asked["decision"] == "yes" and document["result"] != "verified":
        yield f"{asked['summary']}, and still: {document['message']} ({document['code']})"


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
