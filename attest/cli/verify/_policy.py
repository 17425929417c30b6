"""The policies of `attest verify`: their options, the decision, how it is shown, and the VSA of it.

Rule: a VSA is written only if the policies are met.
"""

from __future__ import annotations

import hashlib
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.cli._options import policies as policy_options
from attest.errors import InputError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.keys import KeyidFormat
    from attest.policy import Decision, Decisions, Failure, Policy, RequirementResult
    from attest.signers import Secrets


def _all_named(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The policies of the command line and those of ATTEST_POLICY, each once.

    Other options replace their variable. Here that would drop a policy that the organisation requires.
    """
    if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        _commands.demand_variables(ctx, [param])  # it is read too, so an empty one is a mistake
        value = (*(param.value_from_envvar(ctx) or ()), *value)
    if "" in value:
        raise click.BadParameter("the name of a policy is empty", ctx, param)
    return tuple(dict.fromkeys(value))


_OPTIONS: tuple[_options.Decorator, ...] = (
    click.option(
        "--policy",
        "policies",
        metavar="FILE",
        type=click.Path(readable=False),  # it splits the variable as PATH is split
        multiple=True,
        envvar="ATTEST_POLICY",
        callback=_all_named,
        help="Policy file (TOML or JSON) that must be met. May be repeated. Policies in ATTEST_POLICY must be met too.",
    ),
    policy_options.set_option,
    click.option(
        "--accept-vsa", is_flag=True, help="Accept a VSA that the policy trusts instead of the required attestations."
    ),
    click.option(
        "--vsa-out",
        metavar="FILE",
        callback=_options.check_output,
        help="If the policy is met, write a signed VSA to FILE. Requires --policy, --artifact, --signer, "
        "--verifier-id and --resource-uri.",
    ),
    click.option("--verifier-id", metavar="URI", help="URI of the verifier, for `verifier.id` of the VSA."),
    click.option("--resource-uri", metavar="URI", help="URI of the artifact, for `resourceUri` of the VSA."),
    # Checked only with --vsa-out: without it, a wrong ATTEST_SIGNER does not matter.
    click.option(
        "--signer",
        "signers",
        metavar="URI",
        multiple=True,
        envvar="ATTEST_SIGNER",
        help="Signer URI or profile:NAME that signs the VSA. May be repeated.",
    ),
    _options.config_option,
    _options.certificate_chain_option("a signer of the VSA"),
    _options.keyid_format_option(of="the keyids in the VSA"),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about policies, which the command gets together as `policy`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        policy = PolicyOptions(**{name: given.pop(name) for name in PolicyOptions._fields})
        return command(*arguments, policy=policy, **given)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


class PolicyOptions(NamedTuple):
    """What the command line says about policies."""

    policies: tuple[str, ...]
    parameters: dict[str, str]
    accept_vsa: bool
    vsa_out: str | None
    verifier_id: str | None
    resource_uri: str | None
    signers: tuple[str, ...]
    config: str | None
    certificate_chains: tuple[str, ...]
    keyid_format: KeyidFormat | None

    def secrets(self, passphrase_file: str | None) -> Secrets | None:
        """What provides the secrets of the signers of the VSA; None without --vsa-out."""
        return None if self.vsa_out is None else secrets.secrets(passphrase_file)

    def load(self, *, no_artifact: bool, ask: Secrets | None) -> tuple[Policy, ...]:
        """The policies, if there are any; `ask` is what `secrets` returned.

        Raises UsageError for an option without another that it requires.
        """
        if not self.policies:
            for option, given in (("--set", bool(self.parameters)), ("--accept-vsa", self.accept_vsa)):
                if given:
                    raise click.UsageError(f"{option} requires --policy")
        named = {"--verifier-id": self.verifier_id, "--resource-uri": self.resource_uri}
        if ask is None:
            others = {"--certificate-chain": self.certificate_chains or None, "--keyid-format": self.keyid_format}
            for option in [name for name, value in {**named, **others}.items() if value is not None]:
                raise click.UsageError(f"{option} requires --vsa-out")
        else:
            if not self.policies:
                raise click.UsageError("--vsa-out requires --policy")
            if no_artifact:
                raise click.UsageError("--vsa-out requires --artifact; --no-artifact cannot be used with it")
            for option in [name for name, value in named.items() if value is None]:
                raise click.UsageError(f"--vsa-out requires {option}")
            if self.accept_vsa:
                # A VSA made from another VSA would be new again and again, however old the attestations behind it are.
                raise click.UsageError("--vsa-out and --accept-vsa cannot be used together")
            if not self.signers:
                raise click.UsageError("--vsa-out requires --signer")
            from attest.cli._inputs import signers as named_signers

            context = click.get_current_context()
            parameter = next(one for one in context.command.params if one.name == "signers")
            _options.check_signers_and_profiles(context, parameter, self.signers)
            named_signers.read_chains(self.certificate_chains, ask)  # an error in one comes before the verification
        return policy_options.load(self.policies, self.parameters)

    def keep(
        self,
        policies: tuple[Policy, ...],
        decision: Decisions,
        artifacts: Sequence[Artifact],
        envelopes: dict[str, bytes],
        now: datetime,
        ask: Secrets | None,
        inputs: Sequence[str],
    ) -> None:
        """Write the VSA of --vsa-out, if any; `envelopes` are those that verified."""
        if ask is None or self.vsa_out is None or self.verifier_id is None or self.resource_uri is None:
            return
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
            raise click.UsageError(f"--verifier-id and --resource-uri must be URIs: {error}") from None
        from attest.cli._inputs import signers as named_signers

        profile = named_signers.expand(self.signers, self.config)
        with named_signers.opened(profile, ask) as chosen:
            signed = sign_all(
                statement,
                chosen.signers,
                quorum=chosen.quorum,
                timeout=chosen.timeout,
                keyid_format=self.keyid_format,
                certificate_chains=named_signers.read_chains(self.certificate_chains, ask),
            )
            read = [
                *inputs,
                *self.policies,
                *self.certificate_chains,
                *(file for signer in chosen.signers for file in signer.files),
            ]
            read += _options.signer_files((), self.config)
            _output.document(self.vsa_out, signed.envelope.to_json(), inputs=read)


def failures(decisions: Decisions) -> Iterator[Rejected]:
    """Everything that the policies lack, as errors to be shown."""
    for decision in decisions.each:
        for met in () if decision.yes else _asked(decision):
            for failure in () if met.met else met.failures:
                place = _place(_called(met, decision, decisions), failure)
                yield Rejected(failure.code, failure.message, where=place, hint=failure.hint)


def lines(decisions: Decisions) -> Iterator[str]:
    """The decision as text."""
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
    """The decision in a result object (schemas/result.json)."""
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
    """The results of the requirements, and of the VSA instead of them, if one was tried."""
    return [*decision.requirements, *([] if decision.vsa is None else [decision.vsa])]


def _called(met: RequirementResult, decision: Decision, decisions: Decisions) -> str:
    """The name of a requirement; with several policies it begins with the name of its policy."""
    return met.id if len(decisions.each) == 1 else f"{decision.policy}: {met.id}"


def _met(met: RequirementResult) -> dict[str, Any]:
    failed = [failure._asdict() for failure in met.failures]
    return {"id": met.id, "met": met.met, "by": list(met.by), "failures": failed}


def _place(requirement: str, failure: Failure) -> str:
    return ": ".join(part for part in (requirement, failure.attestation, failure.pointer) if part)
