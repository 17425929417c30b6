"""`attest trust authority remove`: an authority that nobody names any more.

Rule: an authority that an identity names is never removed.
"""

from __future__ import annotations

from datetime import UTC, datetime

import click

from attest.cli import _commands, _options, _output
from attest.cli.trust import _change
from attest.cli.trust import _options as _trust_options
from attest.trust import authorities


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("name")
@click.option("--timestamps", is_flag=True, help="Remove a timestamp authority.")
@_trust_options.after_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext, /, file: str, name: str, timestamps: bool, after: str | None
) -> _output.Completed:
    """Remove an authority from a trust bundle.

    Changes the trust bundle FILE in place. An authority of an identity is not removed, whatever the status of the
    identity is.
    """
    now = datetime.now(UTC)
    changed = _change.change(
        file, lambda bundle: authorities.remove(bundle, name, now=now, timestamps=timestamps), now=now, after=after
    )
    return _output.done(session, changed.lines(file), **changed.details(file))
