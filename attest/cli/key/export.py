"""`attest key export`: a public key as PEM.

Rule: a private key is never printed.
"""

from __future__ import annotations

import click

from attest.cli import _commands, _key_check, _options, _output, _secrets
from attest.signers import open_signer


@click.command(cls=_commands.Command)
@_options.uri_argument
@_options.passphrase_option
@_options.product_format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext, uri: str, passphrase_file: str | None, output: str | None
) -> _output.Completed:
    """Print the public key as PEM."""
    with open_signer(uri, secrets=_secrets.secrets(passphrase_file)) as signer:
        key = signer.public_key
    pem = key.to_pem()
    _output.product(session, output, pem.encode(), inputs=_options.signer_files([uri], passphrase_file))
    return _output.made(session, output, "public_key", lambda: pem, signer=uri, key=_key_check.describe(key))
