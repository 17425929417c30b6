"""`attest verify`: verifies attestations of artifacts with the keys of a trust bundle.

Rule: exit 0 needs a Verified for every envelope, or what the policies require, and one about every artifact.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from attest.artifacts import Artifact, hint_for
from attest.cli import _commands, _exits, _options, _output, _policies, _secrets
from attest.cli.verify import _artifacts, _cluster, _envelopes, _policy, _result, _statement, _text
from attest.errors import AttestError, InputError, Rejected
from attest.results.verified import Verified
from attest.trust.history import load, load_root
from attest.trust.signers import SignerChecks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.cli.verify._result import CheckedEnvelope
    from attest.limits import Limits
    from attest.policy import Decisions
    from attest.trust.bundle import TrustBundle

_KINDS = ("verified", "rejected", "not decided", "ignored")
_NAMED = 1000  # of what is ignored; the rest is only counted


@click.command(cls=_commands.Command, short_help="Verify attestations against a trust bundle.")
@click.argument("envelopes", metavar="ATTESTATION...", nargs=-1, required=True, callback=_options.check_stdin)
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
@click.option(
    "--no-artifact", is_flag=True, help="Do not compare with an artifact; show only who signed which statement."
)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="Required predicate type.",
)
@_envelopes.choice_options
@click.option(
    "--now",
    metavar="TIME",
    callback=_options.check_time,
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
    no_artifact: bool,
    predicate_type: str | None,
    subject_names: tuple[str, ...] | None,
    anchors: tuple[str, ...] | None,
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

    ATTESTATION is a DSSE envelope, a Sigstore bundle, a JSON Lines file (.intoto.jsonl) with one of them per line, or a
    directory of such files. One attestation must be about all artifacts. Of several, each must be about at least one
    artifact, and each artifact needs at least one attestation. Lines, and files in a directory, that are not
    attestations are ignored with a warning.

    With --policy, attestations that do not verify are ignored with a warning, but at least one must verify, each
    artifact needs one that does, and the policy must be met.

    \b
    Example:
      attest verify app.intoto.json --trust trust.json --artifact dist/app.whl
    """
    if bool(artifacts) == no_artifact:
        raise click.UsageError(
            "--artifact and --no-artifact cannot be used together"
            if no_artifact
            else "--artifact or --no-artifact is required"
        )
    if [*envelopes, *artifacts].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    if with_signer and (cluster.dask is not None or (jobs or 1) > 1):
        raise click.UsageError("--with-signer cannot be used with --jobs or --dask")
    _statement.demand(session, statement_out, policy.vsa_out)
    cluster.demand(accept_vsa=policy.accept_vsa)
    policies = policy.load(no_artifact=no_artifact)
    root = None if trust_root is None else load_root(trust_root)
    bundle = load(trust, root=root, min_version=trust_min_version, allow_simulated=allow_simulated)
    _policies.demand_anchors(policies, bundle)
    schemas = _options.schemas(schema_dir)
    moment = _options.moment(now) or datetime.now(UTC)
    named = _artifacts.files_of(artifacts)
    with _output.progress(named, "hashing") as progress:
        wanted = None if no_artifact else _artifacts.read(named, progress)
    many = jobs is not None or cluster.dask is not None or any(_holds_many(name) for name in envelopes)
    collected = _VerifyOutput(
        session,
        envelopes,
        bundle,
        limits,
        many=many,
        may_stream=not policies and session.format == "text" and statement_out is None,
    )
    stdin = _options.stdin() if "-" in envelopes else None
    with (
        SignerChecks(_secrets.secrets(passphrase_file)) as checks,
        cluster.connected() as connected,
        _output.progress(envelopes if many else (), "verifying") as progress,
    ):
        found = _envelopes.verify_all(
            envelopes,
            bundle,
            limits,
            stdin=stdin,
            signers=checks if with_signer else None,
            cluster=connected,
            workers=jobs or 1,
            cover="none" if policies else None,
            artifacts=wanted,
            predicate_type=predicate_type,
            subject_names=subject_names,
            anchors=anchors,
            now=moment,
            allow_simulated=allow_simulated,
            statement_v0_1=statement_v0_1,
            check_predicate=not no_schema,
            schemas=schemas,
        )
        for judged in found:
            if isinstance(judged.outcome, InputError):
                _artifacts.explain(judged.outcome, judged.name, named)
            collected.take(judged)
            if progress is not None:
                progress(len(judged.envelope.raw or b"") if judged.envelope else 0)
    decision = None
    if policies and collected.verified:  # if nothing verified, that is the error
        decision, refusal = policy.decide(policies, collected.outcomes, wanted, moment, limits)
    else:
        refusal = collected.refusal(wanted)
    if refusal is None:
        inputs = [*envelopes, *named, trust, *(name for name in (trust_root, schema_dir) if name is not None)]
        if decision is not None:
            counted = {
                judged.name: judged.envelope.to_json() for judged in collected.verified if judged.envelope is not None
            }
            policy.keep(policies, decision, wanted or (), counted, moment, passphrase_file, inputs)
        if statement_out is not None:
            _statement.write(statement_out, collected.proofs, inputs=[*inputs, *policy.policies])
    return collected.done(moment, wanted, refusal, decision, quiet=statement_out == "-")


class _VerifyOutput:
    """Collects the results to print at the end, or prints a line for each at once if there are many.

    Policies and output formats other than text need all of them at the end.
    """

    def __init__(
        self,
        session: _output.OutputContext,
        names: Sequence[str],
        trust: TrustBundle,
        limits: Limits,
        *,
        many: bool,
        may_stream: bool,
    ) -> None:
        self._session = session
        self._names = names
        self._trust = trust
        self._limits = limits
        self._may_stream = may_stream
        self._as_it_comes = many and may_stream
        self._kept: list[CheckedEnvelope] = []
        self._count = Counter[str]()
        self._covered: set[Artifact] = set()
        self._worst: AttestError | None = None
        self._proof: Verified | None = None

    def take(self, judged: CheckedEnvelope) -> None:
        """Add one envelope. Raises InputError `too-many-attestations` for more than are kept."""
        outcome = judged.outcome
        if isinstance(outcome, Verified):
            kind = "verified"
            self._proof = outcome
            self._covered |= {check.artifact for check in outcome.report.artifacts or () if check.subjects}
        elif not judged.understood:
            kind = "ignored"
        else:
            kind = "rejected" if isinstance(outcome, Rejected) else "not decided"
            self._worst = outcome if self._worst is None else _exits.gravest([self._worst, outcome])
        self._count[kind] += 1
        if not judged.understood and self._count[kind] > _NAMED:
            return
        self._kept.append(judged)
        if judged.is_one_of_many and self._may_stream:
            self._as_it_comes = True  # for standard input it is known only now
        if self._as_it_comes:
            for one in self._kept:
                _print_line(one)
            self._kept = []
        else:
            self._limits.check_attestations(sum(self._count.values()) - self._count["ignored"])

    @property
    def outcomes(self) -> list[tuple[str, Verified | AttestError]]:
        """The results of the envelopes that were understood and kept."""
        return [(judged.name, judged.outcome) for judged in self._kept if judged.understood]

    @property
    def verified(self) -> list[CheckedEnvelope]:
        """The envelopes that verified and were kept."""
        return [judged for judged in self._kept if isinstance(judged.outcome, Verified)]

    @property
    def proofs(self) -> list[tuple[str, Verified]]:
        """What verified and was kept, with its name."""
        return [(judged.name, judged.outcome) for judged in self._kept if isinstance(judged.outcome, Verified)]

    def done(
        self,
        now: datetime,
        wanted: Sequence[Artifact] | None,
        refusal: AttestError | None,
        decision: Decisions | None = None,
        *,
        quiet: bool = False,
    ) -> _output.Completed:
        """Print the result and what is not printed yet; if `quiet`, only notes. Raises `refusal`, if there is one."""
        kept, session = self._kept, self._session
        ignored = self._count["ignored"]
        session.result = _result.verification(
            kept,
            trust=self._trust,
            now=now,
            artifacts=wanted,
            refusal=refusal,
            ignored=ignored,
            statements=session.format == "json",
        )
        if decision is not None:
            session.result["policy"] = _policy.described(decision)
        for judged in kept:
            printed = decision is not None and judged.understood
            if isinstance(judged.outcome, AttestError) and judged.outcome is not refusal and not printed:
                _print_problem(judged)
        if ignored > _NAMED:
            _output.prose("warning", f"{ignored - _NAMED:,} more inputs ignored")
        if self._as_it_comes and self._count:
            _output.prose("note", ", ".join(f"{self._count[kind]:,} {kind}" for kind in _KINDS if self._count[kind]))
        if refusal is not None:
            raise refusal
        text = [] if self._as_it_comes else list(_text.lines(kept, self._trust))
        text += () if decision is None else _policy.lines(decision)
        if quiet:  # standard output has the statement
            text = []
            for name, proof in self.proofs:
                for note in _result.notes(proof.report):
                    _output.prose("note", f"{name}: {note['message']}")
        return _output.verified(session, text, [self._proof] if self._proof else [])

    def refusal(self, wanted: Sequence[Artifact] | None) -> AttestError | None:
        """Why the whole call fails: a rejection is reported rather than an error that left something undecided."""
        worst = self._worst
        if worst is not None and self._as_it_comes:  # it is printed already
            failed = sum(number for kind, number in self._count.items() if kind in ("rejected", "not decided"))
            understood = sum(self._count.values()) - self._count["ignored"]
            return type(worst)(worst.code, f"{failed:,} of {understood:,} attestations did not verify")
        if worst is not None:
            return worst
        if self._proof is None:
            return InputError("envelope-missing", "no attestation found", where=", ".join(self._names))
        for artifact in wanted or ():
            if artifact not in self._covered:
                message = "no attestation is about this artifact"
                return Rejected("artifact-not-covered", message, where=artifact.name, hint=hint_for(artifact))
        return None


def _print_line(judged: CheckedEnvelope) -> None:
    """One line about one of many envelopes."""
    if isinstance(judged.outcome, Verified):
        verified = f"verified: {judged.name} ({', '.join(judged.outcome.anchors)})"
        _output.lines([verified, *_text.notes(judged.outcome.report)])
    else:
        _print_problem(judged)


def _print_problem(judged: CheckedEnvelope) -> None:
    """The error of an envelope, or a warning about an input that is ignored."""
    assert isinstance(judged.outcome, AttestError)  # noqa: S101
    if judged.understood:
        _output.error_lines(judged.outcome)
    else:
        _output.prose("warning", _text.ignored(judged.name, judged.outcome))


def _holds_many(name: str) -> bool:
    return name.endswith(".jsonl") or os.path.isdir(name)
