"""`attest trust`: the trust bundle, from the first key on.

Rule: each command validates the whole bundle before and after, writes it atomically, and prints what it changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest.cli import (
    _commands,
    _options,
    _output,
    _result,
    _trust,
    _trust_life,
    _trust_options,
    _trust_resign,
    _trust_signing,
)
from attest.errors import InputError, Rejected
from attest.trust import diff as trust_diff
from attest.trust import editing, lint
from attest.trust.bundle import TrustBundle
from attest.trust.editing import ROOTS

if TYPE_CHECKING:
    from datetime import timedelta


@click.group("trust", cls=_commands.Group, short_help="Make, change, show and check trust bundles.")
def command() -> None:
    """Make, change, show and check trust bundles."""


@command.command()
@_trust_options.adding_options(roots=False)
@click.option("--expires", metavar="TIME", callback=_options.check_time, help="When the trust bundle ends.")
@click.option(
    "--root",
    "roots",
    metavar="URI|FILE",
    multiple=True,
    help="A key that signs the trust bundle and its next version, as --key; may be repeated.",
)
@click.option("--root-threshold", type=click.IntRange(1, 64), help="How many of the roots must have signed.")
@_options.output_option
@click.pass_obj
def init(
    session: _output.OutputContext,
    /,
    output: str | None,
    expires: str | None,
    roots: tuple[str, ...],
    root_threshold: int | None,
    **options: Any,
) -> _output.Completed:
    """Make a trust bundle with one anchor. A file that exists is not written over: it may hold history."""
    if root_threshold is not None and not roots:
        raise click.UsageError("--root-threshold goes with --root")
    entries = _trust_options.entries(**options)
    signing = None
    if roots:
        expired = options["allow_expired_certificate"]
        named = _trust_options.entries(
            roots, options["passphrase_file"], allow_expired_certificate=expired, windows=False
        )
        signing = {"threshold": root_threshold or 1, "keys": named}
    try:
        bundle = editing.create(
            options["anchor"],
            entries,
            now=datetime.now(UTC),
            expires=expires,
            roots=signing,
            **_trust_options.limits(**options),
        )
    except InputError as error:  # there is no file yet that could be wrong
        raise click.UsageError(str(error)) from None
    if output in (None, "-"):
        _one_document(session)
        _output.document(None, bundle.to_json())
        return _output.Completed()
    _output.document(output, bundle.to_json(), overwrite=False)
    return _output.done(session, [f"made {output}", *_trust.lines(bundle)], file=output, **_trust.summary(bundle))


@command.command()
@click.argument("file")
@_trust_options.adding_options(roots=True)
@click.pass_obj
def add(
    session: _output.OutputContext, /, file: str, anchor: str | None, roots: bool, after: str | None, **options: Any
) -> _output.Completed:
    """Add keys to an anchor of the trust bundle FILE, in place; the anchor is made if it isn't there."""
    place = _trust_options.holder(anchor, roots)
    limits = _trust_options.limits(**options)
    if place is ROOTS and any(value for name, value in limits.items() if name != "threshold"):
        raise click.UsageError("--roots vouch for the trust bundle alone, and have no limits but --threshold")
    TrustBundle.load(file)  # before anybody is asked for a passphrase
    entries = _trust_options.entries(**options, windows=place is not ROOTS)
    now = datetime.now(UTC)
    changed = _trust.change(
        file, lambda bundle: editing.add(bundle, place, entries, now=now, **limits), now=now, after=after
    )
    added = [entry["keyid"] for entry in entries]
    return _output.done(session, changed.lines(file), **changed.details(file), added=added)


@command.command()
@click.argument("file")
@click.option("--public", is_flag=True, help="Print the copy for verifiers, without signers, as JSON.")
@_options.trust_root_option
@_options.simulated_option
@_options.format_option
@_options.output_option
@click.pass_obj
def show(
    session: _output.OutputContext,
    file: str,
    public: bool,
    trust_root: str | None,
    allow_simulated: bool,
    output: str | None,
) -> _output.Completed:
    """Show the anchors and keys of the trust bundle FILE; of a signed one, unverified unless --trust-root is given."""
    if public:
        _one_document(session)
        bundle = TrustBundle.load(file)
        _output.document(output, editing.without_signers(bundle).to_json(), inputs=[file])
        return _output.Completed()
    if output is not None:
        raise click.UsageError("-o goes with --public")
    bundle, checks = _trust_signing.open_trust(file, trust_root, allow_simulated=allow_simulated)
    if checks is None:
        title = f"UNVERIFIED: {file} claims this, and none of its signatures has been checked"
        unverified = {**_trust.summary(bundle), "trust": bundle.document}
        return _output.done(session, [title, *_trust.lines(bundle)], file=file, unverified=unverified)
    text = [file, *_trust.lines(bundle), *_trust_signing.lines(checks)]
    if trust_root is not None and not checks:
        text.append(f"  version {bundle.version}: the same bytes as the trust root")
    details = {"signed": [_result.root_check(check) for check in checks]} if checks else {}
    return _output.done(session, text, file=file, **_trust.summary(bundle), trust=bundle.document, **details)


@command.command()
@click.argument("file")
@click.option(
    "--soon",
    metavar="DAYSd",
    default="30d",
    show_default=True,
    callback=_trust_options.check_days,
    help="How near an end is worth a warning.",
)
@click.option("--strict", is_flag=True, help="Exit 1 if there is anything to warn of.")
@_options.format_option
@click.pass_obj
def check(session: _output.OutputContext, file: str, soon: timedelta, strict: bool) -> _output.Completed:
    """Validate the trust bundle FILE, and warn of what its owner should look at."""
    bundle = TrustBundle.load(file)
    findings = lint.check(bundle, now=datetime.now(UTC), soon=soon)
    _trust.warn(file, findings)
    if findings and strict:
        raise Rejected("trust-findings", f"there are {len(findings)} warnings", where=file)
    count = f"{len(findings)} warning{'s' if len(findings) != 1 else ''}" if findings else "no warnings"
    text = [f"valid: {file} (version {bundle.version}, {count})"]
    return _output.done(session, text, file=file, **_trust.summary(bundle), findings=[f._asdict() for f in findings])


@command.command()
@click.argument("old")
@click.argument("new")
@click.option("--exit-code", is_flag=True, help="Exit 1 if they differ.")
@_options.format_option
@click.pass_obj
def diff(session: _output.OutputContext, old: str, new: str, exit_code: bool) -> _output.Completed:
    """Show what changed from the trust bundle OLD to NEW, and what of it lets more through than before."""
    before, after = TrustBundle.load(old), TrustBundle.load(new)
    changes = trust_diff.diff(before, after)
    weakened = sum(change.weakened for change in changes)
    count = f"{len(changes)} change{'s' if len(changes) != 1 else ''}, {weakened or 'none'} of them weakening"
    text = [
        f"{old} -> {new}: {count if changes else 'no changes'}",
        *(f"  {change.message}{' (weakened)' if change.weakened else ''}" for change in changes),
    ]
    details: dict[str, Any] = {
        "old": {"file": old, **_trust.summary(before)},
        "new": {"file": new, **_trust.summary(after)},
        "weakened": bool(weakened),
        "changes": [change._asdict() for change in changes],
    }
    if changes and exit_code:
        _output.undone(session, text, **details)
        raise Rejected("trust-differs", f"{new} is not {old}")
    return _output.done(session, text, **details)


for _command in (_trust_signing.sign, _trust_life.retire, _trust_life.revoke, _trust_life.rotate, _trust_resign.resign):
    command.add_command(_command)


def _one_document(session: _output.OutputContext) -> None:
    if session.format == "json":
        raise click.UsageError("--format json has nothing to print where the trust bundle itself is printed")
