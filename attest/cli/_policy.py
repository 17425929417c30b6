"""What `attest verify` does with a policy: reads it, decides over what verified, and keeps a yes as a VSA.

Rule: an envelope that doesn't verify decides nothing, and nothing is written but for a yes.
"""

from __future__ import annotations

import hashlib
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest.cli import _options, _output
from attest.errors import AttestError, InputError, Rejected, SignerError
from attest.verifying import Verified, uncovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.limits import Limits
    from attest.policy import Decision, Failure, Met, Policy


def _values(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in value:
        name, equals, given = text.partition("=")
        if not equals or not name or name in found:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, each name once", ctx, param)
        found[name] = given
    return found


set_option: _options.Decorator = click.option(
    "--set",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_values,
    help="A value for a parameter of the policy; may be repeated.",
)
_OPTIONS: tuple[_options.Decorator, ...] = (
    click.option("--policy", metavar="FILE", envvar="ATTEST_POLICY", help="The policy (TOML or JSON) that decides."),
    set_option,
    click.option("--accept-vsa", is_flag=True, help="Let a VSA that the policy trusts take the place of the evidence."),
    click.option(
        "--vsa-out",
        metavar="FILE",
        callback=_options.check_output,
        help="Keep a yes: write a signed VSA of the decision to FILE.",
    ),
    click.option("--verifier-id", metavar="URI", help="Who decided, as the VSA says: its verifier.id."),
    click.option("--resource-uri", metavar="URI", help="What was decided about, as the VSA says: its resourceUri."),
    # Read only where there is something to sign: an ATTEST_SIGNER that nobody needs here is nobody's mistake.
    click.option(
        "--signer",
        "signers",
        metavar="URI",
        multiple=True,
        envvar="ATTEST_SIGNER",
        help="Who signs the VSA, by the URI of a signer or profile:NAME; may be repeated.",
    ),
    _options.config_option,
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a policy, which reach the command together, as `asked`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        asked = Asked(**{name: given.pop(name) for name in Asked._fields})
        return command(*arguments, asked=asked, **given)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


class Asked(NamedTuple):
    """What the command line says about a policy."""

    policy: str | None
    parameters: dict[str, str]
    accept_vsa: bool
    vsa_out: str | None
    verifier_id: str | None
    resource_uri: str | None
    signers: tuple[str, ...]
    config: str | None

    def load(self, *, no_artifact: bool) -> Policy | None:
        """The policy, if there is one; a UsageError for options that lack what they go with."""
        if self.policy is None:
            for option, given in (("--set", bool(self.parameters)), ("--accept-vsa", self.accept_vsa)):
                if given:
                    raise click.UsageError(f"{option} goes with --policy FILE")
        for option, value in (("--verifier-id", self.verifier_id), ("--resource-uri", self.resource_uri)):
            if (value is None) is not (self.vsa_out is None):
                raise click.UsageError(f"{option} and --vsa-out go together")
        if self.vsa_out is not None:
            if self.policy is None:
                raise click.UsageError("a VSA is of a policy's decision; name it with --policy")
            if no_artifact:
                raise click.UsageError("a VSA is about an artifact; name it with --artifact")
            if self.accept_vsa:
                # Made of another VSA, it would be new again and again, however long ago somebody looked at evidence.
                raise click.UsageError("--vsa-out keeps what evidence decides, and excludes --accept-vsa")
            if not self.signers:
                raise click.UsageError("name who signs the VSA: --signer URI")
            context = click.get_current_context()
            parameter = next(one for one in context.command.params if one.name == "signers")
            _options.check_signers_and_profiles(context, parameter, self.signers)
        return None if self.policy is None else load(self.policy, self.parameters)

    def decide(
        self,
        policy: Policy,
        outcomes: Sequence[tuple[str, Verified | AttestError]],
        artifacts: Sequence[Artifact] | None,
        now: datetime,
        limits: Limits,
    ) -> tuple[Decision, AttestError | None]:
        """The decision over what verified, and the error that the call ends with unless it is a yes."""
        proofs = [(name, outcome) for name, outcome in outcomes if isinstance(outcome, Verified)]
        decision = policy.decide(
            [proof for _, proof in proofs],
            artifacts=artifacts,
            now=now,
            names=[name for name, _ in proofs],
            accept_vsa=self.accept_vsa,
            limits=limits,
        )
        for _, outcome in outcomes:
            if isinstance(outcome, AttestError):
                _output.prose("warning", f"not counted: {outcome} ({outcome.code})")
        if decision.yes:
            for artifact in uncovered(artifacts or (), [proof for _, proof in proofs]):
                message = "no envelope is about this artifact"
                return decision, Rejected("artifact-not-covered", message, where=artifact.name)
            return decision, None
        for failure in failures(decision):
            _output.error_lines(failure)
        # What couldn't be asked could have made it a yes, and whoever tries again may get one.
        away = next((outcome for _, outcome in outcomes if isinstance(outcome, SignerError)), None)
        return decision, away or Rejected("policy-failed", decision.summary, where=self.policy)

    def keep(
        self,
        policy: Policy,
        decision: Decision,
        artifacts: Sequence[Artifact],
        envelopes: dict[str, bytes],
        now: datetime,
        passphrase_file: str | None,
        inputs: Sequence[str],
    ) -> None:
        """Write the VSA of a yes, if one was asked for; `envelopes` are those that verified."""
        if self.vsa_out is None or self.verifier_id is None or self.resource_uri is None or self.policy is None:
            return
        from attest.cli import _signers
        from attest.policy import summarise
        from attest.signing import sign_all

        try:
            statement = summarise(
                decision,
                policy,
                verifier=self.verifier_id,
                resource=self.resource_uri,
                artifacts=artifacts,
                inputs={name: hashlib.sha256(data).hexdigest() for name, data in envelopes.items()},
                now=now,
            )
        except InputError as error:
            if error.code == "vsa-of-a-no":
                raise click.UsageError(f"--vsa-out: {error}") from None
            raise click.UsageError(f"--verifier-id and --resource-uri are URIs: {error}") from None
        profile = _signers.expand(self.signers, self.config)
        with _signers.opened(profile, _options.secrets(passphrase_file)) as chosen:
            signed = sign_all(statement, chosen.signers, quorum=chosen.quorum, timeout=chosen.timeout)
            read = [*inputs, self.policy, *(file for signer in chosen.signers for file in signer.files)]
            read += _options.signer_files((), self.config, passphrase_file)
            _output.document(self.vsa_out, signed.envelope.to_json(), inputs=read)


def load(path: str, parameters: dict[str, str]) -> Policy:
    """The policy at `path`; values that it has no use for are a wrong command line."""
    from attest.policy import Policy

    try:
        return Policy.load(path, parameters)
    except InputError as error:
        if error.code.startswith("parameter-"):
            hint = f". {error.hint.rstrip('.')}" if error.hint else ""
            raise click.UsageError(f"--set: {error}{hint}") from None
        raise


def failures(decision: Decision) -> Iterator[Rejected]:
    """Everything that stands between a decision and a yes, as errors to be shown."""
    for met in (*decision.requirements, *([] if decision.vsa is None else [decision.vsa])):
        if not met.met:
            for failure in met.failures:
                yield Rejected(failure.code, failure.message, where=_place(met.id, failure), hint=failure.hint)


def lines(decision: Decision) -> Iterator[str]:
    """A decision as text."""
    yield f"policy: {decision.summary} (sha256:{decision.policy_sha256})"
    for met in (*decision.requirements, *([] if decision.vsa is None else [decision.vsa])):
        yield f"  {met.id:<15} {'met by ' + ', '.join(met.by) if met.met else 'not met'}"
        for failure in met.failures:
            place = _place("", failure)
            yield f"    not by        {place + ': ' if place else ''}{failure.message} ({failure.code})"
    if decision.levels:
        yield f"  levels          {', '.join(decision.levels)}"


def described(decision: Decision) -> dict[str, Any]:
    """A decision as it stands in a result (schemas/result.json)."""
    return {
        "sha256": decision.policy_sha256,
        "decision": "yes" if decision.yes else "no",
        "summary": decision.summary,
        "requirements": [_met(met) for met in decision.requirements],
        "vsa": None if decision.vsa is None else _met(decision.vsa),
        "levels": list(decision.levels),
    }


def _met(met: Met) -> dict[str, Any]:
    failed = [failure._asdict() for failure in met.failures]
    return {"id": met.id, "met": met.met, "by": list(met.by), "failures": failed}


def _place(requirement: str, failure: Failure) -> str:
    return ": ".join(part for part in (requirement, failure.attestation, failure.pointer) if part)
