"""`attest verify`: whether envelopes prove what is claimed of artifacts, by the keys of a trust bundle.

Rule: the way to exit 0 leads through a Verified for every envelope and every artifact covered.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest.artifacts import Artifact
from attest.cli import (
    _commands,
    _dask,
    _exits,
    _options,
    _output,
    _policy,
    _result,
    _secrets,
    _verified_text,
    _verifying,
)
from attest.errors import AttestError, InputError, Rejected
from attest.results.verified import Verified
from attest.trust.history import load, load_root
from attest.trust.signers import SignerChecks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.cli._checked import CheckedEnvelope
    from attest.limits import Limits
    from attest.policy import Decisions
    from attest.trust.bundle import TrustBundle

_NAMED = 1000  # of what is not understood; the rest is only counted


@click.command(cls=_commands.Command, short_help="Verify envelopes against a trust bundle.")
@click.argument("envelopes", metavar="ENVELOPE...", nargs=-1, required=True, callback=_options.check_stdin)
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
    callback=_options.check_stdin,
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
@_verifying.choice_options
@click.option("--now", metavar="TIME", callback=_options.check_time, help="Judge as of TIME, which you vouch for.")
@_options.simulated_option
@_options.limit_option("tries", "attestations")
@click.option("--with-signer", is_flag=True, help="Have signatures checked by the signers that the trust bundle names.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 1024), help="Verify with N processes of this machine.")
@_dask.options
@_options.passphrase_option
@_options.old_statement_option
@_options.no_schema_option
@_options.schema_dir_option
@_policy.options
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
    cluster: _dask.ClusterOptions,
    passphrase_file: str | None,
    statement_v0_1: bool,
    no_schema: bool,
    schema_dir: str | None,
    asked: _policy.PolicyOptions,
) -> _output.Completed:
    """Verify ENVELOPEs against a trust bundle.

    Every ENVELOPE must be signed well enough and be about one of the artifacts, and every artifact must be covered.
    ENVELOPE is a file with one envelope or Sigstore bundle, or one a line (.intoto.jsonl), or a folder of such files;
    a line or a file of a folder that isn't understood is said, and decides nothing. With policies they decide,
    over those that are signed well enough.
    """
    if bool(artifacts) == no_artifact:
        raise click.UsageError(
            "--artifact and --no-artifact exclude each other"
            if no_artifact
            else "name what is verified with --artifact FILE, or say --no-artifact to ask only who claimed what"
        )
    if [*envelopes, *artifacts].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    if with_signer and (cluster.dask is not None or (jobs or 1) > 1):
        raise click.UsageError("--with-signer asks tokens of this process, and goes with neither --jobs nor --dask")
    cluster.demand(accept_vsa=asked.accept_vsa)
    policies = asked.load(no_artifact=no_artifact)
    root = None if trust_root is None else load_root(trust_root)
    bundle = load(trust, root=root, min_version=trust_min_version, allow_simulated=allow_simulated)
    _policy.demand_anchors(policies, bundle)
    schemas = _options.schemas(schema_dir)
    moment = _options.moment(now) or datetime.now(UTC)
    with _output.progress(artifacts, "hashing") as progress:
        wanted = None if no_artifact else [_artifact(name, progress) for name in artifacts]
    many = jobs is not None or cluster.dask is not None or any(_holds_many(name) for name in envelopes)
    said = _VerifyOutput(
        session, envelopes, bundle, limits, many=many, may_stream=not policies and session.format == "text"
    )
    stdin = _options.stdin() if "-" in envelopes else None
    with (
        SignerChecks(_secrets.secrets(passphrase_file)) as checks,
        cluster.connected() as connected,
        _output.progress(envelopes if many else (), "verifying") as progress,
    ):
        found = _verifying.verify_all(
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
            said.take(judged)
            if progress is not None:
                progress(len(judged.envelope.raw or b"") if judged.envelope else 0)
    if not policies or not said.verified:  # of nothing that verified a policy has nothing to say
        return said.done(moment, wanted, said.refusal(wanted))
    decision, refusal = asked.decide(policies, said.outcomes, wanted, moment, limits)
    if refusal is None:
        counted = {judged.name: judged.envelope.to_json() for judged in said.verified if judged.envelope is not None}
        inputs = [*envelopes, *artifacts, trust, *(name for name in (trust_root, schema_dir) if name is not None)]
        asked.keep(policies, decision, wanted or (), counted, moment, passphrase_file, inputs)
    return said.done(moment, wanted, refusal, decision)


class _VerifyOutput:
    """What is kept and printed of the envelopes: all of it for a few, and a line each as it comes where they are many.

    Only a policy and a document keep them all, however many they are.
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
        """Take note of one envelope. Raises InputError `too-many-attestations` for more than are kept."""
        outcome = judged.outcome
        if isinstance(outcome, Verified):
            kind = "verified"
            self._proof = outcome
            self._covered |= {check.artifact for check in outcome.report.artifacts or () if check.subjects}
        elif not judged.understood:
            kind = "not understood"
        else:
            kind = "refused" if isinstance(outcome, Rejected) else "not read"
            self._worst = outcome if self._worst is None else _exits.gravest([self._worst, outcome])
        self._count[kind] += 1
        if not judged.understood and self._count[kind] > _NAMED:
            return
        self._kept.append(judged)
        if judged.is_one_of_many and self._may_stream:
            self._as_it_comes = True  # of standard input it is known only now
        if self._as_it_comes:
            for one in self._kept:
                _tell(one)
            self._kept = []
        else:
            self._limits.check_attestations(sum(self._count.values()) - self._count["not understood"])

    @property
    def outcomes(self) -> list[tuple[str, Verified | AttestError]]:
        """What became of those that were understood and kept."""
        return [(judged.name, judged.outcome) for judged in self._kept if judged.understood]

    @property
    def verified(self) -> list[CheckedEnvelope]:
        """Those that verified and were kept."""
        return [judged for judged in self._kept if isinstance(judged.outcome, Verified)]

    def done(
        self,
        now: datetime,
        wanted: Sequence[Artifact] | None,
        refusal: AttestError | None,
        decision: Decisions | None = None,
    ) -> _output.Completed:
        """The end: one result, one verdict, and what is left to say. Raises `refusal`, if there is one."""
        kept, session = self._kept, self._session
        ignored = self._count["not understood"]
        session.result = _result.verification(
            kept, trust=self._trust, now=now, artifacts=wanted, refusal=refusal, ignored=ignored
        )
        if decision is not None:
            session.result["policy"] = _policy.described(decision)
        for judged in kept:
            said = decision is not None and judged.understood  # by who decided
            if isinstance(judged.outcome, AttestError) and judged.outcome is not refusal and not said:
                _say(judged)
        if ignored > _NAMED:
            _output.prose("warning", f"not understood: {ignored - _NAMED:,} more, which are only counted")
        if self._as_it_comes and self._count:
            _output.prose("note", ", ".join(f"{number} {kind}" for kind, number in self._count.items()))
        if refusal is not None:
            raise refusal
        text = [] if self._as_it_comes else list(_verified_text.lines(kept, self._trust))
        text += () if decision is None else _policy.lines(decision)
        return _output.verified(session, text, [self._proof] if self._proof else [])

    def refusal(self, wanted: Sequence[Artifact] | None) -> AttestError | None:
        """Why the whole call is refused: a no goes before what couldn't be decided, for whatever reason."""
        worst = self._worst
        if worst is not None and self._as_it_comes:  # it was said already
            failed = sum(number for kind, number in self._count.items() if kind in ("refused", "not read"))
            understood = sum(self._count.values()) - self._count["not understood"]
            return type(worst)(worst.code, f"{failed} of {understood} did not verify")
        if worst is not None:
            return worst
        if self._proof is None:
            return InputError("envelope-missing", "there is no envelope here", where=", ".join(self._names))
        for artifact in wanted or ():
            if artifact not in self._covered:
                return Rejected("artifact-not-covered", "no envelope is about this artifact", where=artifact.name)
        return None


def _tell(judged: CheckedEnvelope) -> None:
    """A line about one of many."""
    if isinstance(judged.outcome, Verified):
        notes = [f"  note            {note['message']}" for note in _result.notes(judged.outcome.report)]
        _output.lines([f"verified: {judged.name} ({', '.join(judged.outcome.anchors)})", *notes])
    else:
        _say(judged)


def _say(judged: CheckedEnvelope) -> None:
    """An envelope that was refused or not read, and one that wasn't understood, which decides nothing."""
    assert isinstance(judged.outcome, AttestError)  # noqa: S101
    if judged.understood:
        _output.error_lines(judged.outcome)
    else:
        _output.prose("warning", f"not understood: {judged.outcome} ({judged.outcome.code})")


def _holds_many(name: str) -> bool:
    return name.endswith(".jsonl") or os.path.isdir(name)


def _artifact(name: str, progress: Any) -> Artifact:
    if name == "-":
        return Artifact.of_stream("-", _options.stdin())
    try:
        return Artifact.of(name, progress=progress)
    except InputError as error:  # a digest that isn't one
        if error.code == "name-ambiguous":
            raise
        raise click.BadParameter(str(error), param_hint="--artifact") from None
