"""`attest trust init`: a trust bundle with one anchor.

Rule: a file that exists is never overwritten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from attest.cli import _commands, _options, _output
from attest.cli._options import times
from attest.cli.trust import _change, _identities, _keys, _show
from attest.cli.trust import _options as _trust_options
from attest.errors import InputError
from attest.trust import editing


@click.command(cls=_commands.Command)
@_trust_options.adding_options(roots=False)
@click.option("--expires", type=times.END, help="End of the trust bundle, such as 2027-01-31 or 90d.")
@click.option(
    "--root",
    "roots",
    metavar="URI|FILE",
    multiple=True,
    help="Root: a key that signs the trust bundle and its next version, given as --key. May be repeated.",
)
@click.option(
    "--root-threshold",
    metavar="N",
    type=click.IntRange(1, 64),
    show_default="1",
    help="Number of roots that must have signed.",
)
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    output: str | None,
    expires: str | None,
    roots: tuple[str, ...],
    root_threshold: int | None,
    **options: Any,
) -> _output.Completed:
    """Create a trust bundle with one anchor.

    An existing file is never overwritten, because it may contain the bundle's history.

    --log and --time belong to the --authority before them, and --issuer and --claim to the --identity before them.

    \b
    Examples:
      attest trust init --anchor release --key file:release.pem -o trust.json
      attest trust init --anchor release --authority sigstore=trusted_root.json --identity \\
        'uri:https://github.com/acme/app/.github/workflows/release.yml@refs/tags/*' \\
        --issuer https://token.actions.githubusercontent.com \\
        --claim source-repository-uri=https://github.com/acme/app -o trust.json
    """
    if root_threshold is not None and not roots:
        raise click.UsageError("--root-threshold requires --root")
    named = _identities.read(click.get_current_context(), existing=False, **options)
    _trust_options.demand_members(options["keys"], named, options["digest"])
    entries = _keys.entries(**options)
    signing, now = None, datetime.now(UTC)
    if roots:
        expired = options["allow_expired_certificate"]
        keys = _keys.entries(roots, options["passphrase_file"], allow_expired_certificate=expired, windows=False)
        signing = {"threshold": root_threshold or 1, "keys": keys}
    now = datetime.now(UTC)
    try:
        bundle = editing.create(
            options["anchor"],
            entries,
            now=now,
            **named._asdict(),
            expires=expires,
            roots=signing,
            **_trust_options.limits(**options),
        )
    except InputError as error:  # there is no file yet, so the command line is wrong
        raise _output.WrongUse(str(error), error.hint) from None
    findings = _change.warned(bundle, now)
    _show.warn(output or "-", findings)
    if _output.is_stdout(output):
        _output.product(session, output, bundle.to_json())
        return _output.made(session, output, "trust", lambda: bundle.document, **_show.summary(bundle))
    _output.document(output, bundle.to_json(), overwrite=False)
    return _output.done(session, [f"created: {output}", *_show.lines(bundle)], file=output, **_show.summary(bundle))
