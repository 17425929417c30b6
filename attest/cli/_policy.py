"""What `attest verify` does with a policy: reads it, decides over what verified, and keeps a yes as a VSA.

Rule: an envelope that doesn't verify decides nothing, and nothing is written but for a yes.
"""

from __future__ import annotations

import hashlib
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from attest.cli import _commands, _options, _output, _secrets
from attest.errors import AttestError, InputError, Rejected, SignerError
from attest.results.verified import Verified
from attest.verifying import uncovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.limits import Limits
    from attest.policy import Decision, Decisions, Failure, Policy, RequirementResult
    from attest.trust.bundle import TrustBundle


def _values(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in value:
        name, equals, given = text.partition("=")
        if not equals or not name or name in found:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, each name once", ctx, param)
        found[name] = given
    return found


def _all_named(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The policies of the command line and those of ATTEST_POLICY, each once.

    Elsewhere an option replaces its variable. Here that would drop a policy that somebody else asks for.
    """
    if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        _commands.demand_variables(ctx, [param])  # it adds to what was given, so an empty one is a mistake here too
        value = (*(param.value_from_envvar(ctx) or ()), *value)
    if "" in value:
        raise click.BadParameter("an empty name is no policy", ctx, param)
    return tuple(dict.fromkeys(value))


set_option: _options.Decorator = click.option(
    "--set",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_values,
    help="A value for a parameter, for every policy that has it; may be repeated.",
)
_OPTIONS: tuple[_options.Decorator, ...] = (
    click.option(
        "--policy",
        "policies",
        metavar="FILE",
        type=click.Path(readable=False),  # for how it splits a variable: as PATH is split
        multiple=True,
        envvar="ATTEST_POLICY",
        callback=_all_named,
        help="A policy (TOML or JSON) that must be met; may be repeated. Those of ATTEST_POLICY must be met too.",
    ),
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
        asked = PolicyOptions(**{name: given.pop(name) for name in PolicyOptions._fields})
        return command(*arguments, asked=asked, **given)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


class PolicyOptions(NamedTuple):
    """What the command line says about a policy."""

    policies: tuple[str, ...]
    parameters: dict[str, str]
    accept_vsa: bool
    vsa_out: str | None
    verifier_id: str | None
    resource_uri: str | None
    signers: tuple[str, ...]
    config: str | None

    def load(self, *, no_artifact: bool) -> tuple[Policy, ...]:
        """The policies, if there are any; a UsageError for options that lack what they go with."""
        if not self.policies:
            for option, given in (("--set", bool(self.parameters)), ("--accept-vsa", self.accept_vsa)):
                if given:
                    raise click.UsageError(f"{option} goes with --policy FILE")
        for option, value in (("--verifier-id", self.verifier_id), ("--resource-uri", self.resource_uri)):
            if (value is None) is not (self.vsa_out is None):
                raise click.UsageError(f"{option} and --vsa-out go together")
        if self.vsa_out is not None:
            if not self.policies:
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
        return load(self.policies, self.parameters)

    def decide(
        self,
        policies: tuple[Policy, ...],
        outcomes: Sequence[tuple[str, Verified | AttestError]],
        artifacts: Sequence[Artifact] | None,
        now: datetime,
        limits: Limits,
    ) -> tuple[Decisions, AttestError | None]:
        """What is decided over what verified, and the error that the call ends with unless it is a yes."""
        from attest.policy import decide

        proofs = [(name, outcome) for name, outcome in outcomes if isinstance(outcome, Verified)]
        decision = decide(
            policies,
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
        where = policies[0].name if len(policies) == 1 else None
        return decision, away or Rejected("policy-failed", decision.summary, where=where)

    def keep(
        self,
        policies: tuple[Policy, ...],
        decision: Decisions,
        artifacts: Sequence[Artifact],
        envelopes: dict[str, bytes],
        now: datetime,
        passphrase_file: str | None,
        inputs: Sequence[str],
    ) -> None:
        """Write the VSA of a yes, if one was asked for; `envelopes` are those that verified."""
        if self.vsa_out is None or self.verifier_id is None or self.resource_uri is None:
            return
        from attest.cli import _signers
        from attest.policy import summarise
        from attest.signing import sign_all

        try:
            statement = summarise(
                decision,
                policies,
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
        with _signers.opened(profile, _secrets.secrets(passphrase_file)) as chosen:
            signed = sign_all(statement, chosen.signers, quorum=chosen.quorum, timeout=chosen.timeout)
            read = [*inputs, *self.policies, *(file for signer in chosen.signers for file in signer.files)]
            read += _options.signer_files((), self.config, passphrase_file)
            _output.document(self.vsa_out, signed.envelope.to_json(), inputs=read)


def load(paths: Sequence[str], parameters: dict[str, str]) -> tuple[Policy, ...]:
    """The policies at `paths`, each with the values that it has parameters for; others are a wrong command line."""
    from attest.policy import Policy, policies_of

    found = [Policy.load(path) for path in paths]
    declared = {name for policy in found for name in policy.document.get("parameters", ())}
    for name in parameters if len(found) > 1 else ():
        if name not in declared:
            near = get_close_matches(name, declared, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"They have: {', '.join(sorted(declared)) or 'none'}."
            raise click.UsageError(f"--set: none of the policies has a parameter {name!r}. {hint}")
    bound = []
    for policy in found:
        own = policy.document.get("parameters", ()) if len(found) > 1 else parameters
        try:
            bound.append(policy.bind({name: value for name, value in parameters.items() if name in own}))
        except InputError as error:
            if not error.code.startswith("parameter-"):
                raise
            hint = f". {error.hint.rstrip('.')}" if error.hint else ""
            raise click.UsageError(f"--set: {error.at(policy.name)}{hint}") from None
    return policies_of(bound) if bound else ()


def demand_anchors(policies: Sequence[Policy], trust: TrustBundle) -> None:
    """Raises InputError `anchor-unknown` for an anchor that a policy names and the trust bundle doesn't have."""
    for policy in policies:
        try:
            policy.demand_anchors(trust.anchors)
        except InputError as error:
            raise error.at(policy.name) from None


def failures(decisions: Decisions) -> Iterator[Rejected]:
    """Everything that stands between policies and a yes, as errors to be shown."""
    for decision in decisions.each:
        for met in () if decision.yes else _asked(decision):
            for failure in () if met.met else met.failures:
                place = _place(_called(met, decision, decisions), failure)
                yield Rejected(failure.code, failure.message, where=place, hint=failure.hint)


def lines(decisions: Decisions) -> Iterator[str]:
    """What policies decided, as text."""
    for decision in decisions.each:
        head = "policy" if len(decisions.each) == 1 else f"policy {decision.policy}"
        yield f"{head}: {decision.summary} (sha256:{decision.policy_sha256})"
        for met in _asked(decision):
            yield f"  {met.id:<15} {'met by ' + ', '.join(met.by) if met.met else 'not met'}"
            for failure in met.failures:
                place = _place("", failure)
                yield f"    not by        {place + ': ' if place else ''}{failure.message} ({failure.code})"
        if decision.levels:
            yield f"  levels          {', '.join(decision.levels)}"


def described(decisions: Decisions) -> dict[str, Any]:
    """What policies decided, as it stands in a result (schemas/result.json)."""
    return {
        "sha256": decisions.sha256,
        "decision": "yes" if decisions.yes else "no",
        "summary": decisions.summary,
        "requirements": [{"policy": one.policy, **_met(met)} for one in decisions.each for met in one.requirements],
        "vsa": None if decisions.vsa is None else _met(decisions.vsa),
        "levels": list(decisions.levels),
        "policies": [
            {
                "file": one.policy,
                "sha256": one.policy_sha256,
                "decision": "yes" if one.yes else "no",
                "summary": one.summary,
                "vsa": None if one.vsa is None else _met(one.vsa),
                "levels": list(one.levels),
            }
            for one in decisions.each
        ],
    }


def _asked(decision: Decision) -> list[RequirementResult]:
    """What became of the requirements, and of the VSA that was to take their place, if one was."""
    return [*decision.requirements, *([] if decision.vsa is None else [decision.vsa])]


def _called(met: RequirementResult, decision: Decision, decisions: Decisions) -> str:
    """What a requirement is called: by its policy too, where another one may have one of that name."""
    return met.id if len(decisions.each) == 1 else f"{decision.policy}: {met.id}"


def _met(met: RequirementResult) -> dict[str, Any]:
    failed = [failure._asdict() for failure in met.failures]
    return {"id": met.id, "met": met.met, "by": list(met.by), "failures": failed}


def _place(requirement: str, failure: Failure) -> str:
    return ": ".join(part for part in (requirement, failure.attestation, failure.pointer) if part)
