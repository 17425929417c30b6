"""`attest sign`: an envelope from a statement, or one more signature on an envelope.

Rule: nothing is signed that isn't a statement, and nothing is written unless every signer signed.
"""

from __future__ import annotations

from contextlib import ExitStack

import click

from attest.cli import _options, _output


@click.command(short_help="Sign a Statement, or counter-sign an envelope.")
@click.argument("source", metavar="[STATEMENT|ENVELOPE|-]", default="-")
@_options.signer_option
@_options.passphrase_option
@_options.old_statement_option
@_options.no_schema_option
@click.option(
    "--timestamp",
    metavar="URL",
    envvar="ATTEST_TIMESTAMP",
    callback=_options.check_timestamp_url,
    help="Have this time-stamping authority (RFC 3161) prove when each signature was made.",
)
@_options.output_option
@click.pass_obj
def command(
    session: _output.Session,
    source: str,
    signers: tuple[str, ...],
    passphrase_file: str | None,
    statement_v0_1: bool,
    no_schema: bool,
    timestamp: str | None,
    output: str | None,
) -> _output.Done:
    """Sign a Statement into a DSSE envelope, or add signatures to an envelope.

    The bytes of the Statement are signed exactly as they are given. An envelope's payload must be a Statement too.
    """
    from attest.errors import AttestError
    from attest.signers import open_signer
    from attest.signing import sign, signable
    from attest.timestamping import Timestamper

    data = _options.read_input(source)
    try:
        what = signable(data, allow_v0_1=statement_v0_1, check_predicate=not no_schema)
    except AttestError as error:
        raise _options.locate(error, source) from None
    ask = _options.secrets(passphrase_file)
    with ExitStack() as stack:
        opened = [stack.enter_context(open_signer(uri, secrets=ask)) for uri in signers]
        envelope = sign(what, opened, timestamp=None if timestamp is None else Timestamper(timestamp))
    _output.document(output, envelope.to_json(), inputs=[source, *_options.signer_files(signers, passphrase_file)])
    return _output.Done()
