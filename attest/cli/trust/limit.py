"""`attest trust limit`: another end of a trust bundle, and other limits for an anchor or for the roots.

Rule: a limit is replaced or removed only where an option names it, and every change is printed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

from attest.cli import _commands, _options, _output
from attest.cli._options import times
from attest.cli.trust import _change
from attest.cli.trust import _options as _trust_options
from attest.trust import editing

# The limits that an anchor can be without, by the names of their options.
_REMOVABLE: Final = {
    "subject": "subjects",
    "predicate-type": "predicate_types",
    "builder": "builders",
    "require": "require",
}


@click.command(cls=_commands.Command)
@click.argument("file")
@click.option("--expires", type=times.END, help="New end of the trust bundle, such as 2027-01-31 or 90d.")
@_trust_options.anchor_option(required=False, does="gets the limits")
@_trust_options.roots_option
@_trust_options.after_option
@_trust_options.limit_options
@click.option(
    "--no-limit",
    "removed",
    type=click.Choice(list(_REMOVABLE)),
    multiple=True,
    help="Remove this limit. The anchor may then sign more. May be repeated.",
)
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    expires: str | None,
    anchor: str | None,
    roots: bool,
    after: str | None,
    removed: tuple[str, ...],
    **options: Any,
) -> _output.Completed:
    """Change limits of an anchor, or the end of a trust bundle.

    Changes the trust bundle FILE in place. The keys and identities of the anchor stay as they are. A limit that is
    given replaces that of the anchor: name all globs of --subject, also those that are to stay. Limits that are not
    given stay as they are.

    \b
    Examples:
      attest trust limit trust.json --expires 365d --after 7.signed.json
      attest trust limit trust.json --anchor release --subject 'pkg:pypi/acme/*' --subject '*.whl'
    """
    limits = _trust_options.limits(**options)
    given = {name for name, value in limits.items() if value is not None}
    has_limits = bool(given or removed)
    of_bundle = expires is not None and not has_limits and anchor is None and not roots
    place = editing.ROOTS if of_bundle else _trust_options.holder(anchor, roots)
    _trust_options.demand_limits_of(place, given | {_REMOVABLE[name] for name in removed})
    if not has_limits and not of_bundle:
        raise click.UsageError("a limit is required, such as --subject or --threshold")
    for name in removed:
        if _REMOVABLE[name] in given:
            raise click.UsageError(f"--{name} and --no-limit {name} cannot be used together")
    fields = [_REMOVABLE[name] for name in removed]
    now = datetime.now(UTC)
    changed = _change.change(
        file,
        lambda bundle: editing.limit(bundle, place, limits, removed=fields, expires=expires, now=now),
        now=now,
        after=after,
    )
    return _output.done(session, changed.lines(file, marked=True), **changed.details(file))
