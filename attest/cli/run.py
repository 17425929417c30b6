"""`attest run`: run a command, and attest what it was given, how it ended and what it made.

Rule: standard output and the exit status are the command's; exit 0 means that it succeeded and is attested.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.building.run import record
from attest.cli import _ci, _commands, _options, _output, _pins, _secrets
from attest.errors import AttestError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.building.ci import Build
    from attest.building.run.process import CommandResult
    from attest.building.run.snapshot import Snapshot
    from attest.building.run.strace import Trace
    from attest.cli._signers import OpenSigners
    from attest.signing import Signing
    from attest.statement import Statement

# As the shells have it. Any other failure of attest's own has the exit code that it has everywhere.
_STATUS_OF = {"command-not-found": 127, "command-not-executable": 126}


def _check_names(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not name or "=" in name:
            raise click.BadParameter(f"{name!r} is not the name of a variable, whose value is looked up", ctx, param)
    return value


@click.command(
    cls=_commands.Command,
    short_help="Run a command, and attest what it did.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("command_line", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--step", metavar="NAME", required=True, help="What the step is called.")
@click.option("--materials", metavar="GLOB", multiple=True, help="Files it is given; may be repeated.")
@click.option(
    "--products", metavar="GLOB", multiple=True, required=True, help="Files it makes, the subjects; may be repeated."
)
@click.option("--directory", metavar="DIR", default=".", help="What GLOBs are below; the current one by default.")
@click.option("--gitignore", is_flag=True, help="Pass over materials that a .gitignore in the tree ignores.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(record.TYPES),
    default="link",
    show_default=True,
    help="What is attested; a runtime-trace needs strace.",
)
@_ci.ci_option
@click.option(
    "--builder-id", metavar="URI", help="Who runs it, where --ci doesn't know: builder.id, or a trace's hostID."
)
@click.option(
    "--env",
    "names",
    metavar="NAME",
    multiple=True,
    callback=_check_names,
    help="A variable to record; may be repeated.",
)
@_options.not_secret_option
@click.option("--only-success", is_flag=True, help="Attest nothing if the command fails.")
@_options.signers_option
@_options.config_option
@_options.quorum_option
@_options.timeout_option
@_options.passphrase_option
@_options.timestamp_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_options.check_output,
    help="Where the envelope goes; NAME.intoto.json by default.",
)
def command(
    command_line: tuple[str, ...],
    step: str,
    materials: tuple[str, ...],
    products: tuple[str, ...],
    directory: str,
    gitignore: bool,
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
    timestamp: str | None,
    output: str | None,
) -> _output.Completed:
    """Run COMMAND, and sign what it was given (materials), how it ended, and what it made (products).

    GLOBs are below --directory: * and ? match within a name, ** any directories, and a directory is all that is in it.
    Quote them. The exit status is the command's, 128 + N for signal N, and 127 or 126 if it can't be started; a command
    that fails is attested as failed. Where attest itself fails behind a command that succeeded, it says so as an error
    and exits as always.

    Secrets are masked in what is recorded, and a warning says which: docs/run.md.
    """
    from attest.building.run import process, tracing
    from attest.building.run.masking import Masker
    from attest.cli import _signers

    target = _target(step, output)
    if not signers:
        raise click.UsageError("name who signs: --signer URI")
    process.demand_text((step,), "command-invalid", where="--step")
    process.demand_text(command_line, "command-invalid")
    variables = process.named_variables(names, os.environ, public=public)
    environment = {name: value for name, value in os.environ.items() if not _pins.is_ours(name)}
    masker = Masker(os.environ, public)
    tracer = tracing.find_tracer(environment.get("PATH")) if kind == "runtime-trace" else None
    build = _build(kind, system, builder_id)
    tree = _Tree(directory, target)
    tree.demand_no_output_among(products)
    given = tree.hash(materials, missing="material-missing", gitignore=gitignore)

    def statement(ran: CommandResult, made: Snapshot, trace: Trace | None) -> Statement:
        done = record.RunRecord(step, ran, given.descriptors, made.descriptors, variables, masker)
        if build is None:
            return record.link(done)
        if tracer is None or trace is None:
            return record.provenance(done, build)
        digests = {"read": given.digests, "written": made.digests}
        return record.runtime_trace(done, host=build.builder_id, tracer=tracer, trace=trace, **digests)

    _rehearse(statement, command_line)
    with ExitStack() as stack:
        profile = _signers.expand(signers, config)
        opened = _signers.opened(profile, _secrets.secrets(passphrase_file), quorum=quorum, timeout=timeout)
        chosen = stack.enter_context(opened)
        _signers.demand_ready(chosen)
        inputs = [*given.paths, *_options.signer_files((), passphrase_file)]
        inputs += [file for signer in chosen.signers for file in signer.files]
        folder = _demand_writable(target, inputs)
        try:
            trace: Trace | InputError | None = None
            if tracer is None:
                ran = process.run(command_line, environment=environment)
            else:
                ran, trace = tracing.trace(command_line, tracer, environment=environment)
        except InputError as error:
            if error.code not in _STATUS_OF:
                raise
            _output.error_lines(error)
            return _output.Completed(_STATUS_OF[error.code])
        if only_success and not ran.succeeded:
            _output.prose("note", f"the command failed ({_ending(ran)}), so nothing is attested")
            return _output.Completed(ran.status)
        try:
            if isinstance(trace, InputError):
                raise trace
            made = tree.hash(products, missing="product-missing")
            signed = _sign(statement(ran, made, trace), chosen, timestamp)
            if os.path.realpath(os.path.dirname(target)) != folder:
                raise InputError(
                    "output-failed", "the command put another folder in the place of this one's", where=target
                )
            _output.document(target, signed.envelope.to_json(), inputs=[*inputs, *made.paths])
        except AttestError as error:
            if ran.succeeded:
                raise
            # What the command said of itself comes first, and what attest couldn't do is no news beside it.
            _output.error_lines(error)
            _output.prose("warning", f"the command failed ({_ending(ran)}), and that is not attested")
            return _output.Completed(ran.status)
    _options.say_masked(masker, [product.name or "" for product in made.descriptors])
    for _, why in signed.missing:
        _output.prose("warning", f"not signed by {why} ({why.code})")
    failed = "" if ran.succeeded else f", which says that the command failed ({_ending(ran)})"
    _output.prose("note", f"wrote {target}{failed}")
    return _output.Completed(ran.status)


class _Tree:
    """The directory that globs are below, and the output in it, which is neither a material nor a product."""

    def __init__(self, directory: str, target: str) -> None:
        self._directory = directory
        self._output = os.path.relpath(os.path.realpath(target), os.path.realpath(directory))

    def demand_no_output_among(self, globs: Sequence[str]) -> None:
        """Raises UsageError for a glob that spells the output's name."""
        if self._output in map(os.path.normpath, globs):
            raise click.UsageError(f"the output {self._output} can't be one of the products; choose another name")

    def hash(self, globs: Sequence[str], *, missing: str, gitignore: bool = False) -> Snapshot:
        """The files that `globs` name."""
        from attest.building import trees
        from attest.building.run import snapshot

        found = trees.find(self._directory, globs, missing=missing, gitignore=gitignore, apart=[self._output])
        paths = [os.path.join(self._directory, *file.parts) for file in found]
        with _output.progress(paths, "hashing") as progress:
            return snapshot.take(self._directory, found, progress=progress)


def _target(step: str, output: str | None) -> str:
    if output is None:
        if "/" in step or step.startswith("."):
            raise click.UsageError(f"{step!r} makes no file name; say where the envelope goes with -o")
        return f"{step}.intoto.json"
    if output == "-":
        raise click.UsageError("standard output is the command's; name a file with -o")
    return output


def _build(kind: str, system: str | None, builder_id: str | None) -> Build | None:
    """Who runs the command, and as part of what; a link doesn't say."""
    if kind == "link":
        if system is not None or builder_id is not None:
            raise click.UsageError("a link has no builder; --ci and --builder-id go with the other types")
        return None
    return _ci.described(system, builder_id)


def _rehearse(statement: Callable[[CommandResult, Snapshot, Trace], Statement], command_line: tuple[str, ...]) -> None:
    """Build the statement as if all had gone well, so that what can't be stated is known before the command runs."""
    from attest.building.run.process import CommandResult
    from attest.building.run.snapshot import Snapshot
    from attest.building.run.strace import Trace
    from attest.statement import ResourceDescriptor

    now = datetime.now(UTC)
    stand_in = Snapshot([ResourceDescriptor("product", {"sha256": "0" * 64})], [""])
    try:
        statement(CommandResult(command_line, 0, None, now, now), stand_in, Trace())
    except InputError as error:
        if error.code != "predicate-invalid":
            raise
        raise click.UsageError(str(error)) from None


def _demand_writable(target: str, inputs: Sequence[str]) -> str:
    """The folder that the output goes into. Raises what writing would, as far as it is known beforehand."""
    folder = os.path.realpath(os.path.dirname(target))
    _output.not_over(target, inputs)
    files.demand_no_link(target)
    is_special = files.descriptor(target) is not None or (os.path.exists(target) and not os.path.isfile(target))
    may = os.access(target, os.W_OK) if is_special else os.access(folder, os.W_OK | os.X_OK)
    if os.path.isdir(target) or not os.path.isdir(folder) or not may:
        raise InputError("output-failed", "this can't be written", where=target)
    return folder


def _sign(statement: Statement, chosen: OpenSigners, timestamp: str | None) -> Signing:
    from attest.signing import sign_all
    from attest.timestamps.client import Timestamper

    stamp = None if timestamp is None else Timestamper(timestamp)
    return sign_all(statement, chosen.signers, quorum=chosen.quorum, timeout=chosen.timeout, timestamp=stamp)


def _ending(ran: CommandResult) -> str:
    return f"exit {ran.status}" if ran.signal is None else ran.signal
