"""`attest trust`: the commands that create, change, show and check trust bundles, one a file.

Rule: a command validates the whole bundle before and after a change, writes it atomically, and prints what changed.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group(
    "trust", cls=_commands.Group, package=__name__, short_help="Create, change, sign, show and check trust bundles."
)
def command() -> None:
    """Create, change, sign, show and check trust bundles."""
