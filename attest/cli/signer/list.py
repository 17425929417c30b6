"""`attest signer list`: PKCS#11 modules, tokens and public keys.

Rule: no PIN is needed, and none is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli._output import quiet
from attest.signers import REGISTRY, schemes

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(cls=_commands.Command)
@click.option(
    "--module-path",
    "paths",
    metavar="FILE",
    multiple=True,
    show_default="the modules that p11-kit knows",
    help="PKCS#11 module. May be repeated.",
)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, paths: tuple[str, ...]) -> _output.Completed:
    """List PKCS#11 modules, tokens and public keys.

    Prints the signer URI of each key. Does not ask for a PIN. What modules themselves print is shown with -v.
    """
    from attest.signers.pkcs11.configured import ConfiguredModule, modules
    from attest.signers.pkcs11.survey import survey_all

    asked = [ConfiguredModule(path, path) for path in dict.fromkeys(paths)] or modules()
    with quiet.libraries(session):
        found = survey_all(asked)
    REGISTRY.warn_of_ignored()
    table = _table(found, in_full=bool(session.verbosity))
    return _output.done(session, table, schemes=schemes(), modules=found)


def _table(modules: list[dict[str, Any]], *, in_full: bool) -> Iterator[str]:
    theirs = REGISTRY.plugins()
    named = [f"{name} ({theirs[name].distributions})" if name in theirs else name for name in schemes()]
    yield f"schemes: {', '.join(named)}"
    for module in modules:
        yield f"module {module['path']}{': ' + module['library'] if module.get('library') else ''}"
        if "error" in module:
            yield f"  error: {module['error']} ({module['code']})"
        for token in module["tokens"]:
            state = "" if token["initialised"] else " (not initialised)"
            yield f"  slot {token['slot']}  token '{token['token']}'  serial {token['serial']}  {token['model']}{state}"
            for warning in token["warnings"]:
                yield f"    warning: {warning}"
            for key in token["keys"]:
                yield f"    key '{key['object']}'  id {key['id'] or '-'}  {key['type']}"
                yield f"      {key['uri'] or 'no URI: another key has the same label and id'}"
            names = f": {', '.join(token['mechanisms'])}" if in_full else ""
            yield f"    {plural(len(token['mechanisms']), 'mechanism')}{names}"
