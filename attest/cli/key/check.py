"""`attest key check`: a test of a key, and its properties.

Rule: nobody can take the bytes that are signed for a payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _key_check, _options, _output
from attest.cli._inputs import secrets
from attest.signers import open_signer

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
    with open_signer(uri, secrets=secrets.secrets(passphrase_file)) as signer:
        key, _, milliseconds = _key_check.run(signer)
        capabilities, version = sorted(signer.capabilities), signer.version_uri
        members = signer.health()
        certificates = _key_check.certificates(signer)
    warnings = _warnings(signer, key) + [warning for health, _ in members for warning in health["warnings"]]
    attributes = [
        {"token": health["token"], "name": check.name, "value": check.value, "good": check.good}
        for health, checks in members
        for check in checks
    ]
    for warning in warnings:
        session.warn(warning)
    text = [
        f"valid: {uri}",
        *_key_check.lines(key, version),
        f"  can         {', '.join(capabilities)}",
        *(f"  certificate {one['subject']}, valid until {one['not_after']}" for one in certificates),
        f"  signed in   {milliseconds:.1f} ms",
        *(f"  {entry['name']:<18} {str(entry['value']).lower()}" for entry in attributes),
    ]
    return _output.done(
        session,
        text,
        signer=uri,
        key=_key_check.describe(key),
        version=version,
        capabilities=capabilities,
        certificates=certificates,
        milliseconds=milliseconds,
        attributes=attributes,
        warnings=warnings,
    )


def _warnings(signer: BaseSigner, key: PublicKey) -> list[str]:
    paths = (
        path
        for member in signer.uri.members
        if member.scheme == "file" and "with" not in member.query
        for path in open_signer(member.text).files
    )
    simulated = ["the key is simulated: anyone can sign with it"] if key.simulated else []
    return [*simulated, *filter(None, map(files.exposure, paths))]
