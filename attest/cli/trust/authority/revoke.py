"""`attest trust authority revoke`: certificates of a CA that never count.

Rule: a revocation is never undone by a command.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click

from attest.cli import _commands, _options, _output
from attest.cli.trust import _change, _identities
from attest.cli.trust import _options as _trust_options
from attest.trust import authorities


def _check_serials(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for text in value:
        digits = text.lower().replace(":", "").removeprefix("0x").lstrip("0")
        if not re.fullmatch(r"[0-9a-f]{1,40}", digits):
            raise click.BadParameter(f"expected a serial number in hex digits, found {text!r}", ctx, param)
        found.append(f"serial:{digits}")
    return tuple(found)


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("name")
@click.option(
    "--certificate",
    "certificates",
    metavar="FILE",
    multiple=True,
    help="Certificate in PEM, by its serial number. May be repeated.",
)
@click.option(
    "--serial",
    "serials",
    metavar="HEX",
    multiple=True,
    callback=_check_serials,
    help="Serial number of a certificate. May be repeated.",
)
@click.option(
    "--keyid",
    "keyids",
    type=_options.KEYID,
    multiple=True,
    help="Keyid of the public key in a certificate. May be repeated.",
)
@_trust_options.after_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    name: str,
    certificates: tuple[str, ...],
    serials: tuple[str, ...],
    keyids: tuple[str, ...],
    after: str | None,
) -> _output.Completed:
    """Revoke certificates of a CA.

    Changes the trust bundle FILE in place. Signatures with these certificates, and with all that they issued, never
    count again. This cannot be undone.
    """
    if not (certificates or serials or keyids):
        raise click.UsageError("--certificate, --serial or --keyid is required")
    named = [_identities.read_file(one, authorities.revocation_of) for one in certificates]
    revoked = [*named, *serials, *(f"keyid:{keyid}" for keyid in keyids)]
    now = datetime.now(UTC)
    changed = _change.change(
        file, lambda bundle: authorities.revoke(bundle, name, revoked, now=now), now=now, after=after
    )
    return _output.done(session, changed.lines(file), **changed.details(file))
