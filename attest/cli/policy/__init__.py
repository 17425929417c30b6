"""`attest policy`: built-in rules, policy files and results.

Rule: nothing here verifies an attestation.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group(
    "policy", cls=_commands.Group, package=__name__, short_help="List rules, check a policy, explain a result."
)
def command() -> None:
    """List rules, check a policy, explain a result."""
