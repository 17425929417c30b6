"""`attest key export`: a public key, as PEM or in the format of another program.

Rule: a private key is never printed, and a key that no signature has proven is printed with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base.json import loads_object
from attest.cli import _commands, _key_check, _options, _output
from attest.cli._inputs import secrets
from attest.keys import KEY_FORMS, exported, forms_of
from attest.signers import SignerURI, open_signer

if TYPE_CHECKING:
    from attest.keys import KeyForm, PublicKey
    from attest.signers import BaseSigner


def _remember_format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    _options.remember_format(ctx, param, "json" if value == "json" else "text")
    return value if value in KEY_FORMS else "pem"


# `text` is what this option had as its default before there were several formats of a key.
_format_option: _options.Decorator = click.option(
    "--format",
    "form",
    type=click.Choice([*KEY_FORMS, "json", "text"]),
    default="pem",
    is_eager=True,
    callback=_remember_format,
    metavar="FORMAT",
    help="Format of the key: pem, ssh (OpenSSH), sslib (securesystemslib) or jwk; or json: one JSON object that "
    "contains all of them.",
)


@click.command(cls=_commands.Command)
@_options.uri_argument
@_options.passphrase_option
@_format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext, uri: str, passphrase_file: str | None, form: KeyForm, output: str | None
) -> _output.Completed:
    """Print the public key.

    If no PIN is given, and the token shows the public key without one, prints that key with a warning: no signature
    proves that it belongs to the private key.
    """
    with open_signer(uri, secrets=secrets.secrets(passphrase_file)) as signer:
        key, proven = _public_key(uri, signer)
    if not proven:
        session.warn(
            "the token showed this public key without a PIN, and no signature proves that it belongs to the private "
            "key; `attest key check` proves it"
        )
    text = exported(key, form)
    _output.product(session, output, text.encode(), inputs=_options.signer_files([uri], passphrase_file))
    described = {**_key_check.describe(key), "proven": proven}
    others = {one: _value(exported(key, one)) for one in forms_of(key) if one != "pem"}
    return _output.made(session, output, "public_key", lambda: text, signer=uri, key=described, forms=others)


def _value(text: str) -> Any:
    """A key as it stands in a result object: JSON as an object, a line without its end."""
    return loads_object(text.encode(), what="the key") if text.startswith("{") else text.strip()


def _public_key(uri: str, signer: BaseSigner) -> tuple[PublicKey, bool]:
    """The public key, and whether it is known to be that of the signer. A PIN that is given is used for that."""
    if "pin-source" not in SignerURI.parse(uri).query and not secrets.pin_is_given():
        shown = signer.shown_public_key()
        if shown is not None:
            return shown, False
    return signer.public_key, True
