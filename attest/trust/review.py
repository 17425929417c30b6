"""Review of signed trust bundles: which roots have signed each version, before anyone trusts it.

Rule: a review accepts nothing; what `attest.trust.history.walk` would refuse is a finding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base.json import pointer
from attest.errors import Rejected
from attest.limits import MAX_TRIES
from attest.trust import history
from attest.trust.bundle import TrustBundle
from attest.trust.lint import LintWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.results.report import RootCheck

_FEWEST: Final = 64  # tries of each version: 8 signatures without a keyid by one of 8 roots


class HistoryReview(NamedTuple):
    """The check of every set of roots on the way, met or not, and what verifiers would refuse."""

    checks: tuple[RootCheck, ...]
    findings: tuple[LintWarning, ...]


def unverified_versions(found: TrustBundle | Sequence[history.SignedBundle]) -> tuple[TrustBundle, ...]:
    """All versions that `attest.trust.history.read` found, oldest first; none of them is verified."""
    return (found,) if isinstance(found, TrustBundle) else tuple(signed.unverified for signed in found)


def review(
    found: TrustBundle | Sequence[history.SignedBundle],
    before: TrustBundle | None = None,
    *,
    allow_simulated: bool = False,
) -> HistoryReview:
    """Which signatures count on each version after `before`: by the roots of the version before it, and by its own.

    Nothing says that the first roots are the right ones: those of `before` or, without it, of the first version. So
    nothing is verified. Simulated keys count with `allow_simulated`. Findings have the codes of
    `attest.trust.history.walk`: `root-threshold-not-met`, `roots-missing`, `trust-version-gap`, `trust-rollback` and
    `trust-fork`. An unsigned bundle has none.

    Raises InputError as `attest.trust.history.check_roots`.
    """
    if isinstance(found, TrustBundle):
        return HistoryReview((), ())
    checks: list[RootCheck] = []
    findings: list[LintWarning] = []
    if before is not None and any(
        one.unverified.version == before.version and one.unverified.raw != before.raw for one in found
    ):
        message = f"there are two versions {before.version} with different content"
        findings.append(LintWarning("trust-fork", pointer("version"), message))
    # All that follow the first newer one: among them an older one is no part of what is known already.
    newer = (place for place, one in enumerate(found) if before is None or one.unverified.version > before.version)
    first = next(newer, len(found) - 1)
    for known, signed in pairwise(found[: first + 1]):
        findings += _out_of_order(signed, known.unverified)
    # A history may have 1,024 versions, and all are looked at: together they cost little more than one may.
    tries = max(_FEWEST, MAX_TRIES // (len(found) - first))
    for signed in found[first:]:
        if before is not None and signed.unverified.raw == before.raw:
            before = None  # the same version: only its own roots are asked
        findings += _out_of_order(signed, before)
        trusted = None if before is None or before.roots is None else before
        for check in history.check_roots(signed, trusted, allow_simulated=allow_simulated, max_tries=tries):
            checks.append(check)
            findings += _not_met(check)
        before = signed.unverified
    return HistoryReview(tuple(checks), tuple(dict.fromkeys(findings)))


def _out_of_order(signed: history.SignedBundle, before: TrustBundle | None) -> Iterator[LintWarning]:
    if before is None:
        return
    if before.roots is None:
        message = (
            f"version {before.version} has no roots, so nothing says who must sign version {signed.unverified.version}"
        )
        yield LintWarning("roots-missing", pointer("roots"), message)
    try:
        history.demand_successor(signed, before.version)
    except Rejected as refused:
        yield LintWarning(refused.code, pointer("version"), refused.message)


def _not_met(check: RootCheck) -> Iterator[LintWarning]:
    if not check.met:
        signed = f"{check.counted} of {check.threshold} required signatures"
        message = f"version {check.version} has {signed} by {check.whose}"
        yield LintWarning("root-threshold-not-met", pointer("roots"), message)
