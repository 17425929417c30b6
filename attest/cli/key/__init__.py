"""`attest key`: keys behind signer URIs.

Rule: a private key is never printed and never overwritten.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group("key", cls=_commands.Group, package=__name__, short_help="Generate, export, test and encrypt keys.")
def command() -> None:
    """Generate, export, test and encrypt keys."""
