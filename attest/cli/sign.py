"""`attest sign`: an envelope from a statement, or more signatures on an envelope.

Rule: only a statement is signed, and nothing is written unless enough signers signed.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from attest.cli import _commands, _options, _output, _secrets

if TYPE_CHECKING:
    from attest.envelope import Envelope
    from attest.limits import Limits
    from attest.signers import BaseSigner, Secrets
    from attest.statement import Statement


@click.command(cls=_commands.Command, short_help="Sign a statement, or add signatures to an envelope.")
@click.argument("source", metavar="[STATEMENT|ENVELOPE|-]", default="-", callback=_options.check_stdin)
@_options.signers_option
@_options.config_option
@_options.quorum_option
@_options.timeout_option
@click.option(
    "--anchor", metavar="NAME", help="Sign with as many keys of this anchor as its threshold needs. Requires --trust."
)
@click.option("--trust", metavar="FILE", envvar="ATTEST_TRUST", help="Trust bundle with the signers of --anchor.")
@_options.trust_root_option
@click.option("--keyid", "keyids", metavar="HEX", multiple=True, help="Use this key of the anchor. May be repeated.")
@_options.passphrase_option
@_options.limit_option()
@_options.old_statement_option
@_options.no_schema_option
@_options.schema_dir_option
@_options.timestamp_option
@_options.product_format_option
@_options.output_option
@click.pass_obj
@click.pass_context
def command(
    ctx: click.Context,
    session: _output.OutputContext,
    source: str,
    signers: tuple[str, ...],
    config: str | None,
    quorum: int | None,
    timeout: float | None,
    anchor: str | None,
    trust: str | None,
    trust_root: str | None,
    keyids: tuple[str, ...],
    passphrase_file: str | None,
    limits: Limits,
    statement_v0_1: bool,
    no_schema: bool,
    schema_dir: str | None,
    timestamp: str | None,
    output: str | None,
) -> _output.Completed:
    """Sign a statement, or add signatures to an envelope.

    Writes a DSSE envelope to standard output. The payload is signed byte for byte; it must be a statement. All signers
    must sign, unless --quorum or the profile sets a lower number.

    \b
    Example:
      attest sign statement.json --signer file:release.pem -o app.intoto.json
    """
    from attest._base.json import loads_object
    from attest.cli import _signers
    from attest.errors import AttestError
    from attest.signing import sign_all, signable
    from attest.timestamps.client import Timestamper

    _demand_one_way(ctx, signers, anchor, trust, keyids, quorum)
    schemas = _options.schemas(schema_dir)
    try:
        data = _options.read_input(source, limit=limits.envelope)
        what = signable(data, allow_v0_1=statement_v0_1, check_predicate=not no_schema, schemas=schemas, limits=limits)
    except AttestError as error:
        if error.code == "file-too-large":
            error.hint = "To allow larger inputs, use --limit envelope=BYTES."
        raise _options.locate(error, source) from None
    ask = _secrets.secrets(passphrase_file)
    read = [source, *_options.signer_files((), passphrase_file, trust_root, config)]
    with ExitStack() as stack:
        if anchor is not None and trust is not None:
            read.append(trust)
            opened = _anchors(what, limits, trust, trust_root, anchor, keyids, ask)
            chosen = _signers.OpenSigners([stack.enter_context(signer) for signer in opened], None, timeout)
        else:
            profile = _signers.expand(signers, config)
            chosen = stack.enter_context(_signers.opened(profile, ask, quorum=quorum, timeout=timeout))
        signed = sign_all(
            what,
            chosen.signers,
            quorum=chosen.quorum,
            timeout=chosen.timeout,
            timestamp=None if timestamp is None else Timestamper(timestamp),
        )
        read += [file for signer in chosen.signers for file in signer.files]
        # Before the signers are closed: one that hangs must not delay what the others have signed.
        _output.product(session, output, signed.envelope.to_json(), inputs=read)
    warnings = [f"not signed by {why} ({why.code})" for _, why in signed.missing]
    for warning in warnings:
        _output.prose("warning", warning)
    data = signed.envelope.to_json()
    return _output.made(session, output, "envelope", lambda: loads_object(data, what="the envelope"), warnings=warnings)


def _demand_one_way(
    ctx: click.Context,
    signers: tuple[str, ...],
    anchor: str | None,
    trust: str | None,
    keyids: tuple[str, ...],
    quorum: int | None,
) -> None:
    """Raises UsageError unless exactly one of --signer and --anchor is given; --anchor replaces ATTEST_SIGNER."""
    if anchor is None:
        if not signers:
            raise click.UsageError("a signer is required: --signer URI, or --trust FILE and --anchor NAME")
        if keyids:
            raise click.UsageError("--keyid requires --anchor")
    elif ctx.get_parameter_source("signers") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--signer and --anchor cannot be used together")
    elif trust is None:
        raise click.UsageError("--anchor requires --trust")
    elif quorum is not None:
        raise click.UsageError("--quorum and --anchor cannot be used together: the threshold of the anchor is used")


def _anchors(
    what: Statement | Envelope,
    limits: Limits,
    trust: str,
    trust_root: str | None,
    anchor: str,
    keyids: tuple[str, ...],
    ask: Secrets,
) -> list[BaseSigner]:
    """The signers of an anchor that is allowed to sign for this statement."""
    from attest.envelope import PAYLOAD_TYPE, Envelope
    from attest.errors import AttestError, Rejected
    from attest.statement import Statement
    from attest.trust import permission
    from attest.trust import signers as resolving
    from attest.trust.history import load, load_root

    bundle = load(trust, root=None if trust_root is None else load_root(trust_root), allow_simulated=True)
    try:
        keys = resolving.signing_keys(bundle, anchor, now=datetime.now(UTC), keyids=keyids)
    except AttestError as error:
        raise _options.locate(error, trust) from None
    if isinstance(what, Envelope):
        statement = Statement.from_json(
            what.unverified_payload,
            allow_v0_1=True,
            max_subjects=limits.subjects,
            max_digests=limits.digests,
            max_depth=limits.depth,
        )
        payload_type = what.payload_type
    else:
        payload_type, statement = PAYLOAD_TYPE, what
    objection = permission.not_allowed(bundle.owners, bundle.anchors[anchor], payload_type, statement)
    if objection is not None:
        raise Rejected(objection.code, objection.message, where=trust)
    return resolving.open_signers(keys, secrets=ask)
