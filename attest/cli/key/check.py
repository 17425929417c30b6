"""`attest key check`: a test of a key, and its properties.

Rule: nobody can take the bytes that are signed for a payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _key_check, _options, _output, _secrets
from attest.signers import SignerURI, open_signer

if TYPE_CHECKING:
    from attest.keys import PublicKey
    from attest.signers import BaseSigner


@click.command(cls=_commands.Command)
@_options.uri_argument
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, uri: str, passphrase_file: str | None) -> _output.Completed:
    """Test a key: sign, verify, and show its properties."""
    with open_signer(uri, secrets=_secrets.secrets(passphrase_file)) as signer:
        key, _, milliseconds = _key_check.run(signer)
        capabilities = sorted(signer.capabilities)
        members = signer.health()
    warnings = _warnings(uri, key, signer) + [warning for health, _ in members for warning in health["warnings"]]
    attributes = [
        {"token": health["token"], "name": check.name, "value": check.value, "good": check.good}
        for health, checks in members
        for check in checks
    ]
    for warning in warnings:
        session.warn(warning)
    text = [
        f"valid: {uri}",
        *_key_check.lines(key),
        f"  can         {', '.join(capabilities)}",
        f"  signed in   {milliseconds:.1f} ms",
        *(f"  {entry['name']:<18} {str(entry['value']).lower()}" for entry in attributes),
    ]
    return _output.done(
        session,
        text,
        signer=uri,
        key=_key_check.describe(key),
        capabilities=capabilities,
        milliseconds=milliseconds,
        attributes=attributes,
        warnings=warnings,
    )


def _warnings(uri: str, key: PublicKey, signer: BaseSigner) -> list[str]:
    found = []
    if key.simulated:
        found.append("the key is simulated: anyone can sign with it")
    parsed = SignerURI.parse(uri)
    if parsed.scheme == "file" and "with" not in parsed.query:
        found += [text for path in signer.files if (text := files.exposure(path))]
    return found
