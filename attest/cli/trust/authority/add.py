"""`attest trust authority add`: an authority from a file, or a new file for one.

Rule: a new file replaces certificates and logs, and nothing that somebody has set or revoked.
"""

from __future__ import annotations

from datetime import UTC, datetime

import click

from attest.cli import _commands, _options, _output
from attest.cli._options import times
from attest.cli.trust import _change, _identities
from attest.cli.trust import _options as _trust_options
from attest.trust import authorities


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="FILE",
    required=True,
    help="A Sigstore trusted_root.json, or certificates in PEM. Of the certificates, the self-signed ones are trusted.",
)
@click.option("--timestamps", is_flag=True, help="Add a timestamp authority with the certificates in --from.")
@_identities.setting_options(grouped=False)
@times.not_before_option("a timestamp authority")
@times.not_after_option("a timestamp authority")
@click.option("--replace", is_flag=True, help="Replace the file of the authority. Everything else stays as it is.")
@_trust_options.after_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    name: str,
    source: str,
    timestamps: bool,
    log: str | None,
    time: str | None,
    not_before: str | None,
    not_after: str | None,
    replace: bool,
    after: str | None,
) -> _output.Completed:
    """Add an authority to a trust bundle.

    Changes the trust bundle FILE in place. An authority confirms what certificates say, or with --timestamps, when a
    signature existed. It is not trusted for anything else.

    \b
    Examples:
      attest trust authority add trust.json github --from trusted_root.json --log none
      attest trust authority add trust.json github --from trusted_root.json --replace
      attest trust authority add trust.json tsa --from tsa.pem --timestamps
    """
    if timestamps and (log or time):
        raise click.UsageError("--timestamps cannot be used with --log or --time")
    if not timestamps and (not_before or not_after):
        raise click.UsageError("--not-before and --not-after require --timestamps")
    if timestamps:
        window = {"not_before": not_before, "not_after": not_after}
        entry = _identities.read_file(source, lambda data: authorities.describe_timestamp_authority(data, **window))
    else:
        entry = _identities.described(source, log=log, time=time)
    now, edit = datetime.now(UTC), authorities.replace if replace else authorities.add
    changed = _change.change(
        file, lambda bundle: edit(bundle, name, entry, now=now, timestamps=timestamps), now=now, after=after
    )
    return _output.done(session, changed.lines(file), **changed.details(file))
