"""`attest signer`: what is reachable, and how it is.

Rule: listing asks for no PIN, and checking shows every member of a group, the ones that fail too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.cli import _commands, _options, _output, _probe, _secrets
from attest.signers import REGISTRY, open_signer, schemes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers import Signer


@click.group("signer", cls=_commands.Group, short_help="List what can sign, and check how it is.")
def command() -> None:
    """List what can sign, and check how it is."""


@command.command("list")
@click.option(
    "--module-path", "paths", metavar="FILE", multiple=True, help="Ask this module, not those that p11-kit knows."
)
@_options.format_option
@click.pass_obj
def list_(session: _output.OutputContext, paths: tuple[str, ...]) -> _output.Completed:
    """List the PKCS#11 modules, tokens, public keys and mechanisms that are reachable. No PIN is asked for."""
    from attest.signers.pkcs11.configured import modules
    from attest.signers.pkcs11.survey import survey

    found = [survey(path) for path in paths or dict.fromkeys(modules().values())]
    REGISTRY.warn_of_ignored()
    return _output.done(session, _table(found), schemes=schemes(), modules=found)


@command.command()
@_options.uri_argument
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def check(session: _output.OutputContext, uri: str, passphrase_file: str | None) -> _output.Completed:
    """Connect to every token behind URI, check the key's attributes, sign, and verify the signature."""
    with open_signer(uri, secrets=_secrets.secrets(passphrase_file)) as signer:
        key, connected, signed = _probe.probe(signer)
        members = _members(signer)
    for warning in [warning for member in members for warning in member["warnings"]]:
        session.warn(warning)
    text = [
        f"works {uri}",
        *_probe.lines(key),
        f"  connected   {connected:.1f} ms",
        f"  signed in   {signed:.1f} ms",
        *(line for member in members for line in _member_lines(member)),
    ]
    times = {"connect": connected, "sign": signed}
    return _output.done(session, text, signer=uri, key=_probe.describe(key), milliseconds=times, members=members)


def _members(signer: Signer) -> list[dict[str, Any]]:
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
    yield f"    sessions  {member['sessions']} open, connected {member['connections']} times"
    for name, count in member["errors"].items():
        yield f"    error     {name} {count} times"
    for attribute in member["attributes"]:
        value = {True: "true", False: "false", None: "unknown"}[attribute["value"]]
        yield f"    {attribute['name']:<18} {value}{'' if attribute['good'] else ' (not as the policy wants it)'}"


def _table(modules: list[dict[str, Any]]) -> Iterator[str]:
    theirs = REGISTRY.plugins()
    named = [f"{name} ({theirs[name].distributions})" if name in theirs else name for name in schemes()]
    yield f"schemes: {', '.join(named)}"
    for module in modules:
        yield f"module {module['path']}{': ' + module['library'] if module.get('library') else ''}"
        if "error" in module:
            yield f"  error: {module['error']} ({module['code']})"
        for token in module["tokens"]:
            state = "" if token["initialised"] else " (not initialised)"
            yield f"  slot {token['slot']}  token {token['token']!r}  serial {token['serial']}  {token['model']}{state}"
            for warning in token["warnings"]:
                yield f"    warning: {warning}"
            for key in token["keys"]:
                yield f"    key {key['object']!r}  id {key['id'] or '-'}  {key['type']}"
            yield f"    {len(token['mechanisms'])} mechanisms"
