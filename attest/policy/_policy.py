"""Policies: read from TOML or JSON, checked as a whole, and evaluated.

Rule: what is unknown is an error, because a key with a typo would be a requirement that is never checked.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from attest import schema
from attest._base import documents, files
from attest._base.expected import demand_bytes, demand_path, demand_several
from attest._base.json import dumps, loads_object, loads_toml, pointer
from attest._base.read_only import read_only
from attest._base.text import did_you_mean
from attest.artifacts import artifacts_of
from attest.errors import InputError
from attest.limits import Limits
from attest.policy import _ages, _cel, rules
from attest.policy._cel_process import Evaluator
from attest.policy._checks import demand_anchors, demand_known, demand_shape, invalid, unknown
from attest.policy._decision import ask
from attest.policy._requirement import Requirement
from attest.policy._schemas import PredicateSchema
from attest.policy._shapes import ANCHORS, VerifiedAttestation
from attest.policy._vsa import Summaries
from attest.results.decisions import Decision
from attest.results.levels import one_of_each_track
from attest.results.verified import demand_verified
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from attest.artifacts import Artifact
    from attest.policy._shapes import Rule
    from attest.results.verified import Verified

_MAX_POLICY: Final = 4 << 20
_MAX_VALUE: Final = 1024


@dataclass(frozen=True)
class Policy:
    """Requirements for attestations, the bytes they were read from, and the `name` of the policy in results.

    `parameters` are the given values, and the defaults of the others; `missing` names those without a value, which the
    policy needs before it can decide.
    """

    requirements: tuple[Requirement, ...]
    summaries: Summaries | None
    parameters: Mapping[str, str]
    missing: tuple[str, ...]
    raw: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    name: str = "policy"

    def __hash__(self) -> int:
        return hash(self.raw)

    @classmethod
    def load(cls, path: str | os.PathLike[str], parameters: Mapping[str, str] | None = None) -> Policy:
        """Read the file at `path`, JSON if it begins with a brace and TOML otherwise, with values for its parameters.

        Its `name` is `path`. Raises as `from_bytes`, with the name of the file, and `file-unreadable`.
        """
        demand_path(path, "path", reader="Policy.from_bytes")
        try:
            return replace(cls.from_bytes(files.read(path, limit=_MAX_POLICY), parameters), name=os.fspath(path))
        except InputError as error:
            if error.code.startswith("file-"):
                raise
            raise error.at(str(path)) from None

    @classmethod
    def from_bytes(cls, data: bytes, parameters: Mapping[str, str] | None = None) -> Policy:
        """The same from memory. Raises InputError `json-invalid`, and what `from_document` raises."""
        demand_bytes(data, "policy", reader="Policy.load")
        try:
            if data.lstrip()[:1] == b"{":
                document = loads_object(data, what="the policy")
            else:
                document = loads_toml(data, what="the policy", code="policy-invalid")
            return cls.from_document(document, data, parameters)
        except InputError as error:
            raise documents.named(error, data, "a policy", documents.POLICY) from None

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], raw: bytes | None = None, parameters: Mapping[str, str] | None = None
    ) -> Policy:
        """The same from a parsed document; `raw` are the bytes it was read from, if it was read.

        Raises InputError `policy-invalid` with a JSON pointer, `predicate-type-unknown`, `parameter-unknown` and
        `parameter-invalid`, and `library-missing` for CEL without the extra `attest-dsse[cel]`.
        """
        demand_known(document, schema.named("policy").document, "")
        demand_shape(document, schema.named("policy"), "")
        declared = document.get("parameters", {})
        bound = _parameters(declared, parameters or {})
        missing = tuple(name for name in declared if name not in bound)
        data = dumps(document) if raw is None else raw
        sha256 = hashlib.sha256(data).hexdigest()
        requirements = [
            _requirement(entry, index, bound, missing) for index, entry in enumerate(document.get("require", ()))
        ]
        names = [requirement.id for requirement in requirements]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise invalid(f"two requirements have the id {name!r}", pointer("require", index, "id"))
        summaries = _summaries(document["vsa"], sha256, bound) if "vsa" in document else None
        return cls(tuple(requirements), summaries, read_only(bound), missing, data, document)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the bytes of the policy, as results and VSAs name it."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def uri(self) -> str:
        """The URI of the policy in a VSA."""
        return self.document.get("uri") or f"urn:sha256:{self.sha256}"

    def bind(self, parameters: Mapping[str, str]) -> Policy:
        """This policy with values for its parameters. Raises as `from_document`."""
        return replace(self.from_document(self.document, self.raw, parameters), name=self.name)

    def decide(
        self,
        verified: Sequence[Verified],
        *,
        artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
        now: datetime,
        names: Sequence[str] | None = None,
        accept_vsa: bool = False,
        limits: Limits | None = None,
    ) -> Decision:
        """Decide about attestations that `attest.verify` returned; `names` are their names in the result.

        The attestations must be about the `artifacts`; None means about anything. With `accept_vsa` a VSA of a verifier
        in `[vsa]` is accepted instead of the required attestations; without `[vsa]` that is InputError
        `vsa-not-configured`. Raises InputError `parameter-missing`, `too-many-attestations`, and for an artifact that
        cannot be read; and TypeError for anything but a Verified.
        """
        demand_several(verified, "verified", "Verifieds")
        about = None if artifacts is None else artifacts_of(artifacts)
        return self.ask(evidence_of(verified, names, limits), about, now, accept_vsa=accept_vsa)

    def ask(
        self,
        evidence: Sequence[VerifiedAttestation],
        artifacts: Sequence[Artifact] | None,
        now: datetime,
        *,
        accept_vsa: bool,
    ) -> Decision:
        """`decide` about attestations that were prepared for several policies."""
        if self.missing:
            hint = f"Set it: --set {self.missing[0]}=VALUE."
            raise InputError(
                "parameter-missing", f"the policy has parameters without a value: {', '.join(self.missing)}", hint=hint
            )
        with Evaluator() as evaluator:
            met = tuple(ask(requirement, evidence, artifacts, now, evaluator) for requirement in self.requirements)
        vsa = None
        if accept_vsa:
            if self.summaries is None:
                raise no_summaries()
            # A policy without requirements is never met, also not by a VSA.
            vsa = self.summaries.ask(evidence, artifacts, now)
        by_evidence = bool(met) and all(one.met for one in met)
        yes = by_evidence or (bool(met) and vsa is not None and vsa.met)
        levels: Iterable[str] = ()
        if by_evidence:
            # A requirement that one of several artifacts met establishes nothing about all of them.
            levels = (level for one in self.requirements if not one.any_subject for level in one.levels)
        elif yes and self.summaries is not None:
            levels = self.summaries.levels
        return Decision(yes, met, vsa, one_of_each_track(levels), self.sha256, self.name)

    def demand_anchors(self, anchors: Mapping[str, object]) -> None:
        """Raises InputError `anchor-unknown` for an anchor that the policy names and a trust bundle does not have.

        An unknown name is an error in the policy or the wrong bundle, and not a missing signature: also if it is one of
        several names, or if another rule would decide.
        """
        for index, (entry, one) in enumerate(zip(self.document.get("require", ()), self.requirements, strict=True)):
            where = pointer("require", index)
            demand_anchors(entry.get("anchors", ()), ANCHORS, where + "/anchors", anchors)
            for name, rule, settings in one.rules:
                demand_anchors(settings, rule.settings, where + pointer("rules", name), anchors)
        demand_anchors(self.document.get("vsa", {}).get("anchors", ()), ANCHORS, "/vsa/anchors", anchors)


def no_summaries() -> InputError:
    """The error for `accept_vsa` if no policy accepts VSAs."""
    return InputError("vsa-not-configured", "the policy has no `[vsa]` table, so it accepts no VSA")


def evidence_of(
    verified: Sequence[Verified], names: Sequence[str] | None, limits: Limits | None
) -> list[VerifiedAttestation]:
    """Verified attestations as rules see them, with `names` or their numbers.

    Raises InputError `too-many-attestations`, and TypeError for anything but a Verified.
    """
    (limits or Limits()).check_attestations(len(verified))
    called = names or [f"attestation {number}" for number in range(len(verified))]
    return [VerifiedAttestation(demand_verified(one), name) for one, name in zip(verified, called, strict=True)]


def _requirement(
    entry: Mapping[str, Any], index: int, parameters: Mapping[str, str], missing: Sequence[str]
) -> Requirement:
    where = pointer("require", index)
    chosen = []
    values = {name: f"${{{name}}}" for name in missing} | dict(parameters)
    for name, settings in entry.get("rules", {}).items():
        rule = rules.named(name)
        place = where + pointer("rules", name)
        if rule is None:
            raise unknown(name, rules.names(), place, "a rule")
        filled = _filled(settings, values, place)
        demand_known(filled, rule.settings, place)
        demand_shape(filled, schema.Schema(rule.settings), place)
        for key in rule.needs:
            if key not in entry:
                raise invalid(f"rule {name!r} requires `{key}` in the same requirement", where)
        chosen.append((name, rule, filled))
    types = _types(entry, [rule for _, rule, _ in chosen], where)
    dated = next((key for key in ("max_age", "latest") if entry.get(key)), None)
    if dated is not None and "time" not in entry:
        known = [kind for kind in types if _ages.time_of(kind) is not None]
        for kind in types:
            if kind not in known:
                message = f"attest does not know where predicates of type {kind!r} have their time"
                listed = ", ".join(f'"{one}"' for one in known)
                otherwise = f", or require only the types where it is known: type = [{listed}]" if known else ""
                hint = f'Set the place in the predicate: time = "/..."{otherwise}.'
                raise invalid(message, f"{where}/{dated}", hint)
    if "time" in entry and dated is None:
        raise invalid("`time` requires `max_age` or `latest`", f"{where}/time")
    if entry.get("latest") and "signers" in entry:
        hint = "For several signatures on the newest attestation, use `threshold`."
        raise invalid("`latest` and `signers` cannot be used together", f"{where}/signers", hint)
    shape = None
    if "schema" in entry:
        try:
            shape = PredicateSchema(entry["schema"])
        except InputError as error:
            raise error.below(f"{where}/schema") from None
    for number, text in enumerate(entry.get("cel", ())):
        _cel.demand_condition(text, where + pointer("cel", number))
    anchors, names = entry.get("anchors"), entry.get("names")
    return Requirement(
        id=entry.get("id", f"require-{index}"),
        types=types,
        anchors=None if anchors is None else tuple(anchors),
        names=None if names is None else tuple(_filled(names, values, f"{where}/names")),
        threshold=entry.get("threshold", 1),
        any_subject=entry.get("subjects") == "any",
        max_age=entry.get("max_age"),
        time=entry.get("time"),
        schema=shape,
        cel=tuple(entry.get("cel", ())),
        rules=tuple(chosen),
        parameters=parameters,
        allow_failed=entry.get("allow_failed", False),
        signers=entry.get("signers", 1),
        latest=entry.get("latest", False),
    )


def _types(entry: Mapping[str, Any], chosen: Sequence[Rule], where: str) -> tuple[str, ...]:
    """The predicate types of a requirement: those it names, which all its rules must support, or all of these."""
    understood = [[uri for name in rule.types for uri in OURS.uris(name)] for rule in chosen]
    if "type" not in entry:
        return tuple(uri for uri in understood[0] if all(uri in others for others in understood))
    named = entry["type"]
    try:
        types = [uri for name in ([named] if isinstance(named, str) else named) for uri in OURS.uris(name)]
    except InputError as error:
        raise error.below(f"{where}/type") from None
    for others in understood:
        for uri in types:
            if uri not in others:
                raise invalid(f"a rule of the requirement does not support predicate type {uri!r}", f"{where}/type")
    return tuple(dict.fromkeys(types))


def _summaries(entry: Mapping[str, Any], sha256: str, parameters: Mapping[str, str]) -> Summaries:
    policies = entry.get("policies")
    return Summaries(
        tuple(entry["verifiers"]),
        tuple(entry["anchors"]),
        entry.get("threshold", 1),
        tuple(entry["resources"]),
        entry["max_age"],
        tuple(entry.get("levels", ())),
        None if policies is None else tuple(sha256 if one == "this" else one for one in policies),
        sha256,
        parameters,
    )


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    for name, value in given.items():
        if name not in declared:
            hint = did_you_mean(name, declared, f"Its parameters: {', '.join(declared) or 'none'}.")
            raise InputError("parameter-unknown", f"the policy has no parameter {name!r}", hint=hint)
        # A wildcard would let the glob that contains the value match more.
        if not value or len(value) > _MAX_VALUE or not value.isprintable() or {*"*?"} & {*value}:
            message = f"the value of parameter {name!r} is empty, too long, or has a wildcard or a control character"
            raise InputError("parameter-invalid", message)
    defaults = {name: entry["default"] for name, entry in declared.items() if "default" in entry}
    return defaults | dict(given)


def _filled(value: Any, parameters: Mapping[str, str], where: str) -> Any:
    """Settings with each `${name}` in their texts replaced by the value of the parameter."""
    if isinstance(value, dict):
        return {key: _filled(item, parameters, where + pointer(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, parameters, where + pointer(index)) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    first, *parts = value.split("${")
    text = first
    for part in parts:
        name, closed, rest = part.partition("}")
        if not closed or name not in parameters:
            raise unknown(name, list(parameters), where, "a parameter")
        text += parameters[name] + rest
    return text
