"""`attest run`: runs a command and attests its inputs, exit status and outputs.

Rule: standard output and the exit status are those of the command, and exit 0 means that it succeeded and is attested.

With `--format json` the output of the command goes to standard error, so that the result object is alone.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest.building.run import record
from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.cli._inputs.tree import Tree
from attest.cli._options import ci as ci_options
from attest.errors import AttestError, InputError
from attest.limits import MAX_ENVELOPE, MAX_FILES, MAX_SUBJECTS, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.building.ci import Build, Caveat
    from attest.building.run.process import CommandResult
    from attest.building.run.snapshot import Snapshot
    from attest.building.run.strace import Trace
    from attest.keys import KeyidFormat
    from attest.signing import Signing
    from attest.statement import Statement
    from attest.timestamps.client import Timestamper

# As in shells. Any other error of attest itself has its usual exit code.
_STATUS_OF = {"command-not-found": 127, "command-not-executable": 126}

# What a command made is known when it has run, and a verifier can be told to read more.
_LIMITS = Limits(envelope=8 * MAX_ENVELOPE, subjects=MAX_FILES)


def _check_names(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not name or "=" in name:
            raise click.BadParameter(f"expected the name of a variable, found {name!r}", ctx, param)
    return value


@click.command(
    cls=_commands.Command,
    short_help="Run a command and attest its inputs and outputs.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("command_line", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--step", metavar="NAME", required=True, help="Name of the step.")
@click.option("--materials", metavar="GLOB", multiple=True, help="Input files of the command. May be repeated.")
@click.option(
    "--products",
    metavar="GLOB",
    multiple=True,
    required=True,
    help="Output files of the command: the subjects. May be repeated.",
)
@click.option("--directory", metavar="DIR", default=".", help="Directory of the GLOBs.")
@click.option("--gitignore", is_flag=True, help="Skip materials that a .gitignore file ignores.")
@click.option(
    "--exclude", metavar="GLOB", multiple=True, help="Files that are neither materials nor products. May be repeated."
)
@click.option(
    "--allow-unchanged",
    is_flag=True,
    help="Make SLSA provenance, with a caveat, even if products existed before with the same content.",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(record.TYPES),
    default="link",
    help="Predicate type. A runtime-trace requires strace.",
)
@ci_options.ci_option
@click.option(
    "--builder-id",
    metavar="URI",
    help="URI of the builder, for builder.id or the hostID of a trace. Nothing confirms it.",
)
@click.option(
    "--env",
    "names",
    metavar="NAME",
    multiple=True,
    callback=_check_names,
    help="Environment variable to record. May be repeated.",
)
@_options.not_secret_option
@click.option("--only-success", is_flag=True, help="Do not write an attestation if the command fails.")
@_options.signers_option
@_options.config_option
@_options.quorum_option
@_options.timeout_option
@_options.passphrase_option
@_options.timestamp_option
@_options.certificate_chain_option()
@_options.keyid_format_option()
@_options.limit_option("files", "trace", of=("envelope", "subjects"), defaults=_LIMITS)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_options.check_output,
    show_default="NAME.intoto.json, with the NAME of --step",
    help="Output file. Written completely or not at all.",
)
@_options.product_format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    command_line: tuple[str, ...],
    step: str,
    materials: tuple[str, ...],
    products: tuple[str, ...],
    directory: str,
    gitignore: bool,
    exclude: tuple[str, ...],
    allow_unchanged: bool,
    kind: str,
    system: str | None,
    builder_id: str | None,
    names: tuple[str, ...],
    public: tuple[str, ...],
    only_success: bool,
    signers: tuple[str, ...],
    config: str | None,
    quorum: int | None,
    timeout: float | None,
    passphrase_file: str | None,
    timestamp: Timestamper | None,
    certificate_chains: tuple[str, ...],
    keyid_format: KeyidFormat | None,
    limits: Limits,
    output: str | None,
) -> _output.Completed:
    """Run a command and attest its inputs and outputs.

    Signs the materials (input files), the exit status and the products (output files) of COMMAND. GLOBs are relative to
    --directory; quote them. `*` and `?` match within a name, `**` any number of directories; a directory means all its
    files.

    The exit status is COMMAND's (128+N after signal N; 127 or 126 if it cannot start). A failed command is attested as
    failed. If COMMAND succeeds but attest fails, the exit status is attest's. With --format json, the standard output
    of COMMAND goes to standard error.

    Secrets are masked in the attestation, with a warning for each.

    \b
    Example:
      attest run --step pack --products app.tar --signer file:release.pem -- tar -cf app.tar dist
    """
    from attest.building import ci
    from attest.building.run import process, tracing
    from attest.building.run import products as making
    from attest.building.run.masking import Masker
    from attest.cli._inputs import signers as named_signers
    from attest.signing import sign_all

    target = _target(step, output)
    if not signers:
        raise click.UsageError("a signer is required: --signer URI")
    if allow_unchanged and kind != ci_options.TYPE:
        raise click.UsageError(f"--allow-unchanged can only be used with --type {ci_options.TYPE}")
    process.demand_system()
    process.demand_text((step,), "command-invalid", where="--step")
    process.demand_text(command_line, "command-invalid")
    profile = named_signers.expand(signers, config)
    held = named_signers.variables(profile)
    variables = process.named_variables(names, os.environ, public=public, secret=held)
    masker = Masker(os.environ, public, secret=held)
    tracer = tracing.find_tracer(os.environ.get("PATH")) if kind == "runtime-trace" else None
    build = _build(kind, system, builder_id)
    sources = None if system is None else ci.look(".", os.environ)
    tree = Tree(directory, target, exclude, limits.files)
    tree.demand_no_output_among(products)
    given = tree.hash(materials, missing="material-missing", gitignore=gitignore, skip=True)
    earlier = tree.before(products, given)

    def statement(ran: CommandResult, made: Snapshot, trace: Trace | None, caveats: Sequence[Caveat] = ()) -> Statement:
        done = record.RunRecord(step, ran, given.descriptors, made.descriptors, variables, masker, limits)
        if build is None:
            return record.link(done)
        if tracer is None or trace is None:
            return record.provenance(done, build.with_caveats(caveats))
        digests = {"read": given.digests, "written": made.digests}
        return record.runtime_trace(done, host=build.builder_id, tracer=tracer, trace=trace, **digests)

    _rehearse(statement, command_line)
    with ExitStack() as stack:
        ask = secrets.secrets(passphrase_file)
        chosen = stack.enter_context(named_signers.opened(profile, ask, quorum=quorum, timeout=timeout))
        chains = named_signers.read_chains(certificate_chains, ask)
        named_signers.demand_ready(chosen, chains, keyid_format)
        kept = held | ask.used
        environment = {
            name: value for name, value in os.environ.items() if name not in kept and not secrets.is_ours(name)
        }
        inputs = [*given.paths, *certificate_chains, *_options.signer_files((), passphrase_file)]
        inputs += [file for signer in chosen.signers for file in signer.files]
        folder = _demand_writable(target, inputs)
        stdout = None if session.format == "text" else 2  # our own standard output is for the result object
        try:
            trace: Trace | InputError | None = None
            if tracer is None:
                ran = process.run(command_line, environment=environment, stdout=stdout)
            else:
                ran, trace = tracing.trace(
                    command_line, tracer, environment=environment, stdout=stdout, limit=limits.trace
                )
        except InputError as error:
            if error.code not in _STATUS_OF:
                raise
            _output.failure(session, error, _STATUS_OF[error.code])
            return _output.Completed(_STATUS_OF[error.code])
        if only_success and not ran.succeeded:
            _output.prose("note", f"{_failed(ran)}; no attestation was written")
            return _ended(session, ran, step)
        try:
            if isinstance(trace, InputError):
                raise trace
            caveats = [] if sources is None else ci.moved(sources, ci.look(".", os.environ))
            made = tree.hash(products, missing="product-missing")
            same = making.unchanged(earlier, made)
            if kind == ci_options.TYPE and same:
                if not allow_unchanged:
                    raise making.refusal(same, len(made.paths))
                caveats.append(ci.Caveat("product-unchanged", making.described(same, len(made.paths))))
            signed = sign_all(
                statement(ran, made, trace, caveats),
                chosen.signers,
                quorum=chosen.quorum,
                timeout=chosen.timeout,
                timestamp=timestamp,
                keyid_format=keyid_format,
                certificate_chains=chains,
            )
            if os.path.realpath(os.path.dirname(target)) != folder:
                raise InputError("output-failed", "the command replaced the directory of the output", where=target)
            _output.document(target, signed.envelope.to_json(), inputs=[*inputs, *made.paths])
        except AttestError as error:
            if ran.succeeded:
                raise
            # The status of the command matters more than the error of attest.
            _output.failure(session, error, ran.status)
            _output.prose("warning", f"{_failed(ran)}; no attestation was written")
            return _output.Completed(ran.status)
    ci_options.warn_masked(masker, [product.name or "" for product in made.descriptors])
    warnings = [f"{caveat.message} ({caveat.code})" for caveat in caveats]
    warnings += [f"not signed by {why} ({why.code})" for _, why in signed.missing]
    warnings += _oversize(signed, len(made.paths))
    for warning in warnings:
        _output.prose("warning", warning)
    if same and kind != ci_options.TYPE:
        _output.prose("note", making.described(same, len(made.paths)))
    failed = "" if ran.succeeded else f"; {_failed(ran)}"
    _output.prose("note", f"wrote {target}{failed}")
    return _ended(session, ran, step, file=target, warnings=warnings)


def _ended(session: _output.OutputContext, ran: CommandResult, step: str, **details: Any) -> _output.Completed:
    """The end of a run in which attest did its part: its status is that of the command."""
    if session.format == "text":
        return _output.Completed(ran.status)
    if ran.succeeded:
        return _output.done(session, step=step, **details)
    return _output.ended(session, AttestError("command-failed", _failed(ran)), ran.status, step=step, **details)


def _target(step: str, output: str | None) -> str:
    if output is None:
        if "/" in step or step.startswith("."):
            raise click.UsageError(f"{step!r} cannot be a file name; name the output with -o")
        return f"{step}.intoto.json"
    if output == "-":
        raise click.UsageError("standard output belongs to the command; name a file with -o")
    return output


def _build(kind: str, system: str | None, builder_id: str | None) -> Build | None:
    """The build that the command is part of; None for a link, which has no builder."""
    if kind == "link":
        if system is not None or builder_id is not None:
            raise click.UsageError("--ci and --builder-id cannot be used with --type link: a link has no builder")
        return None
    return ci_options.described(system, builder_id)


def _rehearse(statement: Callable[[CommandResult, Snapshot, Trace], Statement], command_line: tuple[str, ...]) -> None:
    """Build the statement as after a success, so that its errors are known before the command runs."""
    from attest.building.run.process import CommandResult
    from attest.building.run.snapshot import Snapshot
    from attest.building.run.strace import Trace
    from attest.statement import ResourceDescriptor

    now = datetime.now(UTC)
    placeholder = Snapshot([ResourceDescriptor("product", {"sha256": "0" * 64})], [""])
    try:
        statement(CommandResult(command_line, 0, None, now, now), placeholder, Trace())
    except InputError as error:
        if error.code != "predicate-invalid":
            raise
        raise click.UsageError(str(error)) from None


def _demand_writable(target: str, inputs: Sequence[str]) -> str:
    """The directory of the output. Raises what writing would raise, as far as it is known before."""
    folder = os.path.realpath(os.path.dirname(target))
    _output.not_over(target, inputs)
    files.demand_no_link(target)
    is_special = files.descriptor(target) is not None or (os.path.exists(target) and not os.path.isfile(target))
    may = os.access(target, os.W_OK) if is_special else os.access(folder, os.W_OK | os.X_OK)
    if os.path.isdir(target) or not os.path.isdir(folder) or not may:
        raise InputError("output-failed", "the file cannot be written", where=target)
    return folder


def _oversize(signed: Signing, subjects: int) -> list[str]:
    """A warning about what a verifier with the usual limits refuses."""
    size = len(signed.envelope.to_json())
    needed = [f"--limit subjects={subjects}"] if subjects > MAX_SUBJECTS else []
    needed += [f"--limit envelope={size}"] if size > MAX_ENVELOPE else []
    return [f"the attestation is above the usual limits; verify it with {' '.join(needed)}"] if needed else []


def _failed(ran: CommandResult) -> str:
    return f"the command failed ({f'exit {ran.status}' if ran.signal is None else ran.signal})"
