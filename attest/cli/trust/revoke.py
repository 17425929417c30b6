"""`attest trust revoke`: a key that someone else may have.

Rule: a revocation holds in every anchor and is never refused, even if an anchor then has too few keys.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from attest.cli import _commands, _options, _output
from attest.cli.trust import _change, _keys
from attest.cli.trust import _options as _trust_options
from attest.trust import editing

if TYPE_CHECKING:
    from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@_trust_options.ending_options(does="must have the key")
@click.pass_obj
def command(
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
    """Mark a key as compromised in all anchors.

    Changes the trust bundle FILE in place. The signatures by the key never count again. This cannot be undone.
    """
    chosen = _keys.keyid_of(keyid, key, passphrase_file)
    named = [] if anchor is None and not roots else [_trust_options.holder(anchor, roots)]
    now, since = datetime.now(UTC), _options.moment(at)

    def edit(bundle: TrustBundle) -> TrustBundle:
        for place in named:
            editing.find(bundle.document, place, chosen)
        return editing.revoke(bundle, chosen, now=now, at=since, reason=reason)

    changed = _change.change(file, edit, now=now, after=after)
    return _output.done(session, changed.lines(file), **changed.details(file))
