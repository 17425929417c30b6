"""`attest trust revoke`: a key that someone else may have, or an identity that someone else may use.

Rule: a revocation holds in every anchor and is never refused, even if an anchor then has too few keys.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest.cli import _commands, _output
from attest.cli._options import times
from attest.cli.trust import _change, _keys
from attest.cli.trust import _options as _trust_options
from attest.trust import editing

if TYPE_CHECKING:
    from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@_trust_options.ending_options(does="must have the key or identity")
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    anchor: str | None,
    roots: bool,
    keyid: str | None,
    key: str | None,
    reason: str | None,
    after: str | None,
    at: str | None,
    passphrase_file: str | None,
    **identity: Any,
) -> _output.Completed:
    """Mark a key or an identity as compromised in all anchors.

    Changes the trust bundle FILE in place. Signatures by the key or identity never count again. This cannot be undone.
    If several identities have the same name, all are marked, unless --authority, --issuer or --claim chooses some.
    """
    chosen = _keys.member(roots, keyid, key, passphrase_file, **identity)
    named = [] if anchor is None and not roots else [_trust_options.holder(anchor, roots)]
    now, since = datetime.now(UTC), times.moment(at)

    def edit(bundle: TrustBundle) -> TrustBundle:
        member = editing.completed(bundle.document, editing.holders(bundle.document), chosen)
        for place in named:
            editing.demand(bundle.document, place, member)
        return editing.revoke(bundle, member, now=now, at=since, reason=reason)

    changed = _change.change(file, edit, now=now, after=after)
    return _output.done(session, changed.lines(file), **changed.details(file))
