"""`attest signer`: what can sign.

Rule: listing asks for no PIN, and a test shows every token of a group, also those that fail.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group("signer", cls=_commands.Group, package=__name__, short_help="List and check signers.")
def command() -> None:
    """List and check signers."""
