"""`attest sign`: an envelope from a statement, or one more signature on an envelope.

Rule: nothing is signed that isn't a statement, and nothing is written unless enough signers signed.
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


@click.command(cls=_commands.Command, short_help="Sign a Statement, or counter-sign an envelope.")
@click.argument("source", metavar="[STATEMENT|ENVELOPE|-]", default="-", callback=_options.check_stdin)
@_options.signers_option
@_options.config_option
@_options.quorum_option
@_options.timeout_option
@click.option("--anchor", metavar="NAME", help="Sign with the keys of this anchor of --trust, as many as it takes.")
@click.option("--trust", metavar="FILE", envvar="ATTEST_TRUST", help="The trust bundle that names the signers.")
@_options.trust_root_option
@click.option(
    "--keyid", "keyids", metavar="HEX", multiple=True, help="Sign with this key of the anchor; may be repeated."
)
@_options.passphrase_option
@_options.limit_option()
@_options.old_statement_option
@_options.no_schema_option
@_options.schema_dir_option
@_options.timestamp_option
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
    """Sign a Statement into a DSSE envelope, or add signatures to an envelope.

    The bytes of the Statement are signed exactly as they are given. An envelope's payload must be a Statement too.
    Several signers sign at the same time, and all of them must, unless --quorum or a profile says how many are enough.
    """
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
            error.hint = "A limit that is too low for it is raised with --limit envelope=BYTES."
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
        # Before the signers are closed: one that hangs keeps nobody from what the others have signed.
        _output.document(output, signed.envelope.to_json(), inputs=read)
    for _, why in signed.missing:
        _output.prose("warning", f"not signed by {why} ({why.code})")
    return _output.Completed()


def _demand_one_way(
    ctx: click.Context,
    signers: tuple[str, ...],
    anchor: str | None,
    trust: str | None,
    keyids: tuple[str, ...],
    quorum: int | None,
) -> None:
    """Raises UsageError unless it is said in exactly one way who signs; an ATTEST_SIGNER gives way to --anchor."""
    if anchor is None:
        if not signers:
            raise click.UsageError("name who signs: --signer URI, or --trust FILE --anchor NAME")
        if keyids:
            raise click.UsageError("--keyid names a key of an anchor, and goes with --anchor")
    elif ctx.get_parameter_source("signers") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--signer and --anchor exclude each other")
    elif trust is None:
        raise click.UsageError("--anchor is one of a trust bundle; name it with --trust")
    elif quorum is not None:
        raise click.UsageError("an anchor says itself how many must sign; --quorum goes with --signer")


def _anchors(
    what: Statement | Envelope,
    limits: Limits,
    trust: str,
    trust_root: str | None,
    anchor: str,
    keyids: tuple[str, ...],
    ask: Secrets,
) -> list[BaseSigner]:
    """The signers of an anchor, which may vouch for this statement and holds these very keys."""
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
        raise Rejected(objection.code, f"{objection.message}, so it doesn't sign this", where=trust)
    return resolving.open_signers(keys, secrets=ask)
