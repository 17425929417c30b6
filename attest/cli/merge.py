"""`attest merge`: the signatures of several envelopes over the same payload in one envelope.

Rule: no signature is lost, changed or verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base.json import loads_object
from attest.cli import _commands, _options, _output
from attest.envelope import check_size
from attest.errors import InputError
from attest.sources import read_all

if TYPE_CHECKING:
    from attest.envelope import Envelope
    from attest.limits import Limits


@click.command(cls=_commands.Command, short_help="Combine signatures over the same payload.")
@click.argument("sources", metavar="ENVELOPE...", nargs=-1, required=True, callback=_options.check_stdin)
@_options.limit_option()
@_options.product_format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext, sources: tuple[str, ...], limits: Limits, output: str | None
) -> _output.Completed:
    """Combine signatures over the same payload.

    Writes one DSSE envelope with the signatures of all ENVELOPEs, in their order and each once. Nothing is verified.
    All must have the same payload and payload type. A file may have one envelope per line. The certificate, log
    entries and timestamps of a Sigstore bundle or another container stay with their signature.

    \b
    Example:
      attest merge alice.intoto.json bob.intoto.json -o review.intoto.json
    """
    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    stdin = _options.stdin() if "-" in sources else None
    merged: Envelope | None = None
    for source in sources:
        empty = True
        for found in read_all([source], limits=limits, stdin=stdin):
            empty = False
            try:
                envelope = found.demand()
                merged = (merged or envelope).merged_with(envelope, max_signatures=limits.signatures)
            except InputError as error:
                raise _options.locate(error, found.name) from None
        if empty:
            hint = "Name files with envelopes. Of a directory, only files with names like NAME.json are read."
            raise _options.locate(InputError("envelope-missing", "no envelope was found", hint=hint), source)
    assert merged is not None  # noqa: S101  # each source has at least one
    data = merged.to_json()
    check_size(len(data), limits.envelope)
    _output.product(session, output, data, inputs=sources)
    return _output.made(session, output, "envelope", lambda: loads_object(data, what="the envelope"))
