"""`attest trust show`: the content of a trust bundle.

Rule: a signed trust bundle is shown as unverified unless its roots are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest.cli import _commands, _options, _output
from attest.cli.trust import _show
from attest.errors import AttestError
from attest.trust import editing, history
from attest.trust.bundle import TrustBundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.results.report import RootCheck


@click.command(cls=_commands.Command)
@click.argument("file")
@click.option(
    "--public", is_flag=True, help="Print the trust bundle as JSON without `signer` fields: a copy for verifiers."
)
@_options.trust_root_option
@_options.simulated_option
@_options.format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    file: str,
    public: bool,
    trust_root: str | None,
    allow_simulated: bool,
    output: str | None,
) -> _output.Completed:
    """Show the anchors and authorities of a trust bundle.

    A signed trust bundle is shown as unverified unless you give --trust-root.
    """
    if public:
        copy = editing.without_signers(TrustBundle.load(file))
        _output.product(session, output, copy.to_json(), inputs=[file])
        return _output.made(session, output, "trust", lambda: copy.document, **_show.summary(copy))
    if output is not None:
        raise click.UsageError("-o requires --public")
    bundle, checks = _open_trust(file, trust_root, allow_simulated=allow_simulated)
    if checks is None:
        title = f"UNVERIFIED: content of {file}; its signatures are not checked"
        unverified = {**_show.summary(bundle), "trust": bundle.document}
        return _output.done(session, [title, *_show.lines(bundle)], file=file, unverified=unverified)
    text = [file, *_show.lines(bundle), *_show.signature_lines(checks)]
    if trust_root is not None and not checks:
        text.append(f"  version {bundle.version}: the same bytes as --trust-root")
    details = {"signed": [_show.root_check(check) for check in checks]} if checks else {}
    return _output.done(session, text, file=file, **_show.summary(bundle), trust=bundle.document, **details)


def _open_trust(
    file: str, trust_root: str | None, *, allow_simulated: bool
) -> tuple[TrustBundle, Sequence[RootCheck] | None]:
    """The bundle in a file and the checks of its signatures: empty if it is not signed, None if not checked."""
    root = None if trust_root is None else history.load_root(trust_root)
    found = _show.read(file)
    if root is None and not isinstance(found, TrustBundle):
        return found[-1].unverified, None
    try:
        return history.accept(found, root, allow_simulated=allow_simulated)
    except AttestError as error:
        raise _options.locate(error, file) from None
