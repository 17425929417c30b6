"""`attest trust authority list`: the authorities of a trust bundle, and the parts of each.

Rule: each part is shown with the time until which it is trusted.
"""

from __future__ import annotations

import click

from attest.cli import _commands, _options, _output
from attest.cli.trust import _authorities, _show
from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@click.argument("file")
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, file: str) -> _output.Completed:
    """List the authorities of a trust bundle."""
    bundle = TrustBundle.load(file)
    listed = _authorities.details(bundle.document)
    text = [file, *_authorities.lines(bundle.document, parts=True)] if listed else [f"{file} has no authorities"]
    return _output.done(session, text, file=file, **_show.summary(bundle), authorities=listed)
