"""`attest trust authority`: the commands about the authorities of a trust bundle, one a file.

Rule: an authority only confirms who someone is or when something existed; an anchor says what follows from that.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group(
    "authority", cls=_commands.Group, package=__name__, short_help="Add, list, remove and restrict authorities."
)
def command() -> None:
    """Add, list, remove and restrict the authorities of a trust bundle."""
