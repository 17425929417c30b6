"""`attest trust add`: more keys and identities for an anchor.

Rule: keys and identities are only added; no command of this group takes one out. Limits replace those of the anchor.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from attest._base.json import pointer
from attest._base.text import nearest
from attest.cli import _commands, _output
from attest.cli.trust import _change, _identities, _keys, _show
from attest.cli.trust import _options as _trust_options
from attest.trust import editing
from attest.trust.bundle import TrustBundle
from attest.trust.editing import ROOTS
from attest.trust.lint import LintWarning


@click.command(cls=_commands.Command)
@click.argument("file")
@_trust_options.adding_options(roots=True)
@click.pass_obj
def command(
    session: _output.OutputContext, /, file: str, anchor: str | None, roots: bool, after: str | None, **options: Any
) -> _output.Completed:
    """Add keys and identities to an anchor.

    Changes the trust bundle FILE in place. Creates the anchor if it does not exist. Limits that are given, such as
    --subject, replace those of the anchor.

    --log and --time belong to the --authority before them, and --issuer and --claim to the --identity before them.
    """
    place = _trust_options.holder(anchor, roots)
    limits = _trust_options.limits(**options)
    _trust_options.demand_limits_of(place, {name for name, value in limits.items() if value is not None})
    if place is ROOTS and options["digest"] is not None:
        raise click.UsageError("--roots cannot be used with --digest: attest signs trust bundles with the usual one")
    named = _identities.read(click.get_current_context(), existing=True, **options)
    _trust_options.demand_members(options["keys"], named, options["digest"])
    if place is ROOTS and (named.identities or named.authorities):
        raise click.UsageError("--roots cannot be used with --identity or --authority: a root is a key")
    TrustBundle.load(file)  # an error in it comes before a prompt for a passphrase
    entries = _keys.entries(**options, windows=place is not ROOTS)
    now = datetime.now(UTC)
    changed = _change.change(
        file,
        lambda bundle: editing.add(bundle, place, entries, now=now, **named._asdict(), **limits),
        now=now,
        after=after,
    )
    if isinstance(place, str) and (warning := _near_miss(place, changed.before)) is not None:
        _show.warn(file, [warning])
        changed.findings.append(warning)
    added = [entry["keyid"] for entry in entries]
    return _output.done(session, changed.lines(file), **changed.details(file), added=added)


def _near_miss(anchor: str, before: TrustBundle) -> LintWarning | None:
    """A warning about a new anchor with a name like that of another one, which may have been meant."""
    if anchor in before.anchors:
        return None
    near = [name for name in before.anchors if name.startswith(anchor)] or nearest(anchor, before.anchors)
    if not near:
        return None
    message = f"{anchor!r} is a new anchor; anchor {near[0]!r} has not changed"
    return LintWarning("anchor-name-similar", pointer("anchors", anchor), message)
