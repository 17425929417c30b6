"""`attest trust update`: newer signed versions of a trust bundle, fetched and followed from the version at hand.

Rule: the file is replaced only if every version in between verifies; nothing but this command fetches versions.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from attest._base import files
from attest._base.times import format_time
from attest.cli import _commands, _options, _output
from attest.cli._options import registry as registry_options
from attest.cli._options import times
from attest.cli.trust import _change, _show
from attest.errors import Rejected
from attest.trust import diff, fetching, history, lint, updating

if TYPE_CHECKING:
    from datetime import timedelta

    from attest.trust.updating import Update

# What says, by the expiry date of the newest version, whether still newer ones may be withheld.
_EXPIRY: Final = frozenset({"trust-expired", "trust-expires-soon", "trust-never-expires"})


@click.command(cls=_commands.Command)
@click.argument("file")
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    required=True,
    help="Where the signed versions are: https://..., oci:REF (a registry), oci-layout:DIR[:TAG], or a file.",
)
@_options.trust_root_option
@click.option(
    "--soon",
    type=times.DAYS,
    default="30d",
    help="Warn if the newest version expires within this time.",
)
@_options.simulated_option
@registry_options.registry_options
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    file: str,
    source: str,
    trust_root: str | None,
    soon: timedelta,
    allow_simulated: bool,
    registry: registry_options.RegistryOptions,
) -> _output.Completed:
    """Update a signed trust bundle to its newest version.

    FILE is a signed trust bundle or a history. Its last version is trusted. Each newer version must be signed by
    enough roots of the version before it and by enough of its own. Then FILE becomes a history that ends with the
    newest version. Otherwise it is not changed. If FILE does not exist, --trust-root says where to begin.
    """
    if file == "-":
        raise click.UsageError("FILE is changed in place, so it cannot be standard input")
    root = None if trust_root is None else history.load_root(trust_root)
    existing = os.path.lexists(file)
    if existing:
        files.demand_no_link(file)
    elif root is None:
        raise updating.no_beginning().at(file)
    published = fetching.fetch(source, options=registry.store())
    made: list[Update] = []

    def follow(current: bytes | None) -> bytes | None:
        shown = fetching.shown(source)
        made.append(updating.update(current, published, root, file=file, source=shown, allow_simulated=allow_simulated))
        return made[0].data if made[0].changed else None

    if existing:
        files.update(file, follow, limit=history.MAX_HISTORY)
    else:
        files.write(file, follow(None) or b"", overwrite=False)
    [found] = made
    return _report(session, found, file, fetching.shown(source), soon)


def _report(
    session: _output.OutputContext, found: Update, file: str, source: str, soon: timedelta
) -> _output.Completed:
    now = datetime.now(UTC)
    before, bundle = found.before, found.bundle
    changes = [] if before is None else [c for c in diff.diff(before, bundle) if c.kind not in _change.IMPLIED]
    findings = [one for one in lint.check(bundle, now=now, soon=soon) if one.code in _EXPIRY]
    _show.warn(file, findings)
    if before is None:
        head = f"created {file}: version {bundle.version}"
    elif found.changed:
        head = f"updated {file}: version {before.version} -> {bundle.version}"
    else:
        head = f"already the newest: {file} (version {bundle.version})"
    text = [head, *_show.change_lines(changes)]
    details: dict[str, Any] = {
        "file": file,
        "source": source,
        **_show.summary(bundle),
        "updated": found.changed,
        **({} if before is None else {"old": {"file": file, **_show.summary(before)}}),
        "weakened": any(change.weakened for change in changes),
        "changes": [change._asdict() for change in changes],
        "findings": [finding._asdict() for finding in findings],
        "signed": [_show.root_check(check) for check in found.checks],
    }
    if bundle.expires is not None and bundle.expires < now:
        _output.undone(session, text, **details)
        raise Rejected(
            "trust-expired",
            f"the newest version of the source expired at {format_time(bundle.expires)}",
            where=file,
            hint="Nothing verifies with it. Someone may withhold a newer version: ask the holders of the roots.",
        )
    return _output.done(session, text, **details)
