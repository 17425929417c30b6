"""`attest trust limit`: other limits for an anchor, or for the roots, whose keys and identities stay as they are.

Rule: a limit is replaced or removed only where an option names it, and every change is printed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

from attest.cli import _commands, _options, _output
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
@_trust_options.anchor_option(required=False, does="gets the limits")
@_trust_options.roots_option
@_trust_options.after_option
@_trust_options.limit_options
@click.option(
    "--no-limit",
    "removed",
    type=click.Choice(list(_REMOVABLE)),
    multiple=True,
    help="Remove this limit. The anchor may sign more then. May be repeated.",
)
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    anchor: str | None,
    roots: bool,
    after: str | None,
    removed: tuple[str, ...],
    **options: Any,
) -> _output.Completed:
    """Change the limits of an anchor.

    Changes the trust bundle FILE in place. The keys and identities of the anchor stay as they are. A limit that is
    given replaces that of the anchor: name all globs of --subject, also those that are to stay. Limits that are not
    given stay as they are.

    \b
    Example:
      attest trust limit trust.json --anchor release --subject 'pkg:pypi/acme/*' --subject '*.whl'
    """
    place = _trust_options.holder(anchor, roots)
    limits = _trust_options.limits(**options)
    given = {name for name, value in limits.items() if value is not None}
    _trust_options.demand_limits_of(place, given | {_REMOVABLE[name] for name in removed})
    if not given and not removed:
        raise click.UsageError("a limit is required, such as --subject or --threshold")
    for name in removed:
        if _REMOVABLE[name] in given:
            raise click.UsageError(f"--{name} and --no-limit {name} cannot be used together")
    fields = [_REMOVABLE[name] for name in removed]
    now = datetime.now(UTC)
    changed = _change.change(
        file, lambda bundle: editing.limit(bundle, place, limits, removed=fields, now=now), now=now, after=after
    )
    return _output.done(session, changed.lines(file), **changed.details(file))
