"""`attest signer check`: a test of a signer and of every token behind it.

Rule: every token of a group is shown, also one that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base.text import plural
from attest.cli import _commands, _key_check, _options, _output
from attest.cli._inputs import secrets
from attest.signers import open_signer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers import BaseSigner

# A refused PIN ("latched") is warned of where it is refused.
_OUT = ("down", "wrong", "dead")
_WORD = {True: "true", False: "false", None: "unknown"}


@click.command(cls=_commands.Command)
@_options.uri_argument
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, uri: str, passphrase_file: str | None) -> _output.Completed:
    """Test a signer: connect, check the key, sign, verify.

    Connects to every token of the URI.
    """
    with open_signer(uri, secrets=secrets.secrets(passphrase_file)) as signer:
        key, connected, signed = _key_check.run(signer)
        signer.settle()
        version = signer.version_uri
        members = _members(signer)
    for warning in [warning for member in members for warning in member["warnings"]]:
        session.warn(warning)
    for member in members:
        if member["state"] in _OUT:
            session.warn(f"not every token can sign: {member['reason']}")
    text = [
        f"valid: {uri}",
        *_key_check.lines(key, version),
        f"  connected   {connected:.1f} ms",
        f"  signed in   {signed:.1f} ms",
        *(line for member in members for line in _member_lines(member)),
    ]
    times = {"connect": connected, "sign": signed}
    described = _key_check.describe(key)
    return _output.done(session, text, signer=uri, key=described, version=version, milliseconds=times, members=members)


def _members(signer: BaseSigner) -> list[dict[str, Any]]:
    return [
        {
            **health,
            "attributes": [
                {"name": check.name, "value": check.value, "wanted": check.wanted, "good": check.good}
                for check in checks
            ],
        }
        for health, checks in signer.health()
    ]


def _member_lines(member: dict[str, Any]) -> Iterator[str]:
    yield f"  member      {member['token']}: {member['state']}"
    if member["reason"]:
        yield f"    reason    {member['reason']}"
    yield f"    sessions  {member['sessions']} open, {plural(member['connections'], 'connection')}"
    for name, count in member["errors"].items():
        yield f"    error     {name}: {plural(count, 'time')}"
    for attribute in member["attributes"]:
        value, wanted = (_WORD[attribute[name]] for name in ("value", "wanted"))
        problem = "" if attribute["good"] else f" (the key policy requires {wanted})"
        yield f"    {attribute['name']:<18} {value}{problem}"
