"""Scenarios of whose word counts: the owners' of a name, a builder's, and that of both families of algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB, ML_DSA, P256
from tests.vectors.parts import (
    CLAIM,
    DIGEST,
    OTHER_DIGEST,
    PREDICATE,
    SLSA,
    anchor,
    bundle,
    case,
    envelope_of,
    rejected,
    row,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_WHO = "design: Trust bundle, subjects; pitfalls 20"
_NO = rejected("subject-not-allowed", None)
_QUANTUM = ML_DSA["ml-dsa-65"]
_OTHER_QUANTUM = ML_DSA["ml-dsa-44"]


def cases() -> Iterator[Scenario]:
    yield from _specific()
    yield from _tied()
    yield from _builders()
    yield from _families()


def _specific() -> Iterator[Scenario]:
    broad, narrow = anchor(ALICE, subjects=["**"]), anchor(BOB, subjects=["app.*"])
    for order, anchors in (
        ("first", {"narrow": narrow, "broad": broad}),
        ("last", {"broad": broad, "narrow": narrow}),
    ):
        yield case(
            f"the-more-specific-anchor-decides-and-stands-{order}",
            "An anchor for everything may not vouch for what another names more specifically, whatever the order.",
            _WHO,
            _NO,
            trust=bundle(also=anchors),
        )
        yield case(
            f"the-more-specific-anchor-has-signed-and-stands-{order}",
            "The anchor that names the subject most specifically vouches for it.",
            _WHO,
            verified(None),
            envelope=envelope_of(BOB),
            trust=bundle(also=anchors),
        )
    yield case(
        "a-name-as-it-is-beats-every-glob",
        "`app.txt` says more about app.txt than any glob.",
        _WHO,
        _NO,
        trust=bundle(anchor(ALICE, subjects=["app.tx?"]), also={"exact": anchor(BOB, subjects=["app.txt"])}),
    )
    yield case(
        "one-of-several-subjects-is-somebody-elses",
        "A statement about two subjects isn't vouched for by an anchor that may speak for one of them only.",
        _WHO,
        _NO,
        envelope=envelope_of(
            ALICE,
            payload=statement(
                {"name": "app.txt", "digest": {"sha256": DIGEST}},
                {"name": "lib/core.txt", "digest": {"sha256": OTHER_DIGEST}},
            ),
        ),
        trust=bundle(anchor(ALICE, subjects=["**"]), also={"lib": anchor(BOB, subjects=["lib/*"])}),
    )
    for limit, values in (
        ("predicates", {"predicate_types": [CLAIM]}),
        ("builders", {"builders": ["https://example.com/acme"]}),
        ("payloads", {"payload_types": ["application/vnd.in-toto.provenance+json"]}),
        ("nothing", {"predicate_types": []}),
        ("two", {"threshold": 2}),
    ):
        yield case(
            f"the-more-specific-anchor-is-for-{'other-' if limit[-1] == 's' else ''}{limit}",
            "Whatever an anchor's other limits are, its names are its own: the attacker chooses the rest.",
            _WHO,
            _NO,
            trust=bundle(
                anchor(ALICE, subjects=["**"]), also={"acme": anchor(BOB, P256, subjects=["app.*"], **values)}
            ),
        )
    acme = {"acme": anchor(BOB, subjects=["app.*"], builders=["https://example.com/builder"])}
    yield case(
        "the-more-specific-anchor-is-for-this-builder",
        "The owner of a name vouches for what its limits allow.",
        _WHO,
        verified(None),
        envelope=envelope_of(BOB),
        trust=bundle(anchor(ALICE, subjects=["**"]), also=acme),
    )
    yield case(
        "the-owner-has-signed-for-another-builder",
        "Who owns a name is bound by its own limits, and nobody takes its place: not even who signed as well.",
        _WHO,
        rejected("subject-not-allowed", None, None),
        envelope=envelope_of(ALICE, BOB),
        trust=bundle(
            anchor(ALICE, subjects=["**"]),
            also={"acme": anchor(BOB, subjects=["app.*"], builders=["https://example.com/acme"])},
        ),
    )
    named = {"name": "app.txt", "uri": "pkg:generic/acme/app@1", "digest": {"sha256": DIGEST}}
    both = anchor(ALICE, BOB, subjects=["app.*", "pkg:generic/**"])
    yield case(
        "a-name-of-one-anchor-and-a-uri-of-another",
        "Whoever owns only the name of a subject doesn't vouch for what its URI says, nor the other way round.",
        _WHO,
        rejected("subject-not-allowed", None, None),
        envelope=envelope_of(ALICE, BOB, payload=statement(named)),
        trust=bundle(both, also={"acme": anchor(BOB, subjects=["pkg:generic/acme/*"])}),
    )
    yield case(
        "a-name-and-a-uri-of-one-anchor",
        "Both are the same anchor's.",
        _WHO,
        verified(None),
        envelope=envelope_of(BOB, payload=statement(named)),
        trust=bundle(both, also={"lib": anchor(ALICE, subjects=["pkg:generic/lib/*"])}),
    )
    yield case(
        "an-anchor-with-an-empty-list-owns-nothing",
        "An empty list allows its anchor nothing, and takes nothing from others.",
        _WHO,
        verified(None),
        trust=bundle(anchor(ALICE, subjects=["**"]), also={"empty": anchor(BOB, subjects=[])}),
    )
    climbing = {"name": "lib/../app.txt", "digest": {"sha256": DIGEST}}
    for who, signer, expect in (("listed-it", BOB, verified(None)), ("has-a-glob", ALICE, _NO)):
        yield case(
            f"a-name-that-climbs-is-vouched-for-by-who-{who}",
            "A name with a segment `..` belongs to whoever lists it as it is; no glob matches it.",
            _WHO,
            expect,
            envelope=envelope_of(signer, payload=statement(climbing)),
            trust=bundle(
                anchor(ALICE, subjects=["lib/../app.tx?", "**"]),
                also={"exact": anchor(BOB, subjects=["lib/../app.txt"])},
            ),
        )
    yield case(
        "the-more-specific-anchor-can-not-be-met",
        "An anchor whose key is lost still decides: nobody else gets its names.",
        _WHO,
        _NO,
        trust=bundle(
            anchor(ALICE, subjects=["**"]),
            also={"narrow": anchor({**anchor(BOB)["keys"][0], "status": "compromised"}, subjects=["app.*"])},
        ),
    )
    yield case(
        "an-anchor-without-subjects-is-not-limited-by-others",
        "An absent list doesn't limit, and the lists of others don't either.",
        "design: an absent list means not limited",
        verified(None),
        trust=bundle(anchor(ALICE), also={"narrow": anchor(BOB, subjects=["app.txt"])}),
    )


def _tied() -> Iterator[Scenario]:
    tied = {"one": anchor(ALICE, subjects=["app.*"]), "two": anchor(BOB, subjects=["app.*"])}
    for who, signers in (("one-of-them", (ALICE,)), ("the-other", (BOB,)), ("both", (ALICE, BOB))):
        yield case(
            f"a-tie-and-{who}-signed",
            "What two anchors match equally well belongs to both of them, and either is enough.",
            _WHO,
            verified(*[None for _ in signers]),
            envelope=envelope_of(*signers),
            trust=bundle(also=tied),
        )
    roles = {
        "builds": anchor(ALICE, subjects=["app.*"], predicate_types=[SLSA]),
        "claims": anchor(BOB, subjects=["app.*"], predicate_types=[CLAIM]),
    }
    yield case(
        "two-roles-and-the-one-for-it-signed",
        "Two anchors with the same names and different predicates: each vouches for its own.",
        _WHO,
        verified(None),
        trust=bundle(also=roles),
    )
    yield case(
        "two-roles-and-the-other-one-signed",
        "To own a name is not enough: the other limits hold too.",
        _WHO,
        rejected("predicate-type-not-allowed", None),
        envelope=envelope_of(BOB),
        trust=bundle(also=roles),
    )
    yield case(
        "a-tie-and-the-one-that-may-say-it-has-too-few",
        "The threshold of one owner and the permission of another don't add up.",
        _WHO,
        rejected("predicate-type-not-allowed", None),
        envelope=envelope_of(BOB),
        trust=bundle(
            also={**roles, "builds": anchor(ALICE, BOB, threshold=2, subjects=["app.*"], predicate_types=[SLSA])}
        ),
    )


def _builders() -> Iterator[Scenario]:
    builder = "https://example.com/builder"
    old = "https://slsa.dev/provenance/v0.2"
    old_predicate = {"builder": {"id": builder}, "buildType": "https://example.com/build"}
    nameless = {**PREDICATE, "runDetails": {"builder": {}}}
    cases: dict[str, tuple[str, list[str], dict[str, Any], dict[str, Any]]] = {
        "builder-allowed": ("The builder is one of the anchor's.", [builder], {}, {}),
        "builder-not-allowed": ("Another builder may have been anybody's.", ["https://example.com/other"], {}, {}),
        "builder-is-no-glob": ("A builder is named exactly.", ["https://example.com/*"], {}, {}),
        "builder-is-no-prefix": ("A builder is named exactly.", ["https://example.com/build"], {}, {}),
        "builder-list-is-empty": ("An empty list allows nothing.", [], {}, {}),
        "builder-allowed-in-v0.2": (
            "Provenance v0.2 has its builder at the top.",
            [builder],
            {"predicateType": old, "predicate": old_predicate},
            {},
        ),
        "builder-not-allowed-in-v0.2": (
            "The v1 place of the builder says nothing in v0.2.",
            [builder],
            {
                "predicateType": old,
                "predicate": {**PREDICATE, **old_predicate, "builder": {"id": "https://example.com/other"}},
            },
            {},
        ),
        "builder-not-allowed-under-the-older-name": (
            "Provenance v0.1 had another name before it was SLSA's, and the limit holds for that too.",
            [builder],
            {
                "predicateType": "https://in-toto.io/Provenance/v0.1",
                "predicate": {"builder": {"id": "https://example.com/other"}},
            },
            {},
        ),
        "builder-is-missing": (
            "A provenance without a builder is by none of the anchor's.",
            [builder],
            {"predicate": nameless},
            {"check_predicate": False},
        ),
        "builder-limits-provenance-alone": (
            "Other predicates have no builder.",
            [builder],
            {"predicateType": CLAIM, "predicate": {}},
            {},
        ),
    }
    good = {"builder-allowed", "builder-allowed-in-v0.2", "builder-limits-provenance-alone"}
    for name, (title, builders, fields, options) in cases.items():
        yield case(
            name,
            title,
            "SLSA v1 verifying artifacts: (signer, builder.id) pairs; pitfalls 20",
            verified(None) if name in good else rejected("builder-not-allowed", None),
            envelope=envelope_of(ALICE, payload=statement(**fields)),
            trust=bundle(anchor(ALICE, builders=builders)),
            **options,
        )


def _families() -> Iterator[Scenario]:
    hybrid = anchor(ALICE, P256, _QUANTUM, _OTHER_QUANTUM, threshold=2, require=["classical", "post-quantum"])
    short = "threshold-not-met"
    cases: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
        "hybrid-both-families": ("One signature of each family.", (ALICE, _QUANTUM), verified(None, None)),
        "hybrid-post-quantum-stripped": ("The post-quantum one was taken off.", (ALICE,), rejected(short, None)),
        "hybrid-classical-stripped": ("The classical one was taken off.", (_QUANTUM,), rejected(short, None)),
        "hybrid-twice-classical": (
            "The threshold is met twice with one family.",
            (ALICE, P256),
            rejected(short, None, None),
        ),
        "hybrid-twice-post-quantum": (
            "The threshold is met twice with one family.",
            (_QUANTUM, _OTHER_QUANTUM),
            rejected(short, None, None),
        ),
        "hybrid-one-key-twice-and-nothing-else": (
            "One key counts once, and for one family.",
            (ALICE, ALICE),
            rejected(short, None, "key-already-counted"),
        ),
    }
    for name, (title, keys, expect) in cases.items():
        yield case(
            name, title, "issue: hybrid, without a way down", expect, envelope=envelope_of(*keys), trust=bundle(hybrid)
        )
    yield case(
        "hybrid-with-a-threshold-of-one",
        "Both families are required, whatever the threshold.",
        row(4),
        rejected(short, None),
        trust=bundle(anchor(ALICE, _QUANTUM, require=["classical", "post-quantum"])),
    )
    yield case(
        "hybrid-without-a-key-of-one-family",
        "An anchor that could never be met is a mistake in the trust bundle.",
        row(21),
        {"outcome": "error", "code": "threshold-unreachable"},
        trust=bundle(anchor(ALICE, require=["post-quantum"])),
    )
    yield case(
        "hybrid-of-a-family-nobody-knows",
        "A family that isn't known can't be required of anybody.",
        row(21),
        {"outcome": "error", "code": "trust-invalid"},
        trust=bundle(anchor(ALICE, require=["quantum"])),
    )
