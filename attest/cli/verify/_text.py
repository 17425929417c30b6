"""What `attest verify` prints as text about attestations.

Rule: it prints what was established, and says what was not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base.times import format_time
from attest.predicates import _steps
from attest.results.verified import Verified
from attest.statement import V1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest.results.collection import CheckedEnvelope
    from attest.results.report import IdentityCheck, Report, SignatureCheck
    from attest.trust.bundle import TrustBundle

_NOTES: Final = 4
_BEGIN: Final = 16  # digits
_SCHEMA: Final = {"checked": "schema checked", "unknown": "no known schema", "skipped": "schema not checked"}


def lines(judged: Sequence[CheckedEnvelope], bundle: TrustBundle, *, brief: bool = False) -> Iterator[str]:
    """The lines about those of `judged` that verified; if `brief`, only the beginning of keyids and digests."""
    for one in judged:
        if isinstance(one.outcome, Verified):
            yield f"verified: {one.name}"
            yield from _details(one.outcome, bundle, _begin if brief else str)
            yield from (f"  not checked     {sentence}" for sentence in one.unchecked)


def _details(verified: Verified, bundle: TrustBundle, hexadecimal: Callable[[str], str]) -> Iterator[str]:
    statement, report = verified.statement, verified.report
    anchors = "anchor " if len(verified.anchors) == 1 else "anchors"
    yield f"  {anchors}         {', '.join(verified.anchors)} (trust bundle version {bundle.version})"
    for check in report.signatures:
        verdict = "counted" if check.code is None else f"not counted: {check.code}"
        verdict += ", also checked by the signer" if check.checked_by == "signer" else ""
        keyid = hexadecimal(check.keyid or "-")
        yield f"  signature {check.position:<5} {check.algorithm or 'unknown'} {keyid} ({verdict})"
        yield from _identity(check)
        proof = check.timestamp
        if check.identity is not None:
            continue
        if proof is not None and proof.time is not None:
            yield f"    signed before {format_time(proof.time)} (timestamp by {proof.authority})"
        elif proof is not None:
            yield f"    timestamp not counted: {proof.message} ({proof.code})"
    if statement.type != V1:
        yield f"  statement       {statement.type}"
    yield f"  predicate       {statement.predicate_type} ({_SCHEMA[report.predicate_schema or 'skipped']})"
    failed = _steps.command_failed(statement)
    if failed is not None:
        yield f"  outcome         the command failed ({failed.how})"
    if report.artifacts is None:
        yield "  artifact        not checked (--no-artifact)"
    for match in report.artifacts or ():
        if match.subjects:
            digests = [f"{algorithm}:{value}" for algorithm, value in match.artifact.digests.items()]
            also = f" ({', '.join(map(hexadecimal, digests))})" if digests and digests != [match.artifact.name] else ""
            yield f"  artifact        {match.artifact.name}{also}"
    yield from notes(report)
    yield f"  as of           {format_time(report.now)}"


def _begin(text: str) -> str:
    """The beginning of a keyid or digest: everything was compared in full, and -v shows it."""
    begin, colon, value = text.rpartition(":")
    return f"{begin}{colon}{value[:_BEGIN]}..." if len(value) > _BEGIN else text


def _identity(check: SignatureCheck) -> Iterator[str]:
    """Who signed, by certificate, and what was checked for that."""
    who = check.identity
    if who is None:
        if check.unverified_identity is not None:
            why = f": {check.message}" if check.message is not None else ""
            yield f"    the certificate names, unverified, {check.unverified_identity}{why}"
        return
    yield f"    signed by {who.san_type}:{who.san}"
    if who.issuer is not None:
        yield f"    issuer {who.issuer}"
    source = _source(who)
    if source is not None:
        yield f"    source {source}"
    proven = f"proven by {' and '.join(who.proven_by)}" if who.proven_by else "the time of verification"
    yield f"    certificate valid at {format_time(who.time)} ({proven}), authority {who.authority}"
    index = "" if who.log_index is None else f"; log index {who.log_index}"
    yield f"    checked: {', '.join(who.checks)}{index}"


def signers(report: Report) -> Iterator[str]:
    """Who made the signatures that count, by certificate; an anchor's identities can be many, its keys are listed."""
    certified = [one.identity for one in report.signatures if one.code is None and one.identity is not None]
    yield from dict.fromkeys(map(_signed_by, certified))


def _signed_by(who: IdentityCheck) -> str:
    issued = "" if who.issuer is None else f", issuer {who.issuer}"
    source = _source(who)
    built = "" if source is None else f", source {source}"
    return f"  signed by {who.san_type}:{who.san}{issued}{built}, authority {who.authority}"


def _source(who: IdentityCheck) -> str | None:
    """Whose source was built, if the certificate says so: the workflow in its name may be of somebody else."""
    return dict(who.claims).get("source-repository-uri")


def notes(report: Report) -> Iterator[str]:
    """The lines about what a producer did wrong: a few, and the number of the others."""
    for note in report.notes[:_NOTES]:
        yield f"  note            {f'{note.pointer}: ' if note.pointer else ''}{note.message}"
    if len(report.notes) > _NOTES:
        yield f"  note            {len(report.notes) - _NOTES} more or others (--format json shows them)"
