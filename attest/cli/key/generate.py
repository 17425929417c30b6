"""`attest key generate`: a new key pair.

Rule: an existing key is never overwritten, and a private key is never printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _key_check, _options, _output
from attest.cli._inputs import secrets
from attest.errors import SignerError
from attest.keys import ALGORITHMS, HSM_ALGORITHMS, algorithm_named
from attest.signers import REGISTRY, SecretRequest, SignerURI, generate_key, open_signer

if TYPE_CHECKING:
    from attest.signers import Secrets


@click.command(cls=_commands.Command)
@_options.uri_argument
@click.option(
    "--algorithm",
    metavar="NAME",
    type=click.Choice([*ALGORITHMS, *HSM_ALGORITHMS]),
    show_default="that of the URI; else ed25519 for file: and sim:, ecdsa-sha2-nistp256 for others",
    help=f"Algorithm of the key: {', '.join(ALGORITHMS)}, or an HSM- name for a key in a token.",
)
@click.option("--encrypt", is_flag=True, help="Encrypt the key file with a passphrase.")
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext, uri: str, algorithm: str | None, encrypt: bool, passphrase_file: str | None
) -> _output.Completed:
    """Generate a key pair at a signer URI.

    URI is file:PATH, pkcs11:..., sim:NAME, or that of a key in a KMS or Vault. An existing key is never overwritten.

    \b
    Example:
      attest key generate file:release.pem
    """
    secret: str | Secrets | None = None
    parsed = SignerURI.parse(uri)
    if algorithm in HSM_ALGORITHMS and parsed.scheme not in ("pkcs11", "sim"):
        raise click.UsageError(f"{algorithm} is only for keys in tokens, not for {parsed.scheme}:")
    if encrypt and parsed.scheme != "file" and parsed.scheme not in REGISTRY.plugins():
        raise click.UsageError(f"--encrypt is only for key files, not for {parsed.scheme}:")
    if parsed.scheme == "pkcs11" and "pin-source" not in parsed.query:
        secret = secrets.secrets(None)
    elif encrypt:
        for file in open_signer(uri).files:
            files.demand_new(file)  # before a passphrase is typed for nothing
        secret = secrets.secrets(passphrase_file, twice=True)(SecretRequest.passphrase(uri))
        if not secret:
            message = "no passphrase was given" if secret is None else "the passphrase is empty"
            hint = "Use --passphrase-file or ATTEST_PASSPHRASE, or run the command in a terminal."
            raise SignerError("passphrase-missing", message, where=uri, hint=hint)
    with generate_key(uri, algorithm_named(algorithm) if algorithm else None, secret=secret) as signer:
        if "sign" not in signer.capabilities:
            can = sorted(signer.capabilities)
            text = [f"created: {uri}", f"  can         {', '.join(can)}"]
            return _output.done(session, text, signer=uri, capabilities=can)
        key, used = signer.public_key, str(signer.uri)  # the URI to sign with this algorithm, if the key has several
        version = signer.version_uri
    text = [f"created: {used}", *_key_check.lines(key)]
    return _output.done(session, text, signer=used, key=_key_check.describe(key), version=version)
