"""`attest trust check`: warnings about a trust bundle.

Rule: a warning changes no verification.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli.trust import _options as _trust_options
from attest.cli.trust import _show
from attest.errors import Rejected
from attest.trust import lint
from attest.trust.bundle import TrustBundle

if TYPE_CHECKING:
    from datetime import timedelta


@click.command(cls=_commands.Command)
@click.argument("file")
@click.option(
    "--soon",
    metavar="DAYSd",
    default="30d",
    callback=_trust_options.check_days,
    help="Warn about what expires within this time.",
)
@click.option("--strict", is_flag=True, help="Exit 1 if there are warnings.")
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, file: str, soon: timedelta, strict: bool) -> _output.Completed:
    """Check a trust bundle and warn about problems."""
    bundle = TrustBundle.load(file)
    findings = lint.check(bundle, now=datetime.now(UTC), soon=soon)
    if findings and strict:
        session.reasons.append(lambda: _show.warn(file, findings))
        raise Rejected("trust-findings", f"the trust bundle has {plural(len(findings), 'warning')}", where=file)
    count = plural(len(findings), "warning") if findings else "no warnings"
    text = [f"valid: {file} (version {bundle.version}, {count})"]
    details = {**_show.summary(bundle), "findings": [finding._asdict() for finding in findings]}
    completed = _output.done(session, text, file=file, **details)
    _show.warn(file, findings)
    return completed
