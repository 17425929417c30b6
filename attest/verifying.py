"""Verification: from an unverified envelope to a `Verified`, in the order of docs/understand/how-verification-works.md.

Rule: a `Verified` is made in one place, at the end; everything else is an exception.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypedDict

from attest._base.expected import demand, wrong_type
from attest._base.json import loads_object
from attest._base.times import format_time
from attest.artifacts import (
    MISMATCH,
    Artifact,
    ArtifactCheck,
    Artifacts,
    artifacts_of,
    demand_listed,
    hint_of_mismatch,
    matches_all,
    other_names,
    quoted_names,
)
from attest.envelope import Envelope, check_count, check_size, is_in_toto
from attest.errors import InputError, Rejected
from attest.limits import Limits as Limits
from attest.matching import match_each
from attest.results.report import Draft, Note
from attest.results.report import Report as Report
from attest.results.report import SignatureCheck as SignatureCheck
from attest.results.verified import Verified as Verified
from attest.results.verified import _make, demand_verified
from attest.schema import DEVIATION
from attest.schema.predicate_types import OURS, PredicateSchemas
from attest.schema.statements import MISNAMED
from attest.statement import Statement
from attest.trust.bundle import TrustBundle
from attest.trust.permission import allowed_anchors
from attest.trust.signatures import check_signatures, demand_all_decided, describe
from attest.trust.signers import SignerChecks

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from attest.certificates import RevocationList
    from attest.policy import Policy


class VerifyOptions(TypedDict, total=False):
    """The options of `verify` that apply to many envelopes too; `verify` describes them."""

    predicate_type: str | None
    allow_simulated: bool
    statement_v0_1: bool
    check_predicate: bool
    schemas: PredicateSchemas
    cover: Literal["all", "any", "none"]
    subject_names: Collection[str] | None
    anchors: Collection[str] | None
    limits: Limits | None
    policy: Policy | Sequence[Policy] | None
    crls: Sequence[RevocationList]


def verify(
    envelope: bytes | Envelope,
    trust: TrustBundle,
    *,
    artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
    predicate_type: str | None = None,
    now: datetime | None = None,
    allow_simulated: bool = False,
    statement_v0_1: bool = False,
    check_predicate: bool = True,
    schemas: PredicateSchemas = OURS,
    cover: Literal["all", "any", "none"] = "all",
    subject_names: Collection[str] | None = None,
    anchors: Collection[str] | None = None,
    limits: Limits | None = None,
    signers: SignerChecks | None = None,
    policy: Policy | Sequence[Policy] | None = None,
    crls: Sequence[RevocationList] = (),
) -> Verified:
    """Verify one envelope against a trust bundle, and return what was verified; all other results are exceptions.

    `envelope` is an Envelope, or the bytes of one or of a container with exactly one, such as a Sigstore bundle
    (docs/verify/others.md). `attest.verify_collection` decides about several.

    `artifacts` are paths, `"ALGORITHM:HEX"` digests or `Artifact`s. Each of them must be a subject; with `cover="any"`
    at least one, and with `cover="none"` they are only compared, for a decision about several envelopes. None compares
    nothing, and verifies only who signed which statement.

    `predicate_type` is a URI or short name that the statement must have. `subject_names` are globs: each artifact that
    is a subject must match a subject whose name or URI matches all of them; without artifacts every subject must. All
    `anchors`, by name, must have signed the statement and be allowed to. `policy` is a policy or several that this
    attestation must also meet; an empty list is an InputError.

    `now` is the time of verification, by default the present. If a signature has a timestamp of an authority in
    `trust`, its key must have been valid at that time instead; nothing else changes. `allow_simulated` counts
    signatures by simulated keys. `check_predicate=False` skips the schema of the predicate, and `schemas` adds those of
    your own types. With `signers` (attest.SignerChecks), the token that holds a key must also accept its signatures.
    With `crls` (attest.RevocationList), a certificate that its CA has revoked does not count, and a certificate below a
    CA of `trust` only with a CRL of its issuer; they must be current at `now`. `limits` replaces the default limits.
    `statement_v0_1` has no effect: Statement v0.1 is always read, with a note.

    Raises InputError if nothing was decided: an envelope, artifact or option cannot be read, or the trust bundle does
    not have an anchor. Raises SignerError if a token is not available. Raises Rejected if the signatures, or
    anything after them, are wrong: its `report` has what was established, and docs/reference/codes.md lists its codes.
    Raises TypeError for an argument of another type.
    """
    demand(trust, TrustBundle, "trust", "a TrustBundle", hint="attest.TrustBundle.load reads a file")
    bounds = limits or _DEFAULTS
    if limits is not None or schemas is not OURS or signers is not None:
        _demand_types(bounds, schemas, signers)
    moment = _aware(now)
    if cover not in ("all", "any", "none"):
        raise InputError("option-invalid", f"expected 'all', 'any' or 'none' for `cover`, found {cover!r}")
    wanted = None if artifacts is None else artifacts_of(artifacts)
    globs = demand_listed(subject_names, "subject_names")
    named = demand_listed(anchors, "anchors")
    for name in named:
        trust.anchor(name)  # an unknown name is an error, not a rejection
    expected = None if predicate_type is None else schemas.uris(predicate_type)
    if policy is not None:
        from attest.policy import decide, policies_of

        policies = policies_of(policy)
        for one in policies:
            one.demand_anchors(trust.anchors)
    if crls:
        from attest.certificates.revocation import usable

        crls = usable(crls, moment, authorities=trust.authorities)
    parsed = _within_limits(envelope, bounds) if isinstance(envelope, Envelope) else _parse(envelope, bounds)

    checks, lacking = check_signatures(parsed, trust, moment, allow_simulated, signers, bounds.tries, crls)
    met = [trust.anchors[name] for name, lack in lacking.items() if lack is None]
    report = Draft(moment, trust.version, checks, tuple([anchor.name for anchor in met]))
    if trust.expires is not None and moment > trust.expires:
        _reject(report, "trust-expired", f"the trust bundle expired at {format_time(trust.expires)}")
    if not met:
        demand_all_decided(checks)
        from attest.trust.signatures.claims import with_claims

        report.signatures = with_claims(parsed.signatures, checks)
        _reject_threshold(report, trust, lacking, parsed)

    # The payload is not read before this point: now its bytes are known to be signed.
    report.payload_type = parsed.payload_type
    statement = report.statement = _read_statement(parsed, report, bounds)
    if expected is not None and statement.predicate_type not in expected:
        message = f"expected predicate type {predicate_type!r}, found {statement.predicate_type!r}"
        hint = "Use an attestation of this type, or correct --type."
        _reject(report, "predicate-type-mismatch", message, hint=hint)
    report.predicate_schema = _check_predicate(statement, report, schemas if check_predicate else None)
    _match_artifacts(statement, wanted, report, cover, globs)

    counting, objection = allowed_anchors(trust.owners, met, parsed.payload_type, statement)
    if objection is not None:
        _reject(report, *objection, hint="`attest trust show` lists what each anchor of the trust bundle may sign.")
    report.anchors = tuple([anchor.name for anchor in counting])
    for name in named:
        if name not in report.anchors:
            _reject_anchor(report, name, lacking)
    if policy is not None:
        report.policy = decide(policies, [_make(report.done())], artifacts=wanted, now=moment)
        if not report.policy.yes:
            _reject(report, "policy-failed", report.policy.summary)
    return _make(report.done())


def uncovered(artifacts: Sequence[Artifact], verified: Sequence[Verified]) -> list[Artifact]:
    """Those of `artifacts` that none of the verified attestations is about."""
    covered = frozenset().union(*(demand_verified(one).artifacts for one in verified))
    return [artifact for artifact in artifacts if artifact not in covered]


def _demand_types(limits: object, schemas: object, signers: object) -> None:
    demand(limits, Limits, "limits", "Limits")
    demand(schemas, PredicateSchemas, "schemas", "PredicateSchemas")
    demand(signers, (SignerChecks, NoneType), "signers", "SignerChecks")


def _aware(now: datetime | None) -> datetime:
    if now is None:
        return datetime.now(UTC)
    demand(now, datetime, "now", "a datetime")
    if now.tzinfo is None:
        raise InputError("time-invalid", "`now` has no time zone", hint="Use datetime.now(UTC).")
    return now


def _parse(data: bytes, limits: Limits) -> Envelope:
    if not isinstance(data, bytes):
        raise wrong_type("envelope", "bytes or an Envelope", data, hint="attest.sources reads files")
    if data.lstrip()[:1] in (b"{", b""):  # an envelope is parsed once, and needs no container
        check_size(len(data), limits.envelope)
        document = loads_object(data, what="the envelope", max_depth=limits.depth)
        if "payload" in document and "mediaType" not in document and "media_type" not in document:
            return Envelope.from_document(document, raw=data, max_signatures=limits.signatures)
    from attest.sources import read_single

    return read_single(data, limits).envelope


def _within_limits(envelope: Envelope, limits: Limits) -> Envelope:
    for part in (envelope.unverified_payload, *(signature.sig for signature in envelope.signatures)):
        if type(part) is not bytes:  # a subclass could change, or compare in its own way
            raise wrong_type("payload or signature of an Envelope", "bytes", part)
    check_count(len(envelope.signatures), limits.signatures)
    check_size(len(envelope.unverified_payload), limits.envelope)
    return envelope


def _read_statement(envelope: Envelope, report: Draft, limits: Limits) -> Statement:
    if not is_in_toto(envelope.payload_type):
        message = f"the payload type {envelope.payload_type!r} is not that of an in-toto statement"
        _reject(report, "payload-type-unsupported", message)
    try:
        return Statement.from_json(
            envelope.unverified_payload,
            foreign=True,
            max_subjects=limits.subjects,
            max_digests=limits.digests,
            max_depth=limits.depth,
        )
    except InputError as error:
        # The bytes are signed: this is no unreadable file, but a trusted key signed something else than a statement.
        code = "statement-invalid" if error.code.startswith("json-") else error.code
        _reject(report, code, error.message, where=error.where, hint=error.hint)


def _check_predicate(
    statement: Statement, report: Draft, schemas: PredicateSchemas | None
) -> Literal["checked", "unknown", "skipped"]:
    noted = statement.deviations
    found = None
    if schemas is not None:
        try:
            found = statement.examine_predicate(schemas, foreign=True)
        except InputError as error:
            _reject(report, error.code, error.message, where=error.where)
    if noted or found:
        report.notes = tuple([Note(DEVIATION, one.message, one.pointer) for one in (*noted, *(found or ()))])
    return "skipped" if schemas is None else "unknown" if found is None else "checked"


def _match_artifacts(
    statement: Statement,
    wanted: Artifacts | None,
    report: Draft,
    cover: Literal["all", "any", "none"],
    globs: tuple[str, ...],
) -> None:
    subjects = statement._content.subjects()
    if wanted is None:
        wrong = [subject for subject in subjects if not matches_all(subject, globs)] if globs else []
        if wrong:
            _reject_name(report, None, wrong[:1], globs)
        return
    if not wanted:
        _reject(report, "artifact-missing", "the list of artifacts is empty, so nothing can match")
    checks = report.artifacts = match_each(wanted, statement)
    is_none = checks is wanted.unmatched  # most attestations of a collection, where there may be many artifacts
    about = [] if is_none else [check for check in checks if check.subjects]
    for check in about if globs else []:
        matched = [subjects[index] for index in check.subjects]
        # For every `cover`: a policy decides later, about everything that the statement is about.
        if not any(matches_all(subject, globs) for subject in matched):
            _reject_name(report, check.artifact.name, matched, globs)
    for check in about:
        report.notes += tuple(_named_differently(check, statement))
    failed = checks if is_none else [check for check in checks if check.code is not None]
    if cover != "none" and failed and (cover == "all" or len(failed) == len(checks)):
        code = failed[0].code or ""
        artifact = failed[0].artifact
        misnamed = next((one.message for one in statement.deviations if one.rule == MISNAMED), None)
        message, hint = failed[0].message, failed[0].hint
        if misnamed:
            hint = f"In the statement {misnamed}."
        elif message is None:
            hint = hint_of_mismatch(code, artifact, subjects)
        _reject(report, code, message or MISMATCH[code], where=artifact.name, hint=hint)


def _named_differently(check: ArtifactCheck, statement: Statement) -> list[Note]:
    names = other_names(check, statement)
    message = f"the statement calls {check.artifact.name} {' and '.join(map(repr, names[:4]))}"
    return [Note("subject-named-differently", message)] if names else []


def _reject_threshold(
    report: Draft, trust: TrustBundle, lacking: Mapping[str, str | None], envelope: Envelope
) -> NoReturn:
    if not report.signatures:
        _reject(report, "threshold-not-met", "the envelope has no signatures", hint="Sign it: attest sign.")
    if not trust.anchors:
        hint = "Its owner must say who may sign: attest trust add."
        _reject(report, "threshold-not-met", "the trust bundle has no anchors", hint=hint)
    have = ", ".join(f"anchor {name!r} has {lacking[name]}" for name in sorted(lacking)[:8])
    met = f": {have}" if have else ""
    from attest.trust.signatures import hints  # only on the way to a no

    advice = hints.hint_for(envelope, trust, report.signatures)
    message = f"not enough valid signatures from trusted keys{met} ({describe(report.signatures)})"
    _reject(report, "threshold-not-met", message, hint=advice)


def _reject_name(
    report: Draft, where: str | None, subjects: Sequence[Mapping[str, Any]], globs: Sequence[str]
) -> NoReturn:
    what = "a subject" if where is None else "the artifact"
    if where is None:
        hint = "Check all subjects: without an artifact, each must match."
    else:
        hint = "If this is the artifact that you want, correct --subject-name."
    expected = f"expected a name that matches {' and '.join(map(repr, globs))}"
    message = f"{expected}; the statement calls {what} {quoted_names(subjects)}"
    _reject(report, "subject-name-mismatch", message, where=where, hint=hint)


def _reject_anchor(report: Draft, name: str, lacking: Mapping[str, str | None]) -> NoReturn:
    lack = f"it has {lacking[name]}" if lacking.get(name) else "it is not allowed to sign the statement"
    why = lack if name in lacking else "none of its keys has signed"
    signed = ", ".join(map(repr, report.anchors))
    message = f"signed for anchor {signed}, expected anchor {name!r}: {why}"
    _reject(report, "anchor-not-accepted", message, hint=f"Have it signed for anchor {name!r}.")


def _reject(report: Draft, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> NoReturn:
    raise Rejected(code, message, where=where, hint=hint, report=report.done())


_DEFAULTS: Final = Limits()
