"""The life of the keys in a trust bundle: `attest trust retire`, `revoke` and `rotate`.

Rule: a key is never taken out, and a revocation is never refused for what it leaves behind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from attest import resigning
from attest._base import files
from attest._base.json import pointer
from attest._base.times import format_time, parse_time
from attest.cli import _commands, _options, _output, _result, _trust, _trust_options
from attest.limits import MAX_ENVELOPE
from attest.trust import editing
from attest.trust.bundle import TrustBundle
from attest.trust.editing import ROOTS
from attest.trust.lint import LintWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.resigning import RotationEffect
    from attest.trust.editing import Holder

_OVERLAP: Final = timedelta(days=30)


@click.command(cls=_commands.Command)
@click.argument("file")
@_trust_options.anchor_option(required=False, does="has the key")
@_trust_options.roots_option
@_trust_options.one_key_options()
@_trust_options.reason_option
@_trust_options.after_option
@_trust_options.at_option
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def retire(
    session: _output.OutputContext,
    file: str,
    anchor: str | None,
    roots: bool,
    keyid: str | None,
    key: str | None,
    reason: str | None,
    after: str | None,
    at: str | None,
    passphrase_file: str | None,
) -> _output.Completed:
    """Retire a key of an anchor of the trust bundle FILE, in place: from then on it vouches for nothing new."""
    place = _trust_options.holder(anchor, roots)
    chosen = _trust_options.keyid_of(keyid, key, passphrase_file)
    now, since = datetime.now(UTC), _options.moment(at)
    changed = _trust.change(
        file,
        lambda bundle: editing.retire(bundle, place, chosen, now=now, at=since, reason=reason),
        now=now,
        after=after,
    )
    return _output.done(session, changed.lines(file), **changed.details(file))


@click.command(cls=_commands.Command)
@click.argument("file")
@_trust_options.anchor_option(required=False, does="has the key, if that is to be made sure of")
@_trust_options.roots_option
@_trust_options.one_key_options()
@_trust_options.reason_option
@_trust_options.after_option
@_trust_options.at_option
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def revoke(
    session: _output.OutputContext,
    file: str,
    anchor: str | None,
    roots: bool,
    keyid: str | None,
    key: str | None,
    reason: str | None,
    after: str | None,
    at: str | None,
    passphrase_file: str | None,
) -> _output.Completed:
    """Call a key of the trust bundle FILE compromised, in place and wherever it stands. Nothing undoes it."""
    chosen = _trust_options.keyid_of(keyid, key, passphrase_file)
    named = [] if anchor is None and not roots else [_trust_options.holder(anchor, roots)]
    now, since = datetime.now(UTC), _options.moment(at)

    def edit(bundle: TrustBundle) -> TrustBundle:
        for place in named:
            editing.find(bundle.document, place, chosen)
        return editing.revoke(bundle, chosen, now=now, at=since, reason=reason)

    changed = _trust.change(file, edit, now=now, after=after)
    return _output.done(session, changed.lines(file), **changed.details(file))


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("attestations", metavar="[ATTESTATION]...", nargs=-1)
@_trust_options.anchor_option(required=False, does="has the old key and gets the new one")
@_trust_options.roots_option
@_trust_options.one_key_options(key="old-key", what="the old key")
@click.option("--key", metavar="URI|FILE", required=True, help="The new key, as in `attest trust add`.")
@_trust_options.algorithm_option
@_trust_options.expired_option
@click.option("--not-after", metavar="TIME", callback=_options.check_time, help="The new key counts until then.")
@click.option(
    "--overlap",
    metavar="DAYSd",
    callback=_trust_options.check_days,
    help="How long the old key still counts, 30d if it isn't said; 0d retires it now.",
)
@_trust_options.reason_option
@_trust_options.after_option
@_trust_options.judging_options
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def rotate(
    session: _output.OutputContext,
    /,
    file: str,
    attestations: tuple[str, ...],
    anchor: str | None,
    roots: bool,
    keyid: str | None,
    old_key: str | None,
    key: str,
    algorithm: str | None,
    allow_expired_certificate: bool,
    not_after: str | None,
    overlap: timedelta | None,
    reason: str | None,
    after: str | None,
    passphrase_file: str | None,
    **options: Any,
) -> _output.Completed:
    """Replace a key of an anchor of the trust bundle FILE, in place: the new one counts now, the old one a while still.

    Of the ATTESTATIONs those are listed that won't verify any more when the old key has ended; `attest trust resign`
    counter-signs them.
    """
    place = _trust_options.holder(anchor, roots)
    if place is ROOTS and attestations:
        raise click.UsageError("--roots vouch for the trust bundle alone, and for no ATTESTATION")
    if place is ROOTS and (overlap or not_after):
        raise click.UsageError("a root has no window: the old one signs the version without it, and then no more")
    given = {name: files.read(name, limit=MAX_ENVELOPE) for name in attestations}
    TrustBundle.load(file)  # before anybody is asked for a passphrase
    old = _trust_options.keyid_of(keyid, old_key, passphrase_file, option="--old-key")
    (new,) = _trust_options.entries(
        [key],
        passphrase_file,
        algorithm,
        not_after=not_after,
        allow_expired_certificate=allow_expired_certificate,
        windows=place is not ROOTS,
    )
    now, still = datetime.now(UTC), _OVERLAP if overlap is None else overlap
    changed = _trust.change(
        file,
        lambda bundle: editing.rotate(bundle, place, old, new, now=now, overlap=still, reason=reason),
        now=now,
        after=after,
    )
    end = _end(editing.find(changed.after.document, place, old))
    findings = changed.findings + _doubled(changed.after, place, end, now)
    _trust.warn(file, findings[len(changed.findings) :])
    outlooks = {
        name: resigning.outlook(
            data, changed.before, changed.after, now=now, end=end, **_trust_options.judging(**options)
        )
        for name, data in given.items()
    }
    for name, outlook in outlooks.items():
        if outlook.verdict == "unverified" and outlook.objection is not None:
            error = _options.locate(outlook.objection, name)
            _output.prose("warning", f"{error} ({error.code}), so the rotation changes nothing for it")
    details = changed._replace(findings=findings).details(file)
    told = [_result.attestation(name, outlook.verdict, outlook.objection) for name, outlook in outlooks.items()]
    text = [*changed.lines(file), *_ending(outlooks, end)]
    return _output.done(session, text, **details, ends=format_time(end), attestations=told)


def _end(entry: Mapping[str, Any]) -> datetime:
    """The last moment of a key that is being replaced."""
    return parse_time(entry["status_since" if entry["status"] == "retired" else "not_after"], where="")


def _doubled(bundle: TrustBundle, place: Holder, end: datetime, now: datetime) -> list[LintWarning]:
    """During an overlap one person has two keys, which a threshold takes for two people."""
    threshold = editing.held(bundle.document, place)["threshold"]
    if threshold < 2 or end <= now:
        return []
    name = editing.called(place)
    message = f"until {format_time(end)} whoever has the old and the new key is two of the {threshold} of {name}"
    where = pointer("roots") if place is ROOTS else pointer("anchors", name)
    return [LintWarning("overlap-counts-twice", where, message)]


def _ending(outlooks: Mapping[str, RotationEffect], end: datetime) -> list[str]:
    ending = [name for name, outlook in outlooks.items() if outlook.verdict == "ending"]
    if not ending:
        return []
    head = f"these don't verify any more after {format_time(end)}; counter-sign them before (attest trust resign):"
    return [head, *(f"  {name}" for name in ending)]
