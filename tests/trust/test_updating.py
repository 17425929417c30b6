"""Updates of a signed trust bundle: a source is followed only from the version at hand, and never backwards."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import AttestError, InputError, Rejected, TrustBundle
from attest.trust import history as histories
from attest.trust.history import MAX_VERSIONS, read
from attest.trust.updating import Update
from attest.trust.updating import update as update_file
from tests.support.examples import examples
from tests.support.making.chains import R1, R2, R3, R4, S1, S2, V1, V2, envelope, follow, given_roots, history, version
from tests.support.making.keys import MALLORY
from tests.support.watching import refused

SOURCE = "https://example.com/trust"


@cache
def ten() -> tuple[list[TrustBundle], list[bytes]]:
    return history()


def lines(begin: int, end: int) -> bytes:
    """The envelopes of versions `begin` to `end`."""
    return b"".join(ten()[1][begin - 1 : end])


def update(current: bytes | None, published: bytes, root: Any = None, **options: Any) -> Update:
    return update_file(current, published, root, file="trust.jsonl", source=SOURCE, **options)


@pytest.mark.parametrize("begin", [1, 3])
@pytest.mark.parametrize(
    ("held", "published"), [((1, 1), (1, 2)), ((1, 3), (1, 10)), ((2, 5), (6, 8)), ((9, 9), (9, 10))]
)
def test_newer_versions_are_added_to_those_at_hand(
    begin: int, held: tuple[int, int], published: tuple[int, int]
) -> None:
    begin = min(begin, published[0])
    found = update(lines(*held), lines(begin, published[1]))
    assert found.changed
    assert found.before is not None
    assert (found.before.version, found.bundle.version) == (held[1], published[1])
    assert found.data == lines(held[0], published[1])
    assert {check.version for check in found.checks} == set(range(held[1] + 1, published[1] + 1))
    # Whatever led to the file before still does.
    for number in range(held[0], published[1] + 1):
        assert follow(found.data, ten()[0][number - 1]).version == published[1]


def test_the_newest_version_is_already_there() -> None:
    for published in (lines(1, 5), lines(5, 5), lines(3, 5)):
        found = update(lines(2, 5), published)
        assert not found.changed
        assert (found.data, found.checks) == (lines(2, 5), ())


def test_a_version_over_several_lines_is_put_on_one() -> None:
    pretty = S1.replace(b",", b",\r\n  ")
    assert isinstance(read(pretty), tuple)
    found = update(pretty, S1 + S2)
    assert found.data.count(b"\n") == 2
    assert follow(found.data, V1).raw == V2.raw


@pytest.mark.parametrize(
    ("current", "published", "code", "line"),
    [
        ((1, 5), (1, 4), "trust-rollback", ""),
        ((5, 5), (1, 1), "trust-rollback", ""),
        ((1, 3), (5, 6), "trust-version-gap", ": line 1"),
        ((3, 3), (5, 5), "trust-version-gap", ""),
    ],
)
def test_a_source_that_withholds_or_leaves_out_versions(
    current: tuple[int, int], published: tuple[int, int], code: str, line: str
) -> None:
    with refused(Rejected, code, f"{SOURCE}{line}"):
        update(lines(*current), lines(*published))
    with refused(Rejected, code, f"{SOURCE}{line}"):
        update(lines(*current), lines(*published), ten()[0][current[0] - 1])


def test_a_fork_is_seen_before_and_at_the_version_at_hand() -> None:
    other = version(1, R1, R2, R3, threshold=2, expires="2027-01-01T00:00:00Z")
    forked = envelope(other, R1, R2)
    for held in (S1, S1 + S2):
        with refused(Rejected, "trust-fork", f"{SOURCE}: line 1"):
            update(held, forked + S2)


@pytest.mark.parametrize("signers", [(), (R2,), (MALLORY,), (R2, R4), (R1, R2)])
def test_a_version_that_too_few_roots_signed(signers: tuple[Any, ...]) -> None:
    with refused(Rejected, "root-threshold-not-met", f"{SOURCE}: line 2"):
        update(S1, S1 + envelope(V2, *signers))
    with refused(Rejected, "root-threshold-not-met"):
        update(None, S1 + envelope(V2, *signers), V1)


def test_only_signed_ones_are_updated() -> None:
    with refused(Rejected, "trust-unsigned", "trust.jsonl"):
        update(V1.raw, S1 + S2)
    with refused(Rejected, "trust-unsigned", SOURCE):
        update(S1, V2.raw)


def test_a_file_whose_own_versions_do_not_follow_is_not_updated() -> None:
    with refused(Rejected, "root-threshold-not-met", "trust.jsonl: line 2"):
        update(S1 + envelope(V2, R1, R2), S1 + S2)


def test_a_root_must_lead_to_the_version_at_hand_or_lie_after_it() -> None:
    assert update(S1, S1 + S2, given_roots(R1, R2)).bundle.raw == V2.raw
    assert update(S1, S1 + S2, V2).bundle.raw == V2.raw
    with refused(Rejected, "root-threshold-not-met", "trust.jsonl"):
        update(S1, S1 + S2, given_roots(R3, R4))
    with refused(Rejected, "trust-version-gap", "trust.jsonl"):
        update(lines(5, 5), lines(1, 6), ten()[0][1])
    # A root after the version at hand: the source must reach it, and have the same bytes.
    with refused(Rejected, "trust-rollback", SOURCE):
        update(S1, S1, V2)
    other = version(2, R2, R3, R4, threshold=2, expires="2027-01-01T00:00:00Z")
    with refused(Rejected, "trust-fork", f"{SOURCE}: line 2"):
        update(S1, S1 + S2, other)


def test_a_new_file_begins_at_the_root() -> None:
    with refused(InputError, "trust-root-missing", "trust.jsonl"):
        update(None, S1 + S2)
    found = update(None, lines(1, 10), ten()[0][3])
    assert (found.before, found.data) == (None, lines(4, 10))
    assert update(None, lines(5, 10), ten()[0][3]).data == lines(5, 10)
    # From roots alone everything is checked, and kept.
    assert update(None, S1 + S2, given_roots(R1, R2)).data == S1 + S2


def test_what_is_before_the_root_is_not_checked_and_not_kept() -> None:
    unsigned = envelope(V1)
    found = update(None, unsigned + S2, V2)
    assert found.data == S2


def test_simulated_roots_count_only_if_allowed() -> None:
    from tests.support.making.chains import roots

    simulated = [{**one, "backend": "sim"} for one in roots(R1, R2)["keys"]]
    first, second = version(1, *simulated), version(2, *simulated)
    with refused(Rejected, "root-threshold-not-met"):
        update(envelope(first, R1), envelope(second, R1))
    assert update(envelope(first, R1), envelope(second, R1), allow_simulated=True).changed


def test_a_history_does_not_grow_over_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.trust.updating.MAX_VERSIONS", 9)
    with refused(InputError, "trust-history-too-long", "trust.jsonl"):
        update(lines(1, 5), lines(1, 10))
    assert MAX_VERSIONS == 1024
    assert update(lines(2, 5), lines(1, 10)).changed
    monkeypatch.setattr("attest.trust.updating.MAX_HISTORY", len(lines(2, 10)) - 1)
    with refused(InputError, "trust-history-too-long", "trust.jsonl"):
        update(lines(2, 5), lines(1, 10))


PARTS = st.sampled_from(["keep", "keep", "keep", "keep", "drop", "unsigned", "swap", "garbage", "repeat"])


@examples(200)
@given(st.integers(1, 10), st.integers(1, 10), st.lists(PARTS, min_size=10, max_size=10), st.integers(0, 10))
def test_whatever_a_source_does_the_file_never_goes_back_and_always_verifies(
    first: int, last: int, parts: list[str], pinned: int
) -> None:
    first, last = min(first, last), max(first, last)
    published: list[bytes] = []
    for number, part in enumerate(parts, start=1):
        line = ten()[1][number - 1]
        if part == "unsigned":
            line = envelope(ten()[0][number - 1])
        elif part == "swap":
            line = ten()[1][len(parts) - number]
        elif part == "garbage":
            line = b"{]\n"
        published += [] if part == "drop" else [line] * (2 if part == "repeat" else 1)
    held = lines(first, last)
    root = ten()[0][pinned - 1] if pinned else None
    try:
        found = update(held, b"".join(published), root)
    except AttestError:
        return
    assert found.bundle.version >= last
    assert found.data.startswith(held)
    assert follow(found.data, ten()[0][first - 1]).raw == found.bundle.raw
    # Each version in the file is the one that the roots signed.
    for signed in read(found.data):  # type: ignore[union-attr]
        assert signed.unverified.raw == ten()[0][signed.unverified.version - 1].raw
    if root is not None and root.version >= first:
        assert histories.accept(read(found.data), root).bundle.raw == found.bundle.raw
