"""`attest verify`: verifies attestations of artifacts with the keys of a trust bundle.

Rule: exit 0 needs a Verified about every artifact, and one for every file that is not a collection.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.cli._options import policies as policy_options
from attest.cli._options import times
from attest.cli.verify import _artifacts, _cluster, _envelopes, _image, _policy, _printing, _statement
from attest.collection import decide
from attest.errors import InputError
from attest.sources import read_all
from attest.trust.history import load, load_root
from attest.trust.signers import SignerChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.limits import Limits
    from attest.results import CheckedEnvelope
    from attest.sources import ReadEnvelope


_KEYS: Final = (
    "A trust bundle has the keys: attest trust init --anchor NAME --key FILE -o trust.json, then --trust trust.json."
)


@click.command(
    cls=_commands.Command,
    short_help="Verify attestations against a trust bundle.",
    elsewhere=dict.fromkeys(("--key", "--public-key", "--certificate-identity"), _KEYS),
)
@click.argument("envelopes", metavar="ATTESTATION...", nargs=-1, callback=_options.check_stdin)
@click.option(
    "--trust",
    metavar="FILE",
    required=True,
    envvar="ATTEST_TRUST",
    help="Trust bundle to verify against, or a file with its signed versions.",
)
@_options.trust_root_option
@click.option(
    "--trust-min-version",
    metavar="N",
    type=click.IntRange(1),
    envvar="ATTEST_TRUST_MIN_VERSION",
    help="Reject trust bundles older than version N.",
)
@click.option(
    "--artifact",
    "artifacts",
    metavar="FILE|DIGEST",
    multiple=True,
    callback=_options.check_stdin,
    help="Artifact: a file, a quoted glob of files, a directory, `-`, ALGORITHM:HEX or git:DIRECTORY[@REV]. May be "
    "repeated.",
)
@_image.options
@click.option(
    "--no-artifact", is_flag=True, help="Do not compare with an artifact; show only who signed which statement."
)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="Predicate type that an attestation must have.",
)
@_envelopes.choice_options
@click.option(
    "--now",
    type=times.EXACT,
    help="Verify as of TIME instead of now. The result is only as reliable as TIME.",
)
@_options.simulated_option
@_options.limit_option("tries", "attestations")
@click.option("--with-signer", is_flag=True, help="Also check signatures with the tokens that the trust bundle names.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 1024), show_default="1", help="Number of worker processes.")
@_cluster.options
@_options.passphrase_option
@_options.old_statement_option
@_options.no_schema_option
@_options.schema_dir_option
@_policy.options
@_statement.option
@_options.report_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    envelopes: tuple[str, ...],
    trust: str,
    trust_root: str | None,
    trust_min_version: int | None,
    artifacts: tuple[str, ...],
    image: _image.ImageOptions,
    no_artifact: bool,
    predicate_type: str | None,
    subject_names: tuple[str, ...] | None,
    anchors: tuple[str, ...] | None,
    strict: bool,
    crls: tuple[str, ...],
    now: str | None,
    allow_simulated: bool,
    limits: Limits,
    with_signer: bool,
    jobs: int | None,
    cluster: _cluster.ClusterOptions,
    passphrase_file: str | None,
    statement_v0_1: bool,
    no_schema: bool,
    schema_dir: str | None,
    policy: _policy.PolicyOptions,
    statement_out: str | None,
) -> _output.Completed:
    """Verify attestations against a trust bundle.

    ATTESTATION is a DSSE envelope, a Sigstore bundle or another container (docs/verify/others.md), a JSON Lines file
    (.intoto.jsonl) with one of them per line, or a directory of such files. A file with one attestation must verify. If
    it is the only file, it must be about all artifacts; if there are several, each must be about at least one. Lines of
    a JSON Lines file, and files in a directory, that do not verify are ignored: they may be about something else. At
    least one attestation must verify, and each artifact needs one that does.

    With --image, the image is an artifact, and the attestations that are attached to it are read too, as the lines of a
    JSON Lines file are.

    With --policy, the policy must be met too, by all attestations that verified together.

    \b
    Examples:
      attest verify app.intoto.json --trust trust.json --artifact dist/app.whl
      attest verify --image registry.example.com/app:1.0 --trust trust.json
    """
    _demand_inputs(envelopes, artifacts, image.image, no_artifact=no_artifact)
    if [*envelopes, *artifacts].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    if with_signer and (cluster.dask is not None or (jobs or 1) > 1):
        raise click.UsageError("--with-signer cannot be used with --jobs or --dask")
    _statement.demand(session, statement_out, policy.vsa_out)
    cluster.demand(accept_vsa=policy.accept_vsa)
    ask = policy.secrets(passphrase_file)
    moment = times.moment(now) or datetime.now(UTC)
    if now is not None:
        session.details["now_given"] = True
        if ask is not None and moment > datetime.now(UTC):
            # Until then nobody accepts such a VSA, and after it too long.
            raise click.UsageError(
                "--vsa-out cannot be used with --now in the future: the VSA would seem newer than it is"
            )
    policies = policy.load(no_artifact=no_artifact, ask=ask)
    root = None if trust_root is None else load_root(trust_root)
    bundle = load(trust, root=root, min_version=trust_min_version, allow_simulated=allow_simulated)
    policy_options.demand_anchors(policies, bundle)
    schemas = _options.schemas(schema_dir)
    revoked = _envelopes.revocation_lists(crls, moment)
    named = _artifacts.files_of(artifacts)
    with _output.progress(named, "hashing") as progress:
        wanted = None if no_artifact else _artifacts.read(named, progress)
    beside = image.open(session, limits)
    if wanted is not None and beside is not None:
        wanted.append(beside.artifact)
    many = (
        beside is not None
        or jobs is not None
        or cluster.dask is not None
        or any(_holds_many(name) for name in envelopes)
    )
    may_stream = not policies and session.format == "text" and statement_out is None
    printer = _printing.Printer(session, bundle, many=many, may_stream=may_stream)
    stdin = _options.stdin() if "-" in envelopes else None
    with (
        SignerChecks(secrets.secrets(passphrase_file) if with_signer else None) as checks,
        cluster.connected() as connected,
        _output.counted(session, "verifying", "attestations") as progress,
    ):

        def seen(one: CheckedEnvelope) -> None:
            if isinstance(one.outcome, InputError) and not one.is_one_of_many:  # the shell names files, not lines
                _artifacts.explain(one.outcome, one.name, named)
            printer.take(one)
            if progress is not None:
                progress(1)

        def entries() -> Iterator[ReadEnvelope]:
            yield from read_all(envelopes, limits=limits, stdin=stdin, passed_over=printer.pass_over)
            yield from beside or ()

        report = decide(
            entries(),
            bundle,
            artifacts=wanted,
            policy=policies or None,
            accept_vsa=policy.accept_vsa,
            strict=strict,
            now=moment,
            signers=checks if with_signer else None,
            workers=jobs or 1,
            executor=None if connected is None else connected.executor,
            executor_is_trusted=connected is not None and connected.is_trusted,
            seen=seen,
            keep=not (may_stream and (many or stdin is not None)),
            limits=limits,
            predicate_type=predicate_type,
            subject_names=subject_names,
            anchors=anchors,
            allow_simulated=allow_simulated,
            statement_v0_1=statement_v0_1,
            check_predicate=not no_schema,
            schemas=schemas,
            crls=revoked,
        )
    if beside is not None:
        image.explain(report.refusal, beside)
    if report.refusal is None:
        inputs = [
            *envelopes,
            *named,
            trust,
            *crls,
            *(name for name in (trust_root, schema_dir, passphrase_file) if name is not None),
        ]
        if report.policy is not None:
            counted = {one.name: one.envelope.to_json() for one in report.verified if one.envelope is not None}
            policy.keep(policies, report.policy, wanted or (), counted, moment, ask, inputs)
        if statement_out is not None:
            _statement.write(statement_out, report.proofs, inputs=[*inputs, *policy.policies])
    names = [*envelopes, *([beside.name] if beside is not None else [])]
    return printer.done(report, wanted, names, quiet=statement_out == "-")


def _demand_inputs(
    envelopes: tuple[str, ...], artifacts: tuple[str, ...], image: str | None, *, no_artifact: bool
) -> None:
    """Raises UsageError if nothing is named that could be verified, or nothing that it should be about."""
    if not envelopes and image is None:
        raise click.UsageError("missing argument 'ATTESTATION...', or --image")
    if no_artifact and (artifacts or image is not None):
        option = "--artifact" if artifacts else "--image"
        raise click.UsageError(f"{option} and --no-artifact cannot be used together")
    if not artifacts and image is None and not no_artifact:
        hint = "Name artifacts with an option: --artifact FILE." if len(envelopes) > 1 else None
        hint = hint or next(filter(None, map(_artifacts.image_hint, envelopes)), None)
        raise _output.WrongUse("--artifact, --image or --no-artifact is required", hint)


def _holds_many(name: str) -> bool:
    return name.endswith(".jsonl") or os.path.isdir(name)
