"""`attest trust rotate`: a new key in the place of an old one.

Rule: the old key stays in the bundle, and the command lists the attestations that need a new signature.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from attest import resigning
from attest._base import files
from attest._base.json import pointer
from attest._base.times import format_time, parse_time
from attest.cli import _commands, _options, _output
from attest.cli._options import times
from attest.cli.trust import _change, _keys, _show
from attest.cli.trust import _options as _trust_options
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


def _refuse_identity(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        message = "an identity has no key to replace: add the new one (attest trust add), and retire the old one"
        raise click.BadParameter(message, ctx, param)


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("attestations", metavar="[ATTESTATION]...", nargs=-1)
@_trust_options.anchor_option(required=False, does="has the old key and gets the new one")
@_trust_options.roots_option
@_trust_options.one_key_options(key="old-key", what="the old key")
@click.option("--identity", hidden=True, expose_value=False, callback=_refuse_identity)
@click.option(
    "--key",
    metavar="URI|FILE",
    required=True,
    help="New key: a signer URI, or a file with a public key or certificate.",
)
@_trust_options.algorithm_option
@_trust_options.expired_option
@times.not_after_option("the new key")
@click.option(
    "--overlap",
    type=times.DAYS,
    show_default="30d",
    help="Time for which the old key still counts. 0d retires it now.",
)
@_trust_options.reason_option
@_trust_options.after_option
@_trust_options.verifying_options
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def command(
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
    """Replace a key of an anchor.

    Changes the trust bundle FILE in place. The new key counts from now, the old key until --overlap has passed. Lists
    the ATTESTATIONs that will not verify after that; sign them again with `attest trust resign`.
    """
    place = _trust_options.holder(anchor, roots)
    if place is ROOTS and attestations:
        raise click.UsageError("--roots cannot be used with ATTESTATIONs: roots sign only trust bundles")
    if place is ROOTS and (overlap or not_after):
        raise click.UsageError("--roots cannot be used with --overlap or --not-after: a root has no validity period")
    given = {name: files.read(name, limit=MAX_ENVELOPE) for name in attestations}
    TrustBundle.load(file)  # an error in it comes before a prompt for a passphrase
    old = _keys.keyid_of(keyid, old_key, passphrase_file, option="--old-key")
    (new,) = _keys.entries(
        [key],
        passphrase_file,
        algorithm,
        not_after=not_after,
        allow_expired_certificate=allow_expired_certificate,
        windows=place is not ROOTS,
    )
    now, still = datetime.now(UTC), _OVERLAP if overlap is None else overlap

    def edit(bundle: TrustBundle) -> TrustBundle:
        keyid = editing.completed(bundle.document, [place], old)
        return editing.rotate(bundle, place, keyid, new, now=now, overlap=still, reason=reason)

    changed = _change.change(file, edit, now=now, after=after)
    old = editing.completed(changed.before.document, [place], old)  # the new key may begin in the same way
    end = _end(editing.find(changed.after.document, place, old))
    findings = changed.findings + _doubled(changed.after, place, end, now)
    _show.warn(file, findings[len(changed.findings) :])
    effects = {
        name: resigning.outlook(
            data, changed.before, changed.after, now=now, end=end, **_trust_options.verifying(**options)
        )
        for name, data in given.items()
    }
    for name, effect in effects.items():
        if effect.verdict == "unverified" and effect.objection is not None:
            error = _options.locate(effect.objection, name)
            _output.prose("warning", f"{error} ({error.code}); the rotation does not affect it")
    details = changed._replace(findings=findings).details(file)
    details_of = [_show.attestation(name, effect.verdict, effect.objection) for name, effect in effects.items()]
    text = [*changed.lines(file), *_ending(effects, end)]
    return _output.done(session, text, **details, ends=format_time(end), attestations=details_of)


def _end(entry: Mapping[str, Any]) -> datetime:
    """The last moment at which the key that is replaced counts."""
    return parse_time(entry["status_since" if entry["status"] == "retired" else "not_after"], where="")


def _doubled(bundle: TrustBundle, place: Holder, end: datetime, now: datetime) -> list[LintWarning]:
    """The warning that the two keys of one person count as two signers until the overlap ends."""
    threshold = editing.held(bundle.document, place)["threshold"]
    if threshold < 2 or end <= now:
        return []
    name = editing.called(place)
    both = "someone who has the old and the new key"
    message = f"until {format_time(end)} {both} counts as 2 of the {threshold} required keys of {name}"
    where = pointer("roots") if place is ROOTS else pointer("anchors", place)
    return [LintWarning("overlap-counts-twice", where, message)]


def _ending(effects: Mapping[str, RotationEffect], end: datetime) -> list[str]:
    ending = [name for name, effect in effects.items() if effect.verdict == "ending"]
    if not ending:
        return []
    head = f"these will not verify after {format_time(end)}; sign them again before (attest trust resign):"
    return [head, *(f"  {name}" for name in ending)]
