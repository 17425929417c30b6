"""`attest trust diff`: the changes between two trust bundles.

Rule: a change that allows more than before is marked, and what is signed is shown as unverified.
"""

from __future__ import annotations

from typing import Any

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli.trust import _show
from attest.errors import Rejected
from attest.trust import diff, review
from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@click.argument("old")
@click.argument("new", required=False)
@click.option("--exit-code", is_flag=True, help="Exit 1 if the two differ.")
@_options.simulated_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext, old: str, new: str | None, exit_code: bool, allow_simulated: bool
) -> _output.Completed:
    """Show the changes between two trust bundles.

    Marks changes that allow more than before with "(weakened)".

    Each may be signed, or a history, of which the last version is compared; without NEW, the last two versions of the
    history OLD. The signatures on NEW are counted, by the roots of OLD too. Nothing is verified: whether OLD is the
    version that you trust, only you know.
    """
    found, name = _show.read(old), old if new is None else new
    versions = review.unverified_versions(found)
    if new is None and len(versions) < 2:
        raise click.UsageError(f"NEW is required: {old} has only one version")
    before = versions[-1 if new is not None else -2]
    newer = found if new is None else _show.read(new)
    after = review.unverified_versions(newer)[-1]
    reviewed = review.review(newer, before, allow_simulated=allow_simulated)
    changes = diff.diff(before, after)
    weakened = sum(change.weakened for change in changes)
    allows = "allows" if weakened == 1 else "allow"
    count = f"{plural(len(changes), 'change')}, {weakened or 'none'} of them {allows} more than before"
    head = f"{old} -> {new}" if new is not None else f"{old}: version {before.version} -> {after.version}"
    text = [
        f"{head}: {count if changes else 'no changes'}",
        *_show.change_lines(changes),
    ]
    details: dict[str, Any] = {
        "old": {"file": old, **_show.summary(before)},
        "new": {"file": name, **_show.summary(after)},
        "weakened": bool(weakened),
        "changes": [change._asdict() for change in changes],
    }
    if not (isinstance(found, TrustBundle) and isinstance(newer, TrustBundle)):
        text[0] = f"UNVERIFIED: {text[0]}"
        if reviewed.checks:
            text += [f"signatures, if you trust version {before.version}:", *_show.review_lines(after, reviewed.checks)]
        details = {
            "unverified": details,
            "signed": [_show.root_check(check) for check in reviewed.checks],
            "findings": [finding._asdict() for finding in reviewed.findings],
        }
    if changes and exit_code:
        _output.undone(session, text, **details)
        session.reasons.append(lambda: _show.warn(name, reviewed.findings))
        raise Rejected("trust-differs", f"{name} differs from {old}")
    completed = _output.done(session, text, **details)
    _show.warn(name, reviewed.findings)
    return completed
