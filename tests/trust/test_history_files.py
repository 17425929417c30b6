"""A history of ten versions with two rotations of roots: walked forward, and refused when any one of it is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import AttestError, Rejected
from attest._base.json import b64encode, dumps
from attest.results.report import RootCheck
from attest.trust.history import PAYLOAD_TYPE, load, read, walk
from tests.support.examples import examples
from tests.support.making.chains import (
    R1,
    R2,
    R3,
    R4,
    R5,
    S1,
    S2,
    V1,
    V2,
    envelope,
    follow,
    given_roots,
    history,
    version,
)
from tests.support.making.keys import ALICE, MALLORY, MemorySigner
from tests.support.watching import refused
from tests.verifying.test_properties import changed_json

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS, LINES = history()


def test_ten_versions_with_two_rotations_of_roots_are_walked_from_each_of_them() -> None:
    whole = b"".join(LINES)
    for start, root in enumerate(VERSIONS):
        found = walk(read(whole), root)  # type: ignore[arg-type]
        assert found.bundle.raw == VERSIONS[-1].raw
        assert len(found.checks) == 2 * (9 - start)
    assert walk(read(whole), given_roots(R1, R2, R3, threshold=2)).bundle.raw == VERSIONS[-1].raw  # type: ignore[arg-type]


def test_no_version_leads_over_a_rotation_without_those_between() -> None:
    for number in range(2, 10):
        with refused(Rejected, "trust-version-gap", None):
            follow(LINES[number], VERSIONS[number - 2])


@pytest.mark.parametrize("dropped", range(1, 9))
def test_a_history_with_one_version_dropped_is_refused(dropped: int) -> None:
    with refused(Rejected, "trust-version-gap", f"line {dropped + 1}"):
        follow(b"".join(LINES[:dropped] + LINES[dropped + 1 :]), VERSIONS[0])


def test_a_history_without_its_end_is_an_old_one_and_refused_where_it_is_known_to_be(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(LINES[:-1]))
    assert load(path, root=VERSIONS[0]).version == 9
    with refused(Rejected, "trust-rollback", str(path)):
        load(path, root=VERSIONS[0], min_version=10)
    with refused(Rejected, "trust-rollback", str(path)):
        load(path, root=VERSIONS[9])


@pytest.mark.parametrize("place", range(9))
def test_a_history_with_two_versions_in_the_wrong_order_is_refused(place: int) -> None:
    lines = list(LINES)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    with pytest.raises(Rejected) as caught:
        follow(b"".join(lines), VERSIONS[0])
    assert caught.value.code in {"trust-version-gap", "trust-rollback"}


@pytest.mark.parametrize("place", range(10))
def test_a_history_with_one_version_twice_is_refused(place: int) -> None:
    with refused(Rejected, "trust-rollback"):
        follow(b"".join([*LINES[: place + 1], *LINES[place:]]), VERSIONS[0])


@pytest.mark.parametrize("place", range(10))
def test_a_history_with_one_version_altered_is_refused(place: int) -> None:
    document = json.loads(VERSIONS[place].raw) | {"x-note": "altered"}
    line = json.loads(LINES[place]) | {"payload": b64encode(dumps(document))}
    with refused(Rejected, "root-threshold-not-met" if place else "trust-fork"):
        follow(b"".join([*LINES[:place], dumps(line) + b"\n", *LINES[place + 1 :]]), VERSIONS[0])


@pytest.mark.parametrize("place", range(1, 10))
def test_a_history_with_one_version_signed_by_too_few_is_refused(place: int) -> None:
    line = json.loads(LINES[place])
    line["signatures"] = line["signatures"][:1]
    with refused(Rejected, "root-threshold-not-met", f"line {place + 1}") as caught:
        follow(b"".join([*LINES[:place], dumps(line) + b"\n", *LINES[place + 1 :]]), VERSIONS[0])
    check = caught.value.roots  # type: ignore[attr-defined]
    assert isinstance(check, RootCheck)
    assert (check.version, check.counted, check.threshold, check.met) == (place + 1, 1, 2, False)


EVERYONE: list[MemorySigner] = [R1, R2, R3, R4, R5, MALLORY, ALICE]


@given(st.data())
@examples(300)
def test_no_edit_that_the_old_roots_have_not_signed_is_ever_accepted(data: st.DataObject) -> None:
    """Whatever is changed, and whoever signs it, as long as fewer old roots than it takes do."""
    signers = [owner for owner in EVERYONE if data.draw(st.booleans(), label=owner.uri.path)]
    while sum(owner in (R1, R2, R3) for owner in signers) > 1:
        signers.remove(next(owner for owner in signers if owner in (R1, R2, R3)))
    payload = data.draw(st.one_of(changed_json(json.loads(V2.raw)), st.just(V2.raw), rotated()))
    edited = json.loads(envelope(payload, *signers, payload_type=PAYLOAD_TYPE))
    # Signatures that were made for the real one are anybody's to take.
    edited["signatures"] += data.draw(st.lists(st.sampled_from(json.loads(S2)["signatures"]), max_size=2))
    edited["signatures"] = data.draw(st.permutations(edited["signatures"]))
    for entry in edited["signatures"]:
        entry["keyid"] = data.draw(st.sampled_from([owner.public_key.keyid for owner in EVERYONE] + [entry["keyid"]]))
    try:
        found = follow(data.draw(st.sampled_from([b"", S1])) + dumps(edited), V1)
    except AttestError:
        return
    assert found.raw in (V1.raw, V2.raw)


@given(st.data())
@examples(200)
def test_no_edit_of_a_history_leads_to_anything_but_a_version_of_it(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "swap", "edit"])):
            case "drop" if len(lines) > 1:
                del lines[place]
            case "repeat":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[place])
            case "swap":
                lines[place], lines[0] = lines[0], lines[place]
            case _:
                lines[place] = data.draw(changed_json(json.loads(lines[place]))).replace(b"\n", b" ") + b"\n"
    start = data.draw(st.integers(0, 9))
    try:
        found = follow(b"".join(lines), VERSIONS[start])
    except AttestError:
        return
    assert found.raw in {later.raw for later in VERSIONS[start:]}


@st.composite
def rotated(draw: st.DrawFn) -> bytes:
    """A well-formed next version whose roots are whoever wants to be."""
    owners = draw(st.lists(st.sampled_from([R1, R2, R3, R4, R5, MALLORY]), min_size=1, unique=True))
    number = draw(st.integers(1, 3))
    return version(number, *owners, threshold=draw(st.integers(1, len(owners)))).raw
