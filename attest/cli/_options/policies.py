"""Policies that a command line names, with the values of their parameters.

Rule: a value without a parameter, and an anchor that the trust bundle lacks, are errors and never ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base.text import did_you_mean
from attest.cli import _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.cli._options import Decorator
    from attest.policy import Policy
    from attest.trust.bundle import TrustBundle


def _values(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in value:
        name, equals, given = text.partition("=")
        if not equals or not name or name in found:
            raise click.BadParameter(f"expected NAME=VALUE and each name once, found {text!r}", ctx, param)
        found[name] = given
    return found


set_option: Decorator = click.option(
    "--set",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_values,
    help="Value of a policy parameter, for every policy that has it. May be repeated.",
)


def load(paths: Sequence[str], parameters: dict[str, str]) -> tuple[Policy, ...]:
    """The policies at `paths`, each with the values of its own parameters. A value for none of them is a UsageError."""
    if not paths:
        return ()
    from attest.policy import Policy, policies_of  # slow to import

    found = [Policy.load(path) for path in paths]
    declared = {name for policy in found for name in policy.document.get("parameters", ())}
    for name in parameters if len(found) > 1 else ():
        if name not in declared:
            hint = did_you_mean(name, declared, f"Their parameters are: {', '.join(sorted(declared)) or 'none'}.")
            raise _output.WrongUse(f"--set: no policy has a parameter {name!r}", hint)
    bound = []
    for policy in found:
        own = policy.document.get("parameters", ()) if len(found) > 1 else parameters
        try:
            bound.append(policy.bind({name: value for name, value in parameters.items() if name in own}))
        except InputError as error:
            if not error.code.startswith("parameter-"):
                raise
            raise _output.WrongUse(f"--set: {error.at(policy.name)}", error.hint) from None
    return policies_of(bound) if bound else ()


def demand_anchors(policies: Sequence[Policy], trust: TrustBundle) -> None:
    """Raises InputError `anchor-unknown` for an anchor that a policy names and the trust bundle does not have."""
    for policy in policies:
        try:
            policy.demand_anchors(trust.anchors)
        except InputError as error:
            raise error.at(policy.name) from None
