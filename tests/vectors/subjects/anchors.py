"""Scenarios of what an anchor may vouch for: subjects, predicate types and payload types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB
from tests.vectors.parts import (
    CLAIM,
    DIGEST,
    OTHER_DIGEST,
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

_SUBJECT = rejected("subject-not-allowed", None)
_DIGEST = {"sha256": DIGEST}


def cases() -> Iterator[Scenario]:
    yield from _globs()
    yield from _names()
    yield from _types()
    yield from _empty()
    yield from _several()


def _globs() -> Iterator[Scenario]:
    yes, no = verified(None), _SUBJECT
    globs = {
        "subject-glob-matches": ("`*` matches within a segment.", "*.txt", "app.txt", yes, "Trust bundle"),
        "subject-glob-star-stops-at-a-slash": ("`*` doesn't cross a `/`.", "*.txt", "lib/app.txt", no, 20),
        "subject-glob-star-in-a-purl": (
            "`*` in a purl stays within its segment.",
            "pkg:pypi/acme/*",
            "pkg:pypi/acme/evil/app@1",
            no,
            20,
        ),
        "subject-glob-double-star-crosses": ("`**` crosses a `/`.", "**.txt", "lib/x/app.txt", yes, "Trust bundle"),
        "subject-glob-question-mark": ("`?` is one character.", "app.tx?", "app.txt", yes, "Trust bundle"),
        "subject-glob-question-mark-is-no-slash": ("`?` is no `/`.", "lib?app.txt", "lib/app.txt", no, 20),
        "subject-glob-matches-the-whole-name": ("A glob is no prefix.", "pkg:pypi/acme", "pkg:pypi/acme-evil", no, 20),
        "subject-glob-begins-where-the-name-begins": ("A glob is no suffix.", "app.txt", "evil/app.txt", no, 20),
        "subject-glob-in-another-case": ("Upper and lower case differ.", "APP.txt", "app.txt", no, 20),
        "subject-glob-brackets-are-literal": ("Brackets are no set of characters.", "[a]pp.txt", "app.txt", no, 20),
        "subject-glob-dots-are-literal": ("A dot is a dot.", "app.txt", "appxtxt", no, 20),
        "subject-glob-parent-folder": ("`..` leads nowhere that `*` may go.", "acme/*", "acme/../evil", no, 24),
        "subject-glob-line-break-behind": ("A line break is a character of the name.", "app.txt", "app.txt\n", no, 20),
    }
    for name, (title, glob, called, expect, source) in globs.items():
        yield case(
            name,
            title,
            row(source) if isinstance(source, int) else f"design: {source}",
            expect,
            envelope=envelope_of(ALICE, payload=statement({"name": called, "digest": _DIGEST})),
            trust=bundle(anchor(ALICE, subjects=[glob])),
        )


def _names() -> Iterator[Scenario]:
    good = "app.txt"
    subjects: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "subject-name-and-uri-allowed": (
            "Name and URI match a glob each.",
            {"name": good, "uri": "pkg:pypi/acme@1", "digest": _DIGEST},
            verified(None),
        ),
        "subject-name-allowed-and-uri-not": (
            "A name that matches doesn't cover a URI that doesn't.",
            {"name": good, "uri": "pkg:pypi/evil@1", "digest": _DIGEST},
            _SUBJECT,
        ),
        "subject-uri-allowed-and-name-not": (
            "A URI that matches doesn't cover a name that doesn't.",
            {"name": "evil.bin", "uri": "pkg:pypi/acme@1", "digest": _DIGEST},
            _SUBJECT,
        ),
        "subject-uri-alone": (
            "A URI alone is enough.",
            {"uri": "pkg:pypi/acme@1", "digest": _DIGEST},
            verified(None),
        ),
        "subject-named-underscore-with-a-uri": (
            "`_` stands for no name, and the URI is enough.",
            {"name": "_", "uri": "pkg:pypi/acme@1", "digest": _DIGEST},
            verified(None),
        ),
        "subject-without-a-name-where-names-are-limited": (
            "A subject that calls itself nothing matches nothing.",
            {"digest": _DIGEST},
            _SUBJECT,
        ),
        "subject-named-underscore-where-names-are-limited": (
            "`_` stands for no name.",
            {"name": "_", "digest": _DIGEST},
            _SUBJECT,
        ),
        "subject-with-an-empty-name-where-names-are-limited": (
            "An empty name is no name.",
            {"name": "", "digest": _DIGEST},
            _SUBJECT,
        ),
    }
    for name, (title, subject, expect) in subjects.items():
        yield case(
            name,
            title,
            row(18),
            expect,
            envelope=envelope_of(ALICE, payload=statement(subject)),
            trust=bundle(anchor(ALICE, subjects=["*.txt", "pkg:pypi/acme@*"])),
        )
    for name, subject in (
        ("no-name", {}),
        ("an-underscore-for-a-name", {"name": "_"}),
        ("an-empty-name", {"name": ""}),
    ):
        yield case(
            f"subject-with-{name}-where-every-name-is-allowed",
            "Even `**` matches names only, and this subject has none.",
            row(18),
            _SUBJECT,
            envelope=envelope_of(ALICE, payload=statement({**subject, "digest": _DIGEST})),
            trust=bundle(anchor(ALICE, subjects=["**"])),
        )
    two = [{"name": good, "digest": _DIGEST}, {"name": "evil.bin", "digest": {"sha256": OTHER_DIGEST}}]
    yield case(
        "one-subject-of-two-not-allowed",
        "Every subject must match, not only the one that was asked for.",
        row(18),
        _SUBJECT,
        envelope=envelope_of(ALICE, payload=statement(*two)),
        trust=bundle(anchor(ALICE, subjects=["*.txt"])),
    )


def _types() -> Iterator[Scenario]:
    predicate = rejected("predicate-type-not-allowed", None)
    payload = rejected("payload-type-not-allowed", None)
    limits: dict[str, tuple[str, dict[str, list[str]], dict[str, Any]]] = {
        "predicate-type-allowed": ("The anchor may vouch for it.", {"predicate_types": [CLAIM, SLSA]}, verified(None)),
        "predicate-type-not-allowed": ("The anchor may not vouch for it.", {"predicate_types": [CLAIM]}, predicate),
        "predicate-type-allowed-by-prefix-only": (
            "Predicate types are no globs and no prefixes.",
            {"predicate_types": ["https://slsa.dev/provenance/*", "https://slsa.dev/provenance/"]},
            predicate,
        ),
        "payload-type-allowed": (
            "The anchor may vouch for it.",
            {"payload_types": ["application/vnd.in-toto+json"]},
            verified(None),
        ),
        "payload-type-not-allowed": (
            "The anchor may not vouch for it.",
            {"payload_types": ["application/vnd.in-toto.provenance+json"]},
            payload,
        ),
        "every-limit-holds": (
            "Two limits that are kept don't make up for one that isn't.",
            {
                "subjects": ["**"],
                "predicate_types": [CLAIM],
                "payload_types": ["application/vnd.in-toto+json"],
            },
            predicate,
        ),
    }
    for name, (title, limit, expect) in limits.items():
        yield case(name, title, row(9), expect, trust=bundle(anchor(ALICE, **limit)))


def _empty() -> Iterator[Scenario]:
    codes = {
        "subjects": "subject-not-allowed",
        "predicate_types": "predicate-type-not-allowed",
        "payload_types": "payload-type-not-allowed",
    }
    for limit, code in codes.items():
        yield case(
            f"empty-list-of-{limit.replace('_', '-')}",
            "An empty list allows nothing; only an absent one doesn't limit.",
            row(21),
            rejected(code, None),
            trust=bundle(anchor(ALICE, **{limit: []})),
        )


def _several() -> Iterator[Scenario]:
    narrow = anchor(ALICE, predicate_types=[CLAIM])
    yield case(
        "another-anchor-may-vouch",
        "Where two anchors' thresholds are met, one that may vouch is enough.",
        row(4),
        verified(None),
        trust=bundle(narrow, also={"other": anchor(ALICE)}),
    )
    yield case(
        "the-anchor-that-may-vouch-is-not-met",
        "The threshold of one anchor and the permission of another don't add up.",
        row(4),
        rejected("predicate-type-not-allowed", None),
        trust=bundle(narrow, also={"other": anchor(ALICE, BOB, threshold=2)}),
    )
    yield case(
        "two-anchors-that-may-vouch-for-half",
        "One anchor may vouch for the subject and another for the predicate type: none may for both.",
        row(4, 18),
        rejected("subject-not-allowed", None),
        trust=bundle(anchor(ALICE, subjects=["lib/*"]), also={"other": anchor(ALICE, predicate_types=[CLAIM])}),
    )
