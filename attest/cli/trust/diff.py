"""`attest trust diff`: the changes between two trust bundles.

Rule: a change that allows more than before is marked.
"""

from __future__ import annotations

from typing import Any

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli.trust import _show
from attest.errors import Rejected
from attest.trust import diff
from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@click.argument("old")
@click.argument("new")
@click.option("--exit-code", is_flag=True, help="Exit 1 if the two differ.")
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, old: str, new: str, exit_code: bool) -> _output.Completed:
    """Show the changes between two trust bundles.

    Marks changes that allow more than before with "(weakened)".
    """
    before, after = TrustBundle.load(old), TrustBundle.load(new)
    changes = diff.diff(before, after)
    weakened = sum(change.weakened for change in changes)
    count = f"{plural(len(changes), 'change')}, {weakened or 'none'} of them allow more than before"
    text = [
        f"{old} -> {new}: {count if changes else 'no changes'}",
        *(f"  {change.message}{' (weakened)' if change.weakened else ''}" for change in changes),
    ]
    details: dict[str, Any] = {
        "old": {"file": old, **_show.summary(before)},
        "new": {"file": new, **_show.summary(after)},
        "weakened": bool(weakened),
        "changes": [change._asdict() for change in changes],
    }
    if changes and exit_code:
        _output.undone(session, text, **details)
        raise Rejected("trust-differs", f"{new} differs from {old}")
    return _output.done(session, text, **details)
