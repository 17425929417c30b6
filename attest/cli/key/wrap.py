"""`attest key wrap`: a key file encrypted by a key in a token.

Rule: the private key is written only in encrypted form.
"""

from __future__ import annotations

import click

from attest._base.json import loads_object
from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.signers import SignerURI, open_signer, wrap_key


@click.command(cls=_commands.Command)
@_options.uri_argument
@click.option(
    "--with",
    "wrapping",
    metavar="URI",
    required=True,
    callback=_options.check_signers,
    help="Key that encrypts: pkcs11:...;type=secret-key?...",
)
@_options.passphrase_option
@_options.product_format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext, uri: str, wrapping: str, passphrase_file: str | None, output: str | None
) -> _output.Completed:
    """Encrypt a key file with a key in a token.

    URI is file:PATH. To sign with the result: --signer 'file:OUTPUT?with=URI'.
    """
    if SignerURI.parse(uri).scheme != "file":
        raise click.UsageError("only a key file can be encrypted: file:PATH")
    ask = secrets.secrets(passphrase_file)
    with open_signer(wrapping, secrets=ask) as signer:
        wrapped = wrap_key(uri, signer, secrets=ask)
    _output.product(session, output, wrapped, inputs=_options.signer_files([uri], passphrase_file))
    return _output.made(
        session, output, "wrapped_key", lambda: loads_object(wrapped, what="the wrapped key"), signer=uri
    )
