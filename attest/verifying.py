"""Verification: from bytes nobody vouches for to a `Verified` value, in the order of the design and no other.

Rule: a `Verified` is made in one place, at the end, and every other way out is an exception.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from attest._codec import format_time, pointer
from attest.artifacts import MISMATCH, Artifact, match
from attest.envelope import Envelope, check_count, check_size, is_in_toto
from attest.errors import InputError, Rejected
from attest.limits import MAX_TRIES
from attest.limits import Limits as Limits
from attest.predicate_schemas import OURS
from attest.report import Report as Report
from attest.report import SignatureCheck as SignatureCheck
from attest.statement import Statement
from attest.vouching import vouching

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from attest.keyring import Candidate, Keyring
    from attest.keys import PublicKey
    from attest.policy import Policy
    from attest.predicate_schemas import PredicateSchemas
    from attest.resolving import SignerChecks
    from attest.timestamps import TimestampCheck
    from attest.trust import TrustBundle


@dataclass(frozen=True, slots=True)
class Verified:
    """An attestation that was verified, with everything that was established. Made by `verify` alone."""

    statement: Statement
    anchors: tuple[str, ...]
    report: Report = field(repr=False)
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _MAKER:
            raise TypeError("a Verified is made by attest.verify and by nothing else")

    @property
    def payload(self) -> bytes:
        """The exact bytes that were verified: use these, and never parse the envelope again."""
        return self.statement.raw

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys whose signatures counted."""
        return tuple(check.keyid for check in self.report.signatures if check.keyid and check.code is None)

    def covers(self, artifact: Artifact) -> bool:
        """Whether `artifact` was found to be a subject."""
        return any(check.artifact == artifact and check.subjects for check in self.report.artifacts or ())

    def __reduce__(self) -> tuple[Any, ...]:
        # Flat, because most of the time that a second process costs is spent here (tests/benchmarks/bulk.py).
        found = self.report
        checks = tuple([tuple(check) for check in found.signatures])
        rest = found.payload_type, found.predicate_schema, found.artifacts, found.policy
        return _restore, (self.statement, self.anchors, found.now, found.trust_version, checks, *rest)


_MAKER: Final = object()


def verify(
    envelope: bytes | Envelope,
    trust: TrustBundle,
    *,
    artifacts: Sequence[str | os.PathLike[str] | Artifact] | None,
    predicate_type: str | None = None,
    now: datetime | None = None,
    allow_simulated: bool = False,
    statement_v0_1: bool = False,
    check_predicate: bool = True,
    schemas: PredicateSchemas = OURS,
    cover: Literal["all", "any", "none"] = "all",
    limits: Limits | None = None,
    signers: SignerChecks | None = None,
    policy: Policy | Sequence[Policy] | None = None,
) -> Verified:
    """Verify one envelope against a trust bundle and return what was verified; anything else is raised.

    `artifacts` are paths, `"ALGORITHM:HEX"` digests or `Artifact`s, each of which must be a subject (with
    `cover="any"`: at least one of them; with "none" they are only compared, for who decides over several envelopes);
    None says on purpose that only who claimed what is asked. `predicate_type` is a URI or a short name that the
    statement must have. `now` is when it is judged, the present by default; a key whose signature has a timestamp that
    `trust` believes is judged at that time, and nothing else is. `statement_v0_1` also reads Statement v0.1.
    `check_predicate=False` leaves the predicate's schema out, and `schemas` adds those of a user's own types. With
    `signers` (attest.resolving.SignerChecks) the token that holds a key has the last word on its signatures. `policy`
    is what must hold besides, of this one attestation: of several policies all, and an empty list is an InputError.

    Raises SignerError if such a token is not available; InputError while nothing is decided yet (an envelope, an
    artifact or an option that can't be read); and Rejected for everything that is wrong from the signatures on: its
    `report` says how far it got, and docs/codes.md lists its codes.
    """
    bounds = limits or _DEFAULTS
    moment = _aware(now)
    if cover not in ("all", "any", "none"):
        raise InputError("option-invalid", f"`cover` is 'all', 'any' or 'none', and not {cover!r}")
    wanted = None if artifacts is None else tuple([Artifact.of(artifact) for artifact in artifacts])
    expected = None if predicate_type is None else schemas.uris(predicate_type)
    if policy is not None:
        from attest.policy import decide, policies_of

        policies = policies_of(policy)
        for one in policies:
            one.demand_anchors(trust.anchors)
    parsed = _within_limits(envelope, bounds) if isinstance(envelope, Envelope) else _parse(envelope, bounds)

    checks, lacking = check_signatures(parsed, trust, moment, allow_simulated, signers, bounds.tries)
    met = [trust.anchors[name] for name, lack in lacking.items() if lack is None]
    report = Report(moment, trust.version, checks, tuple([anchor.name for anchor in met]))
    if trust.expires is not None and moment > trust.expires:
        _reject(report, "trust-expired", f"the trust bundle expired at {format_time(trust.expires)}")
    if not met:
        demand_all_tried(checks)
        _reject_threshold(report, trust, lacking)

    # Only from here on is the payload looked at: its bytes are what known keys signed.
    report.payload_type = parsed.payload_type
    statement = report.statement = _read_statement(parsed, report, bounds, allow_v0_1=statement_v0_1)
    if expected is not None and statement.predicate_type not in expected:
        message = f"the predicate is of type {statement.predicate_type}, and {predicate_type} was asked for"
        _reject(report, "predicate-type-mismatch", message)
    report.predicate_schema = _check_predicate(statement, report, schemas if check_predicate else None)
    _match_artifacts(statement, wanted, report, cover)

    counting, objection = vouching(trust.owners, met, parsed.payload_type, statement)
    if objection is not None:
        _reject(report, *objection)
    report.anchors = tuple([anchor.name for anchor in counting])
    verified = Verified(statement, report.anchors, report, _MAKER)
    if policy is not None:
        report.policy = decide(policies, [verified], artifacts=wanted, now=moment)
        if not report.policy.yes:
            _reject(report, "policy-failed", report.policy.summary)
    return verified


def uncovered(artifacts: Sequence[Artifact], verified: Sequence[Verified]) -> list[Artifact]:
    """Those of `artifacts` that none of the verified attestations is about."""
    return [artifact for artifact in artifacts if not any(one.covers(artifact) for one in verified)]


def _aware(now: datetime | None) -> datetime:
    if now is None:
        return datetime.now(UTC)
    if now.tzinfo is None:
        raise InputError("time-invalid", "`now` has no time zone", hint="Use datetime.now(UTC).")
    return now


def _parse(data: bytes, limits: Limits) -> Envelope:
    return Envelope.from_json(data, max_size=limits.envelope, max_signatures=limits.signatures, max_depth=limits.depth)


def _within_limits(envelope: Envelope, limits: Limits) -> Envelope:
    check_count(len(envelope.signatures), limits.signatures)
    check_size(len(envelope.unverified_payload), limits.envelope)
    return envelope


def check_signatures(
    envelope: Envelope,
    keyring: Keyring,
    now: datetime,
    allow_simulated: bool,
    signers: SignerChecks | None = None,
    max_tries: int = MAX_TRIES,
) -> tuple[tuple[SignatureCheck, ...], dict[str, str | None]]:
    """Judge every signature, and say of each anchor that some key signed for what it lacks, None if nothing."""
    data = envelope.pae()
    counted: dict[str, dict[bytes, PublicKey]] = {}
    answers: dict[bytes, bool | None] = {}
    proofs: dict[tuple[bytes, bytes], TimestampCheck] = {}
    checks = []
    makers = keyring.makers(envelope.signatures, data, max_tries)
    for index, signature in enumerate(envelope.signatures):
        candidate = makers[index]
        if isinstance(candidate, str):
            checks.append(SignatureCheck(index, signature.keyid, None, None, candidate))
            continue
        key = candidate.public_key
        # The public key says whose signature it is; only the token of that key is asked then, and may refuse it.
        asked = None
        if signers is not None:
            if signature.sig not in answers:
                answers[signature.sig] = signers.accepts(candidate, signature.sig, data)
            asked = answers[signature.sig]
        if asked is False:
            checks.append(SignatureCheck(index, signature.keyid, None, None, "signature-invalid", checked_by="signer"))
            continue
        proof = keyring.prove(signature, now, proofs)
        code, names = _judge(candidate, now, proof, allow_simulated)
        fresh = []
        for name in names:
            keys = counted.setdefault(name, {})
            if key.spki not in keys:
                keys[key.spki] = key
                fresh.append(name)
        if names and not fresh:
            code = "key-already-counted"
        by: Literal["public-key", "signer"] = "signer" if asked else "public-key"
        found = key.keyid, key.algorithm.name, code, tuple(fresh)
        checks.append(SignatureCheck(index, signature.keyid, *found, proof, by))
    return tuple(checks), {name: keyring.anchors[name].lacks(keys.values()) for name, keys in counted.items()}


def _judge(
    candidate: Candidate, now: datetime, proof: TimestampCheck | None, allow_simulated: bool
) -> tuple[str | None, list[str]]:
    """Why a good signature by this key doesn't count for any anchor, or the anchors that it counts for."""
    if candidate.compromised:
        return "key-compromised", []
    if candidate.simulated and not allow_simulated:
        return "simulated-key", []
    code = None
    names = []
    for anchor, entry in candidate.entries:
        objection = entry.objection(now, None if proof is None else proof.time)
        if objection is None:
            names.append(anchor.name)
        elif proof is not None and proof.code and objection in _NEED_TIME and entry.may_be_proven:
            code = code or proof.code
        else:
            code = code or objection
    return (None if names else code), names


def _read_statement(envelope: Envelope, report: Report, limits: Limits, *, allow_v0_1: bool) -> Statement:
    if not is_in_toto(envelope.payload_type):
        message = f"the payload is {envelope.payload_type!r}, and not an in-toto statement"
        _reject(report, "payload-type-unsupported", message)
    try:
        return Statement.from_json(
            envelope.unverified_payload,
            allow_v0_1=allow_v0_1,
            max_subjects=limits.subjects,
            max_digests=limits.digests,
            max_depth=limits.depth,
        )
    except InputError as error:
        # The bytes are signed, so this is no longer a file that can't be read: it is a claim that isn't one.
        code = "statement-invalid" if error.code.startswith("json-") else error.code
        _reject(report, code, error.message, where=error.where, hint=error.hint)


def _check_predicate(
    statement: Statement, report: Report, schemas: PredicateSchemas | None
) -> Literal["checked", "unknown", "skipped"]:
    if schemas is None:
        return "skipped"
    try:
        return "checked" if statement.check_predicate(schemas) else "unknown"
    except InputError as error:
        _reject(report, error.code, error.message, where=error.where)


def _match_artifacts(
    statement: Statement, wanted: tuple[Artifact, ...] | None, report: Report, cover: Literal["all", "any", "none"]
) -> None:
    if wanted is None:
        return
    if not wanted:
        _reject(report, "artifact-missing", "there is no artifact to match, and an empty list matches nothing")
    subjects = [subject["digest"] for subject in statement.document["subject"]]
    checks = report.artifacts = tuple([match(artifact, subjects) for artifact in wanted])
    failed = [check for check in checks if check.code is not None]
    if cover != "none" and failed and (cover == "all" or len(failed) == len(checks)):
        code = failed[0].code or ""
        _reject(report, code, MISMATCH[code], where=failed[0].artifact.name)


def _reject_threshold(report: Report, trust: TrustBundle, lacking: Mapping[str, str | None]) -> NoReturn:
    if not report.signatures:
        _reject(report, "threshold-not-met", "the envelope has no signatures")
    if not trust.anchors:
        _reject(report, "threshold-not-met", "the trust bundle has no anchors")
    have = ", ".join(f"{name} has {lacking[name]}" for name in sorted(lacking)[:8])
    met = f"; {have}" if have else ""
    hint = None
    codes = {check.code for check in report.signatures}
    if "simulated-key" in codes:
        hint = "Signatures by the simulator prove nothing; --allow-simulated accepts them in a test."
    elif codes == {"key-unknown"}:
        hint = "None of the signatures is by a key in the trust bundle."
    elif codes & _NEED_TIME:
        hint = (
            "A key that is expired or retired counts only with a timestamp from before, by an authority of the bundle."
        )
    for check in report.signatures:
        if check.timestamp is not None and check.timestamp.code is not None and check.timestamp.code == check.code:
            hint = f"Of the timestamp of signature {check.position}: {check.timestamp.message}."
            break
    message = f"too few good signatures for any anchor ({reasons(report.signatures)}{met})"
    _reject(report, "threshold-not-met", message, hint=hint)


def demand_all_tried(checks: Sequence[SignatureCheck]) -> None:
    """Raises InputError `too-many-tries` if it was too costly to find out whose signatures some are."""
    untried = [check.position for check in checks if check.code == "signature-not-tried"]
    if untried:
        raise InputError(
            "too-many-tries",
            f"no anchor has enough good signatures, and {len(untried)} of the {len(checks)} signatures were not tried "
            "with every key that they may be from, as that costs too much; nothing was decided",
            where=pointer("signatures", untried[0]),
            hint="Write the keyid beside each signature, take off those that are not needed, or allow more: "
            f"--limit tries=N (by default {MAX_TRIES}).",
        )


def reasons(checks: Sequence[SignatureCheck]) -> str:
    """What became of each signature, in a few words; of many, the first eight."""
    more = f", and {len(checks) - 8} more" if len(checks) > 8 else ""
    return ", ".join(f"signature {check.position}: {check.code or 'good'}" for check in checks[:8]) + more


def _reject(report: Report, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> NoReturn:
    raise Rejected(code, message, where=where, hint=hint, report=report)


def _restore(
    statement: Statement,
    anchors: tuple[str, ...],
    now: datetime,
    trust_version: int,
    checks: Iterable[tuple[Any, ...]],
    payload_type: str,
    *rest: Any,
) -> Verified:
    """What was verified in another process."""
    signatures = tuple([SignatureCheck(*check) for check in checks])
    report = Report(now, trust_version, signatures, anchors, payload_type, statement, *rest)
    return Verified(statement, anchors, report, _MAKER)


# What a key has to say against a signature that a timestamp could have put inside its window.
_NEED_TIME: Final = frozenset({"key-expired", "key-retired"})
_DEFAULTS: Final = Limits()
