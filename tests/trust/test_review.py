"""Reviews of signed trust bundles: signatures are counted, and what verifiers would refuse is found."""

from __future__ import annotations

from typing import Any

import pytest

from attest.limits import MAX_TRIES
from attest.trust import history
from attest.trust.history import read
from attest.trust.review import review, unverified_versions
from attest.trust.signatures import check_signatures
from tests.support.making.bundles import anchor, bundle
from tests.support.making.chains import R1, R2, R3, R4, S1, S2, V1, V2, envelope, version
from tests.support.making.keys import ALICE

REPLACED = ["trust-fork", "trust-rollback", "root-threshold-not-met"]
SKIPPED = ["trust-fork", "trust-version-gap", "root-threshold-not-met"]


def test_a_complete_history_has_no_findings() -> None:
    found = read(S1 + S2)
    reviewed = review(found)
    assert [(check.version, check.roots_version, check.met) for check in reviewed.checks] == [
        (1, 1, True),
        (2, 1, True),
        (2, 2, True),
    ]
    assert reviewed.findings == ()
    assert [one.version for one in unverified_versions(found)] == [1, 2]


def test_only_versions_after_the_one_at_hand_are_counted() -> None:
    assert review(read(S1 + S2), V1) == review(read(S2), V1)
    assert [(check.version, check.roots_version) for check in review(read(S2), V1).checks] == [(2, 1), (2, 2)]
    # The version at hand itself: its own roots, and nothing is out of order.
    same = review(read(S1), V1)
    assert ([(check.version, check.roots_version) for check in same.checks], same.findings) == ([(1, 1)], ())


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (envelope(V2, R1), ["root-threshold-not-met", "root-threshold-not-met"]),
        (envelope(V2), ["root-threshold-not-met", "root-threshold-not-met"]),
        (envelope(version(3, R1, R2, R3, threshold=2), R1, R2), ["trust-version-gap"]),
        (envelope(version(1, R1, R2, R3, threshold=2, expires="2027-01-01T00:00:00Z"), R1, R2), None),
        # An older version behind a newer one is none that is known.
        (S2 + envelope(version(1, R4, threshold=1), R4), REPLACED),
        (envelope(version(1, R4, threshold=1), R4) + b"\n" + envelope(version(3, R4, threshold=1), R4), SKIPPED),
        # Anyone can add roots of their own; those of the version before have to agree.
        (envelope(version(2, R4, threshold=1), R4), ["root-threshold-not-met"]),
    ],
)
def test_what_verifiers_would_refuse_is_a_finding(data: bytes, codes: list[str] | None) -> None:
    reviewed = review(read(data), V1)
    assert [finding.code for finding in reviewed.findings] == (codes or ["trust-fork", "trust-rollback"])


def test_an_older_bundle_without_roots_says_nothing_about_the_next() -> None:
    without = bundle({"a": anchor(ALICE)})
    reviewed = review(read(S2), without)
    assert [finding.code for finding in reviewed.findings] == ["roots-missing"]
    assert [check.roots_version for check in reviewed.checks] == [2]
    assert review(without, V1) == ((), ())


def test_all_versions_together_cost_little_more_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a history chooses its roots, and signatures that only a try with each root shows to be bad."""
    tried: list[int] = []

    def checking(*given: Any, **options: Any) -> Any:
        tried.append(options["max_tries"])
        return check_signatures(*given, **options)

    monkeypatch.setattr(history, "check_signatures", checking)
    found = read(S1 + S2)
    assert isinstance(found, tuple)
    review(found * 128)
    assert len(tried) == 2 * 256 - 1
    assert sum(tried) <= 4 * MAX_TRIES
    tried.clear()
    review(found, V1)
    assert tried == [MAX_TRIES] * 2
