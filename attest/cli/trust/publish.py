"""`attest trust publish`: the signed versions of a trust bundle, in a registry.

Rule: nothing is stored that those who follow the versions there would refuse.
"""

from __future__ import annotations

import click

from attest.cli import _commands, _options, _output
from attest.cli._options import registry as registry_options
from attest.cli.trust import _show
from attest.trust import history, publishing


@click.command(cls=_commands.Command)
@click.argument("file", metavar="FILE|-", callback=_options.check_stdin)
@click.option(
    "--to",
    "target",
    metavar="TARGET",
    required=True,
    help="Where to: oci:HOST/REPOSITORY:TAG (a registry) or oci-layout:DIR:TAG. `attest trust update --from` reads it.",
)
@_options.simulated_option
@registry_options.registry_options
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    file: str,
    target: str,
    allow_simulated: bool,
    registry: registry_options.RegistryOptions,
) -> _output.Completed:
    """Publish a signed trust bundle or its history in a registry.

    If there are versions already, FILE must follow from them: each new version must be signed by enough roots of the
    version before it and by enough of its own. Older versions stay. Otherwise nothing is stored.

    \b
    Example:
      attest trust publish history.jsonl --to oci:registry.example.com/acme/trust:latest
    """
    data = _options.read_input(file, limit=history.MAX_HISTORY)
    found = publishing.publish(data, target, file=file, options=registry.store(), allow_simulated=allow_simulated)
    before, bundle = found.update.before, found.update.bundle
    if found.update.changed:
        since = "" if before is None else f"{before.version} -> "
        head = f"published {target}: version {since}{bundle.version}"
    else:
        head = f"already published: {target} (version {bundle.version})"
    return _output.done(
        session,
        [head, f"  {found.digest}"],
        file=file,
        target=target,
        digest=found.digest,
        **_show.summary(bundle),
        updated=found.update.changed,
        signed=[_show.root_check(check) for check in found.update.checks],
    )
