"""`attest verify`: whether envelopes prove what is claimed of artifacts, by the keys of a trust bundle.

Rule: the way to exit 0 leads through a Verified for every envelope and every artifact covered.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest._codec import format_time
from attest.artifacts import Artifact
from attest.cli import _options, _output, _result
from attest.envelope import check_size
from attest.errors import AttestError, InputError, Rejected, SignerError
from attest.resolving import SignerChecks
from attest.statement import V1
from attest.trust_chain import load, load_root
from attest.verifying import Limits, Verified, uncovered, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.trust import TrustBundle

Outcome = tuple[str, Verified | AttestError]

_LIMITS = ("envelope", "signatures", "subjects", "digests", "depth")
_SCHEMA = {"checked": "schema checked", "unknown": "no schema known", "skipped": "schema not checked"}


def _limits(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Limits:
    chosen = {}
    for text in value:
        name, _, number = text.partition("=")
        if name not in _LIMITS or not (number.isascii() and number.isdigit() and len(number) < 16):
            known = ", ".join(_LIMITS)
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER with NAME one of {known}", ctx, param)
        chosen[name] = int(number)
    return Limits(**chosen)


@click.command(short_help="Verify envelopes against a trust bundle.")
@click.argument("envelopes", metavar="ENVELOPE...", nargs=-1, required=True)
@click.option(
    "--trust",
    metavar="FILE",
    required=True,
    envvar="ATTEST_TRUST",
    help="The trust bundle, or a history of signed ones.",
)
@_options.trust_root_option
@click.option(
    "--trust-min-version",
    metavar="N",
    type=click.IntRange(1),
    envvar="ATTEST_TRUST_MIN_VERSION",
    help="The lowest version of the trust bundle that is accepted.",
)
@click.option(
    "--artifact",
    "artifacts",
    metavar="FILE|DIGEST",
    multiple=True,
    help="A file, a directory, - or ALGORITHM:HEX that must be covered; may be repeated.",
)
@click.option("--no-artifact", is_flag=True, help="Ask only who claimed what, about whatever it is.")
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="The predicate type that every envelope must have.",
)
@click.option("--now", metavar="TIME", callback=_options.check_time, help="Judge as of TIME, which you vouch for.")
@_options.simulated_option
@click.option(
    "--limit",
    "limits",
    callback=_limits,
    metavar="NAME=N",
    multiple=True,
    help=f"Change a limit: {', '.join(_LIMITS)}.",
)
@click.option("--with-signer", is_flag=True, help="Have signatures checked by the signers that the trust bundle names.")
@_options.passphrase_option
@_options.old_statement_option
@_options.no_schema_option
@_options.report_option
@click.pass_obj
def command(
    session: _output.Session,
    envelopes: tuple[str, ...],
    trust: str,
    trust_root: str | None,
    trust_min_version: int | None,
    artifacts: tuple[str, ...],
    no_artifact: bool,
    predicate_type: str | None,
    now: str | None,
    allow_simulated: bool,
    limits: Limits,
    with_signer: bool,
    passphrase_file: str | None,
    statement_v0_1: bool,
    no_schema: bool,
) -> _output.Done:
    """Verify ENVELOPEs against a trust bundle.

    Every ENVELOPE must be signed well enough and be about one of the artifacts, and every artifact must be covered.
    """
    if bool(artifacts) == no_artifact:
        raise click.UsageError(
            "--artifact and --no-artifact exclude each other"
            if no_artifact
            else "name what is verified with --artifact FILE, or say --no-artifact to ask only who claimed what"
        )
    if [*envelopes, *artifacts].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    root = None if trust_root is None else load_root(trust_root)
    bundle = load(trust, root=root, min_version=trust_min_version, allow_simulated=allow_simulated)
    moment = _options.moment(now) or datetime.now(UTC)
    with _output.progress(artifacts, "hashing") as progress:
        wanted = None if no_artifact else [_artifact(name, progress) for name in artifacts]
    outcomes: list[Outcome] = []
    with SignerChecks(_options.secrets(passphrase_file)) as checks:
        for name in envelopes:
            try:
                verified = verify(
                    _envelope(name, limits),
                    bundle,
                    artifacts=wanted,
                    predicate_type=predicate_type,
                    now=moment,
                    allow_simulated=allow_simulated,
                    statement_v0_1=statement_v0_1,
                    check_predicate=not no_schema,
                    cover="all" if len(envelopes) == 1 else "any",
                    limits=limits,
                    signers=checks if with_signer else None,
                )
                outcomes.append((name, verified))
            except AttestError as error:
                outcomes.append((name, _options.locate(error, name)))
    refusal = _why_not(outcomes, wanted)
    session.result = _result.verification(outcomes, trust=bundle, now=moment, artifacts=wanted, refusal=refusal)
    if refusal is not None:
        for _, outcome in outcomes:
            if isinstance(outcome, AttestError) and outcome is not refusal:
                _output.error_lines(outcome)
        raise refusal
    proofs = [outcome for _, outcome in outcomes if isinstance(outcome, Verified)]
    return _output.verified(session, _lines(outcomes, bundle), proofs)


def _envelope(name: str, limits: Limits) -> bytes:
    try:
        return _options.read_input(name, limit=limits.envelope)
    except InputError as error:
        if error.code == "file-too-large":
            check_size(limits.envelope + 1, limits.envelope)
        raise


def _artifact(name: str, progress: Any) -> Artifact:
    if name == "-":
        return Artifact.of_stream("-", _options.stdin())
    try:
        return Artifact.of(name, progress=progress)
    except InputError as error:  # a digest that isn't one
        raise click.BadParameter(str(error), param_hint="--artifact") from None


def _why_not(outcomes: Sequence[Outcome], wanted: Sequence[Artifact] | None) -> AttestError | None:
    """The error that the whole call ends with: a no goes before what couldn't be decided, for whatever reason."""
    errors = [outcome for _, outcome in outcomes if isinstance(outcome, AttestError)]
    if errors:
        return min(errors, key=lambda error: (not isinstance(error, Rejected), not isinstance(error, SignerError)))
    for artifact in uncovered(wanted or (), [outcome for _, outcome in outcomes if isinstance(outcome, Verified)]):
        return Rejected("artifact-not-covered", "no envelope is about this artifact", where=artifact.name)
    return None


def _lines(outcomes: Sequence[Outcome], bundle: TrustBundle) -> Iterator[str]:
    for name, outcome in outcomes:
        if isinstance(outcome, Verified):
            yield f"verified: {name}"
            yield from _details(outcome, bundle)


def _details(verified: Verified, bundle: TrustBundle) -> Iterator[str]:
    statement, report = verified.statement, verified.report
    yield f"  vouched for by  {', '.join(verified.anchors)} (trust bundle version {bundle.version})"
    for check in report.signatures:
        verdict = "good" if check.code is None else f"not counted: {check.code}"
        verdict += ", checked by the signer too" if check.checked_by == "signer" else ""
        yield f"  signature {check.position:<5} {check.algorithm or 'unknown'} {check.keyid or '-'} ({verdict})"
        proof = check.timestamp
        if proof is not None and proof.time is not None:
            yield f"    signed before {format_time(proof.time)} (timestamp by {proof.authority})"
        elif proof is not None:
            yield f"    timestamp not counted: {proof.message} ({proof.code})"
    if statement.type != V1:
        yield f"  statement       {statement.type}"
    yield f"  predicate       {statement.predicate_type} ({_SCHEMA[report.predicate_schema or 'skipped']})"
    if report.artifacts is None:
        yield "  artifact        not asked for: this says only who claimed what"
    for match in report.artifacts or ():
        if match.subjects:
            digests = ", ".join(f"{algorithm}:{value}" for algorithm, value in match.artifact.digests.items())
            yield f"  artifact        {match.artifact.name} ({digests})"
    yield f"  judged at       {format_time(report.now)}"
