"""`attest convert`: attestations in the containers that other programs read.

Rule: everything is converted or nothing is written, and what is lost is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _options, _output
from attest.cli._inputs import lines
from attest.converting import TARGETS, Target, convert, demand_number
from attest.errors import InputError
from attest.keys import PublicKey
from attest.sources import read_all

if TYPE_CHECKING:
    from attest.keys import KeyidFormat
    from attest.limits import Limits


@click.command(cls=_commands.Command, short_help="Convert attestations for other programs.")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True, callback=_options.check_stdin)
@click.option(
    "--to",
    type=click.Choice(TARGETS),
    required=True,
    help="dsse: one DSSE envelope. jsonl: any number. sigstore: a Sigstore bundle for each signature. pep740: one PyPI "
    "attestation.",
)
@_options.keyid_format_option("unchanged")
@click.option(
    "--key",
    "key_files",
    metavar="FILE",
    multiple=True,
    help="Public key of a signature, if --keyid-format needs to know it. May be repeated.",
)
@lines.options
@click.pass_obj
def command(
    session: _output.OutputContext,
    sources: tuple[str, ...],
    to: Target,
    keyid_format: KeyidFormat | None,
    key_files: tuple[str, ...],
    limits: Limits,
    output: str | None,
) -> _output.Completed:
    """Convert attestations for other programs.

    Reads whatever `attest verify` reads, and writes one document in each line. Nothing is verified, and nothing that is
    signed changes. Certificates, log entries and timestamps are kept. If the new container cannot hold
    something, a warning names it. If it needs something that is missing, that is an error.

    \b
    Examples:
      attest convert app.intoto.json --to sigstore -o app.sigstore.json
      attest convert *.sigstore.json --to jsonl -o release.intoto.jsonl
    """
    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    keys = [PublicKey.parse(files.read(name), what=name) for name in key_files]
    stdin = _options.stdin() if "-" in sources else None
    documents = lines.DocumentLines("Convert them in several calls.")
    lost: dict[str, None] = {}
    number = 0
    for source in sources:
        before = number
        for found in read_all([source], limits=limits, stdin=stdin):
            number += 1
            limits.check_attestations(number)
            try:
                made = convert(found.demand(), to, keyid_format=keyid_format, keys=keys)
            except InputError as error:
                raise _options.locate(error, found.name) from None
            documents.add(made.documents, found.name)
            lost |= dict.fromkeys(made.lost)
        if number == before:
            raise _options.locate(InputError("envelope-missing", "no attestation was found"), source)
    demand_number(to, number)
    warnings = [f"not kept: {what}" for what in lost]
    for warning in warnings:
        _output.prose("warning", warning)
    return documents.write(session, output, "converted", inputs=[*sources, *key_files], warnings=warnings)
