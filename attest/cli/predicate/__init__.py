"""`attest predicate`: predicate types and predicates.

Rule: a predicate is checked here as building, signing and verification check it, and no signature is verified.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group(
    "predicate",
    cls=_commands.Group,
    package=__name__,
    short_help="List and show predicate types, and check predicates.",
)
def command() -> None:
    """List and show predicate types, and check predicates."""
