"""`attest trust retire`: a key or an identity that is no longer used.

Rule: what is retired stays in the bundle, for signatures that are proven to be older.
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
@_trust_options.ending_options(does="has the key or identity")
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
    """Retire a key or an identity that is no longer used.

    Changes the trust bundle FILE in place. Signatures by the key or identity then count only if a trusted timestamp or
    log proves that they are older.
    """
    place = _trust_options.holder(anchor, roots)
    chosen = _keys.member(roots, keyid, key, passphrase_file, **identity)
    now, since = datetime.now(UTC), times.moment(at)

    def edit(bundle: TrustBundle) -> TrustBundle:
        member = editing.completed(bundle.document, [place], chosen)
        return editing.retire(bundle, place, member, now=now, at=since, reason=reason)

    changed = _change.change(file, edit, now=now, after=after)
    return _output.done(session, changed.lines(file), **changed.details(file))
