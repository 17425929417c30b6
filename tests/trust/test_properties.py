"""What holds for every trust bundle: to ask for more of anybody never turns a no into a yes."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from attest import InputError, Rejected, ResourceDescriptor, Statement, verify
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MemorySigner
from tests.support.making.statements import signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest import Envelope

CAROL = MemorySigner("ml-dsa-44", 6)
SIGNERS = {"alice": ALICE, "bob": BOB, "carol": CAROL}
PAYLOAD_TYPE = "application/vnd.in-toto+json"
SLSA, CLAIM = "https://slsa.dev/provenance/v1", "https://example.com/claim/v1"
GITHUB, OTHER = "https://github.com/acme/builder", "https://example.com/anybody"
NAMES = (None, "_", "app", "acme/app", "acme/lib", "acme/../evil", "other/app")
GLOBS = ("**", "*", "acme/*", "acme/app", "*/app", "acme/l*", "acme/../*", "acme/../evil")
LIMITS: dict[str, tuple[list[str], ...]] = {
    "subjects": ([], ["**"], ["acme/*"], ["acme/app"], ["*/app", "app"], ["acme/../evil"]),
    "predicate_types": ([], [SLSA], [CLAIM], [SLSA, CLAIM]),
    "payload_types": ([], [PAYLOAD_TYPE], ["application/vnd.in-toto.claim+json"]),
    "builders": ([], [GITHUB], [OTHER]),
    "require": (["classical"], ["post-quantum"], ["classical", "post-quantum"]),
}
WORSE: tuple[dict[str, Any], ...] = (
    {"status": "retired"},
    {"status": "compromised"},
    {"not_after": PAST},
    {"not_before": FUTURE},
    {"backend": "sim"},
)


@st.composite
def anchors(draw: st.DrawFn) -> dict[str, Any]:
    owners = draw(st.lists(st.sampled_from(list(SIGNERS.values())), min_size=1, unique=True))
    keys = [key(owner) | draw(st.sampled_from(({},) * 8 + WORSE)) for owner in owners]
    made = anchor(*keys, threshold=draw(st.integers(1, min(2, len(keys)))))
    if draw(st.booleans()):
        made["subjects"] = draw(st.lists(st.sampled_from(GLOBS), max_size=3))
    for limit in draw(st.sets(st.sampled_from(["predicate_types", "payload_types", "builders"]), max_size=2)):
        made[limit] = draw(st.sampled_from(LIMITS[limit]))
    return made


BUNDLES = st.dictionaries(st.sampled_from("abc"), anchors(), min_size=1, max_size=3)
SUBJECTS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=2).map(tuple)
CLAIMS = st.sampled_from([(SLSA, GITHUB), (SLSA, OTHER), (CLAIM, OTHER)])


@cache
def attested(
    by: frozenset[str], subjects: tuple[tuple[str | None, str | None], ...], kind: str, builder: str
) -> Envelope:
    about = Statement.build(
        [ResourceDescriptor(name, {"sha256": "0" * 64}, uri) for name, uri in subjects],
        predicate_type=kind,
        predicate={"runDetails": {"builder": {"id": builder}}},
        check_predicate=False,
    )
    return signed(*(SIGNERS[name] for name in sorted(by)), about=about)


ENVELOPES = st.builds(
    lambda by, subjects, claim: attested(by, subjects, *claim),
    st.frozensets(st.sampled_from(sorted(SIGNERS)), min_size=1),
    SUBJECTS,
    CLAIMS,
)


def says_yes(envelope: Envelope, trust: dict[str, Any]) -> bool:
    try:
        verify(envelope, bundle(trust), artifacts=None, now=NOW, check_predicate=False)
    except (Rejected, InputError):  # a bundle that can't be met isn't read
        return False
    return True


def tighter(trust: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The bundle with one more thing asked of one anchor, in every way."""

    def changed() -> tuple[dict[str, Any], dict[str, Any]]:
        more = copy.deepcopy(trust)
        return more, more[name]

    for name, entry in trust.items():
        for limit, choices in LIMITS.items():
            for values in choices if limit not in entry else ():
                more, at = changed()
                at[limit] = values
                yield f"{name}: {limit} {values}", more
        more, at = changed()
        at["threshold"] += 1
        yield f"{name}: threshold", more
        for index, held in enumerate(entry["keys"]):
            marked = held["status"] == "compromised" or "backend" in held
            if not marked:  # such a mark takes trust away everywhere, and to remove it is to give it back
                more, at = changed()
                del at["keys"][index]
                yield f"{name}: without key {index}", more
            for worse in WORSE if held["status"] == "active" and len(held) == len(key(ALICE)) else ():
                more, at = changed()
                at["keys"][index] |= worse
                yield f"{name}: key {index} {worse}", more


GENERAL = anchor(ALICE, subjects=["**"])
ACME = attested(frozenset({"alice"}), (("acme/app", None),), SLSA, OTHER)


@given(ENVELOPES, BUNDLES)
@settings(deadline=None, max_examples=100)
@example(ACME, {"a": GENERAL, "b": anchor(BOB, subjects=["acme/*"])})  # to limit b's builders gave its names to a
@example(ACME, {"a": GENERAL, "b": anchor(BOB, subjects=["**"])})  # to limit b's predicates made one of a tie enough
def test_to_ask_for_more_never_turns_a_no_into_a_yes(envelope: Envelope, trust: dict[str, Any]) -> None:
    """Of an anchor: a limit that it didn't have, a higher threshold, one key less. Of a key: an end, or a bad mark.

    What does is to take a name off an anchor's `subjects`, or the anchor away: then it is the next one's, and
    `trust diff` says so.
    """
    assume(not says_yes(envelope, trust))
    for what, more in tighter(trust):
        assert not says_yes(envelope, more), what


@given(ENVELOPES, BUNDLES)
@settings(deadline=None, max_examples=50)
def test_to_ask_for_more_changes_who_vouches_only_by_leaving_some_out(
    envelope: Envelope, trust: dict[str, Any]
) -> None:
    def who(given: dict[str, Any]) -> set[str]:
        try:
            return set(verify(envelope, bundle(given), artifacts=None, now=NOW, check_predicate=False).anchors)
        except (Rejected, InputError):
            return set()

    before = who(trust)
    assume(before)
    for what, more in tighter(trust):
        assert who(more) <= before, what
