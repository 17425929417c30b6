"""`attest trust check`: warnings about a trust bundle.

Rule: a warning changes no verification.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli._options import times
from attest.cli.trust import _show
from attest.errors import Rejected
from attest.trust import lint, review
from attest.trust.bundle import TrustBundle

if TYPE_CHECKING:
    from datetime import timedelta


@click.command(cls=_commands.Command)
@click.argument("file")
@click.option(
    "--soon",
    type=times.DAYS,
    default="30d",
    help="Warn about what expires within this time.",
)
@click.option("--strict", is_flag=True, help="Exit 1 if there are warnings.")
@_options.simulated_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext, file: str, soon: timedelta, strict: bool, allow_simulated: bool
) -> _output.Completed:
    """Check a trust bundle and warn about problems.

    FILE may be signed, or a history: then its last version is checked, and the signatures on each version are counted.
    Nothing is verified, because only `attest trust show --trust-root` knows whose roots you trust.
    """
    found = _show.read(file)
    bundle = review.unverified_versions(found)[-1]
    reviewed = review.review(found, allow_simulated=allow_simulated)
    findings = [*lint.check(bundle, now=datetime.now(UTC), soon=soon), *reviewed.findings]
    if findings and strict:
        session.reasons.append(lambda: _show.warn(file, findings))
        raise Rejected("trust-findings", f"the trust bundle has {plural(len(findings), 'warning')}", where=file)
    count = plural(len(findings), "warning") if findings else "no warnings"
    details: dict[str, Any] = {"file": file, "findings": [finding._asdict() for finding in findings]}
    if isinstance(found, TrustBundle):
        text = [f"valid: {file} (version {bundle.version}, {count})"]
        details |= _show.summary(bundle)
    else:
        text = [
            f"UNVERIFIED: {file} (version {bundle.version}, {count})",
            "signatures, if you trust the roots that the file names itself:",
            *_show.review_lines(bundle, reviewed.checks),
        ]
        signed = [_show.root_check(check) for check in reviewed.checks]
        details |= {"unverified": _show.summary(bundle), "signed": signed}
    completed = _output.done(session, text, **details)
    _show.warn(file, findings)
    return completed
