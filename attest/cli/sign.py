"""`attest sign`: envelopes from statements, or more signatures on envelopes.

Rule: only a statement is signed, and no envelope is written unless enough signers signed it.
"""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest.cli import _commands, _options, _output
from attest.cli._inputs import documents, secrets
from attest.cli._output import deviations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Envelope
    from attest.errors import AttestError
    from attest.keys import KeyidFormat
    from attest.limits import Limits
    from attest.schema.predicate_types import PredicateSchemas
    from attest.signers import BaseSigner, Secrets
    from attest.signing import Signing
    from attest.signing.inputs import Signable
    from attest.statement import Statement
    from attest.timestamps.client import Timestamper


def _check_sources(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return _options.check_stdin(ctx, param, value) or ("-",)


@click.command(
    cls=_commands.Command,
    short_help="Sign statements, or add signatures to envelopes.",
    elsewhere={"--key": "Name a key as a signer: --signer file:PATH, or another signer URI (attest signer list)."},
)
@click.argument("sources", metavar="[STATEMENT|ENVELOPE|-]...", nargs=-1, callback=_check_sources)
@_options.signers_option
@_options.config_option
@_options.quorum_option
@_options.timeout_option
@click.option(
    "--anchor", metavar="NAME", help="Sign with as many keys of this anchor as its threshold needs. Requires --trust."
)
@click.option("--trust", metavar="FILE", envvar="ATTEST_TRUST", help="Trust bundle with the signers of --anchor.")
@_options.trust_root_option
@click.option(
    "--keyid",
    "keyids",
    type=_options.SHORT_KEYID,
    multiple=True,
    help="Use this key of the anchor: its keyid, or at least the first 8 digits. May be repeated.",
)
@_options.passphrase_option
@_options.limit_option("attestations")
@_options.foreign_option
@_options.old_statement_option
@_options.no_schema_option
@_options.schema_dir_option
@_options.timestamp_option
@_options.certificate_chain_option()
@_options.keyid_format_option()
@_options.product_format_option
@_options.output_option
@click.pass_obj
@click.pass_context
def command(
    ctx: click.Context,
    session: _output.OutputContext,
    sources: tuple[str, ...],
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
    foreign: bool,
    statement_v0_1: bool,
    no_schema: bool,
    schema_dir: str | None,
    timestamp: Timestamper | None,
    certificate_chains: tuple[str, ...],
    keyid_format: KeyidFormat | None,
    output: str | None,
) -> _output.Completed:
    """Sign statements, or add signatures to envelopes.

    Writes a DSSE envelope to standard output; for several inputs, one envelope per line. A `.jsonl` file, such as
    `attest build --each` writes, has one input in each line. The payload is signed byte for byte; it must be a
    statement. All signers must sign, unless --quorum or the profile sets a lower number.

    Nothing is signed if an input cannot be read. If a signer fails after some inputs, the others are written.

    \b
    Examples:
      attest sign statement.json --signer file:release.pem -o app.intoto.json
      attest sign *.statement.json --signer "$URI" -o release.intoto.jsonl
    """
    from attest.cli._inputs import signers as named_signers
    from attest.errors import AttestError
    from attest.signing import sign_each

    _demand_one_way(ctx, signers, anchor, trust, keyids, quorum)
    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    schemas = None if no_schema else _options.schemas(schema_dir)
    given = documents.documents(sources, limits)
    names = [name for name, _ in given]
    inputs, notes = [], []
    for name, data in given:
        one = _signable(name, data, schemas, limits, allow_v0_1=statement_v0_1, foreign=foreign)
        inputs.append(one.what)
        notes += deviations.warn(one.deviations, f"{name}: " if len(names) > 1 else "")
    del given
    ask = secrets.secrets(passphrase_file)
    chains = named_signers.read_chains(certificate_chains, ask)
    read = [*sources, *certificate_chains, *_options.signer_files((), passphrase_file, trust_root, config)]
    with ExitStack() as stack:
        if anchor is not None and trust is not None:
            read.append(trust)
            opened = _anchors(inputs, limits, trust, trust_root, anchor, keyids, ask)
            chosen = named_signers.OpenSigners([stack.enter_context(signer) for signer in opened], None, timeout)
        else:
            profile = named_signers.expand(signers, config)
            chosen = stack.enter_context(named_signers.opened(profile, ask, quorum=quorum, timeout=timeout))
        results = sign_each(
            inputs,
            chosen.signers,
            quorum=chosen.quorum,
            timeout=chosen.timeout,
            timestamp=timestamp,
            keyid_format=keyid_format,
            certificate_chains=chains,
        )
        read += [file for signer in chosen.signers for file in signer.files]
        signed = [result.envelope for result in results if not isinstance(result, AttestError)]
        # Before the signers are closed: one that hangs must not delay what the others have signed.
        if signed:
            data = b"\n".join(envelope.to_json() for envelope in signed)
            _output.product(session, output, data, inputs=read)
    return _end(session, output, names, results, notes)


def _signable(
    source: str, data: bytes, schemas: PredicateSchemas | None, limits: Limits, *, allow_v0_1: bool, foreign: bool
) -> Signable:
    """The input of that name. Raises AttestError that names it."""
    from attest.errors import AttestError
    from attest.schema.predicate_types import OURS
    from attest.signing.inputs import read_signable

    try:
        return read_signable(
            data,
            allow_v0_1=allow_v0_1,
            foreign=foreign,
            check_predicate=schemas is not None,
            schemas=schemas or OURS,
            limits=limits,
        )
    except AttestError as error:
        raise _options.locate(error, source) from None


def _end(
    session: _output.OutputContext,
    output: str | None,
    sources: Sequence[str],
    results: Sequence[Signing | AttestError],
    notes: Sequence[dict[str, str | None]],
) -> _output.Completed:
    """Report who and what is missing. Raises the gravest error if an input was not signed."""
    from attest._base.json import loads_object
    from attest.errors import AttestError, gravest

    several = len(sources) > 1
    warnings: list[str] = []
    errors: list[AttestError] = []
    envelopes: list[Envelope | None] = []
    for source, result in zip(sources, results, strict=True):
        if isinstance(result, AttestError):
            # One error may be that of several inputs, and each has its own name.
            errors.append(copy(result).at(source) if several else result)
            envelopes.append(None)
        else:
            place = f"{source}: " if several else ""
            for _, why in result.missing:
                told = f"{place}not signed by {why}"
                if why.code == "quorum-met":
                    _output.prose("note", told)
                else:
                    warnings.append(f"{told} ({why.code})")
            envelopes.append(result.envelope)
    for warning in warnings:
        _output.prose("warning", warning)

    def values() -> list[dict[str, Any] | None]:
        return [None if one is None else loads_object(one.to_json(), what="the envelope") for one in envelopes]

    name, value = ("signed_envelopes", values) if several else ("envelope", lambda: values()[0])
    if errors and several and any(envelopes):
        _output.undone(session, (), **_output.made_details(output, name, value), warnings=warnings, notes=notes)
    if errors:
        raise _output.last_of(session, errors, gravest(errors))
    return _output.made(session, output, name, value, warnings=warnings, notes=notes)


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
    inputs: Sequence[Statement | Envelope],
    limits: Limits,
    trust: str,
    trust_root: str | None,
    anchor: str,
    keyids: tuple[str, ...],
    ask: Secrets,
) -> list[BaseSigner]:
    """The signers of an anchor that is allowed to sign for every statement."""
    from attest.errors import AttestError, Rejected
    from attest.trust import permission
    from attest.trust import signers as resolving
    from attest.trust.anchors import complete_keyid
    from attest.trust.history import load, load_root

    bundle = load(trust, root=None if trust_root is None else load_root(trust_root), allow_simulated=True)
    try:
        known = [key.public_key.keyid for key in bundle.anchor(anchor).keys] if keyids else []
        whole = [complete_keyid(keyid, known, f"anchor {anchor!r}") for keyid in keyids]
        keys = resolving.signing_keys(bundle, anchor, now=datetime.now(UTC), keyids=whole)
    except AttestError as error:
        raise _options.locate(error, trust) from None
    for what in inputs:
        payload_type, statement = _content(what, limits)
        objection = permission.not_allowed(bundle.owners, bundle.anchors[anchor], payload_type, statement)
        if objection is not None:
            raise Rejected(objection.code, objection.message, where=trust)
    return resolving.open_signers(keys, secrets=ask)


def _content(what: Statement | Envelope, limits: Limits) -> tuple[str, Statement]:
    """The payload type and the statement of an input."""
    from attest.envelope import PAYLOAD_TYPE, Envelope
    from attest.statement import Statement

    if not isinstance(what, Envelope):
        return PAYLOAD_TYPE, what
    statement = Statement.from_json(
        what.unverified_payload,
        foreign=True,  # `_signable` has decided what may be signed
        max_subjects=limits.subjects,
        max_digests=limits.digests,
        max_depth=limits.depth,
    )
    return what.payload_type, statement
