"""`attest policy check`: errors in policy files.

Rule: a policy without requirements is an error: it could never be met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli._options import policies as policy_options
from attest.cli.trust import _show
from attest.errors import Rejected
from attest.trust.history import load, load_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.policy import Policy


@click.command(cls=_commands.Command)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@policy_options.set_option
@click.option(
    "--trust",
    metavar="FILE",
    envvar="ATTEST_TRUST",
    help="Trust bundle that must have every anchor that the policies name.",
)
@_options.trust_root_option
@_options.simulated_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    files: tuple[str, ...],
    parameters: dict[str, str],
    trust: str | None,
    trust_root: str | None,
    allow_simulated: bool,
) -> _output.Completed:
    """Check a policy file for errors.

    Checks keys, predicate types, rules, JSON Schemas and CEL expressions, and that the policy has a requirement. With
    --trust, also that the trust bundle has the anchors that the policy names.

    Warns about a schema that accepts predicates without a field and, with --trust, about requirements that can never be
    met.
    """
    from attest.policy import _lint as lint  # slow to import

    policies = policy_options.load(tuple(dict.fromkeys(files)), parameters)
    for policy in policies:
        if not policy.requirements:
            message = "the policy has no requirements, so it can never be met"
            raise Rejected("policy-empty", message, where=policy.name, hint="Add at least one `[[require]]` table.")
    bundle = None
    if trust is not None:
        root = None if trust_root is None else load_root(trust_root)
        bundle = load(trust, root=root, allow_simulated=allow_simulated)
        policy_options.demand_anchors(policies, bundle)
    warned = {policy.name: lint.check(policy, bundle) for policy in policies}
    described = [
        {
            "file": policy.name,
            "sha256": policy.sha256,
            "parameters": dict(policy.parameters),
            "missing": list(policy.missing),
            "requirements": [{"id": one.id, "types": list(one.types)} for one in policy.requirements],
            "findings": [finding._asdict() for finding in warned[policy.name]],
        }
        for policy in policies
    ]
    text = [line for policy in policies for line in _checked(policy)]
    text += [] if bundle is None else [f"valid: all anchors are in {trust} (version {bundle.version})"]
    alone = {"policy": described[0]} if len(described) == 1 else {}
    for name, findings in warned.items():
        _show.warn(name, findings)
    return _output.done(session, text, policies=described, **alone)


def _checked(policy: Policy) -> Iterator[str]:
    yield f"valid: {policy.name}"
    yield f"  sha256      {policy.sha256}"
    for name in (*policy.parameters, *policy.missing):
        value = policy.parameters.get(name)
        yield f"  parameter   {name}{' is required' if value is None else f' is {value}'}"
    for one in policy.requirements:
        parts = [f"anchors {', '.join(one.anchors)}"] if one.anchors is not None else []
        parts += [f"names {', '.join(one.names)}"] if one.names is not None else []
        parts += ["one artifact is enough"] if one.any_subject else []
        parts += [f"at least {one.threshold} keys"] if one.threshold > 1 else []
        parts += [f"at least {one.signers} signers together"] if one.signers > 1 else []
        parts += ["the newest decides"] if one.latest else []
        parts += [f"at most {one.max_age} old"] if one.max_age is not None else []
        parts += ["schema"] if one.schema is not None else []
        parts += [plural(len(one.cel), "CEL expression")] if one.cel else []
        parts += [name for name, _, _ in one.rules]
        parts += ["also of failed commands"] if one.allow_failed else []
        yield f"  requires    {one.id}: {' or '.join(one.types)}"
        yield f"              {'; '.join(parts) or 'at least one attestation'}"
    if policy.summaries is not None:
        yield f"  VSAs        of {', '.join(policy.summaries.verifiers)}"
