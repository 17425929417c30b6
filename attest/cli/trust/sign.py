"""`attest trust sign`: signatures by the roots of a trust bundle.

Rule: the bytes of the bundle are signed as they are, and how many signatures are still missing is printed.
"""

from __future__ import annotations

from contextlib import ExitStack

import click

from attest._base.json import loads_object
from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.cli.trust import _show
from attest.errors import AttestError
from attest.signers import open_signer
from attest.trust import history, signing


@click.command(cls=_commands.Command)
@click.argument("source", metavar="[FILE|-]", default="-", callback=_options.check_stdin)
@_options.signer_option
@_options.trust_root_option
@_options.passphrase_option
@_options.format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    source: str,
    signers: tuple[str, ...],
    trust_root: str | None,
    passphrase_file: str | None,
    output: str | None,
) -> _output.Completed:
    """Sign a trust bundle with its roots.

    FILE may already have signatures; its bytes are never changed. With --trust-root PREVIOUS, signatures by the roots
    of the previous version are counted too. Prints how many signatures there are and how many are required.
    """
    before = None if trust_root is None else history.load_root(trust_root)
    data = _options.read_input(source, limit=history.MAX_HISTORY)
    ask = secrets.secrets(passphrase_file)
    try:
        what = signing.signable(data, before=before)
    except AttestError as error:
        raise _options.locate(error, source) from None
    with ExitStack() as stack:
        opened = [stack.enter_context(open_signer(uri, secrets=ask)) for uri in signers]
        signed = signing.sign(what, opened, before=before)
    # Verifiers refuse simulated keys; here the signatures are only counted.
    checks = history.check_roots(signed, before, allow_simulated=True)
    named = [name for name in (source, trust_root) if name is not None]
    inputs = [*named, *_options.signer_files(signers, passphrase_file)]
    envelope, bundle = signed.envelope.to_json(), signed.unverified
    details = {
        "version": bundle.version,
        "sha256": bundle.sha256,
        "signed": [_show.root_check(check) for check in checks],
    }
    _output.product(session, output, envelope, inputs=inputs)
    if _output.is_stdout(output):
        for check in checks:
            _output.prose("note", _show.signature_count(check))
        return _output.made(session, output, "envelope", lambda: loads_object(envelope, what="the envelope"), **details)
    text = [f"signed: {output} (version {bundle.version})", *_show.signature_lines(checks)]
    return _output.done(session, text, file=output, **details)
