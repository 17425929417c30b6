"""`attest key`: the keys behind signer URIs, made, exported and checked.

Rule: a private key is never printed and never written over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _options, _output, _probe, _secrets
from attest.errors import SignerError
from attest.keys import ALGORITHMS, HSM_ALGORITHMS, algorithm_named
from attest.signers import SecretRequest, SignerURI, generate_key, open_signer, wrap_key

if TYPE_CHECKING:
    from attest.keys import PublicKey
    from attest.signers import Secrets


@click.group("key", cls=_commands.Group, short_help="Make, export and check the keys behind signer URIs.")
def command() -> None:
    """Make, export and check the keys behind signer URIs."""


@command.command()
@_options.uri_argument
@click.option("--algorithm", type=click.Choice([*ALGORITHMS, *HSM_ALGORITHMS]), help="Ed25519 unless told otherwise.")
@click.option("--encrypt", is_flag=True, help="Encrypt the key file with a passphrase.")
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def generate(
    session: _output.OutputContext, uri: str, algorithm: str | None, encrypt: bool, passphrase_file: str | None
) -> _output.Completed:
    """Make a key pair where URI says. A key that exists is never written over."""
    secret: str | Secrets | None = None
    parsed = SignerURI.parse(uri)
    if algorithm in HSM_ALGORITHMS and parsed.scheme not in ("pkcs11", "sim"):
        raise click.UsageError(f"{algorithm} is for keys in tokens, and {parsed.scheme}: is none")
    if parsed.scheme == "pkcs11" and "pin-source" not in parsed.query:
        secret = _secrets.secrets(None)
    elif encrypt:
        secret = _secrets.secrets(passphrase_file, twice=True)(SecretRequest.passphrase(uri))
        if not secret:
            hint = "Use --passphrase-file, ATTEST_PASSPHRASE or a terminal."
            raise SignerError("passphrase-missing", "no passphrase was given", where=uri, hint=hint)
    with generate_key(uri, algorithm_named(algorithm) if algorithm else None, secret=secret) as signer:
        if "sign" not in signer.capabilities:
            can = sorted(signer.capabilities)
            text = [f"made {uri}", f"  can         {', '.join(can)}"]
            return _output.done(session, text, signer=uri, capabilities=can)
        key = signer.public_key
    return _output.done(session, [f"made {uri}", *_probe.lines(key)], signer=uri, key=_probe.describe(key))


@command.command()
@_options.uri_argument
@_options.passphrase_option
@_options.output_option
@click.pass_obj
def export(
    session: _output.OutputContext, uri: str, passphrase_file: str | None, output: str | None
) -> _output.Completed:
    """Print the public key behind URI as PEM."""
    with open_signer(uri, secrets=_secrets.secrets(passphrase_file)) as signer:
        pem = signer.public_key.to_pem()
    _output.document(output, pem.encode(), inputs=_options.signer_files([uri], passphrase_file))
    return _output.Completed()


@command.command()
@_options.uri_argument
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def check(session: _output.OutputContext, uri: str, passphrase_file: str | None) -> _output.Completed:
    """Sign with the key behind URI, verify that, and say what the key is."""
    with open_signer(uri, secrets=_secrets.secrets(passphrase_file)) as signer:
        key, _, milliseconds = _probe.probe(signer)
        capabilities = sorted(signer.capabilities)
        members = signer.health()
    warnings = _warnings(uri, key) + [warning for health, _ in members for warning in health["warnings"]]
    attributes = [
        {"token": health["token"], "name": check.name, "value": check.value, "good": check.good}
        for health, checks in members
        for check in checks
    ]
    for warning in warnings:
        session.warn(warning)
    text = [
        f"works {uri}",
        *_probe.lines(key),
        f"  can         {', '.join(capabilities)}",
        f"  signed in   {milliseconds:.1f} ms",
        *(f"  {entry['name']:<18} {str(entry['value']).lower()}" for entry in attributes),
    ]
    return _output.done(
        session,
        text,
        signer=uri,
        key=_probe.describe(key),
        capabilities=capabilities,
        milliseconds=milliseconds,
        attributes=attributes,
        warnings=warnings,
    )


@command.command()
@_options.uri_argument
@click.option(
    "--with",
    "wrapping",
    metavar="URI",
    required=True,
    callback=_options.check_signers,
    help="The key that encrypts it: pkcs11:...;type=secret-key?...",
)
@_options.passphrase_option
@_options.output_option
@click.pass_obj
def wrap(
    session: _output.OutputContext, uri: str, wrapping: str, passphrase_file: str | None, output: str | None
) -> _output.Completed:
    """Encrypt the key file that URI names with a key in a token; sign with file:OUTPUT?with=URI."""
    if SignerURI.parse(uri).scheme != "file":
        raise click.UsageError("only a key file can be wrapped: file:PATH")
    ask = _secrets.secrets(passphrase_file)
    with open_signer(wrapping, secrets=ask) as signer:
        wrapped = wrap_key(uri, signer, secrets=ask)
    _output.document(output, wrapped, inputs=_options.signer_files([uri], passphrase_file))
    return _output.Completed()


def _warnings(uri: str, key: PublicKey) -> list[str]:
    found = []
    if key.simulated:
        found.append("this key is simulated: anyone can sign with it")
    parsed = SignerURI.parse(uri)
    if parsed.scheme == "file" and "with" not in parsed.query and (text := files.exposure(parsed.path)):
        found.append(text)
    return found
