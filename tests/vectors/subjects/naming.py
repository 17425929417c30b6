"""Scenarios of what an artifact must be called, and of who must vouch for it: globs for names, and anchors by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB
from tests.vectors.parts import (
    ARTIFACT,
    DIGEST,
    OTHER_DIGEST,
    SLSA,
    anchor,
    bundle,
    case,
    envelope_of,
    error,
    rejected,
    statement,
    unmet,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_WHY = "docs/trust/trust.md, what reserving a name does and doesn't do"
_NO = rejected("subject-name-mismatch", None)
_TWO = bundle(anchor(ALICE), also={"security": anchor(BOB)})
_PURL = "pkg:pypi/acme/app@1.0"


def cases() -> Iterator[Scenario]:
    """Every scenario of this file."""
    yield from _called()
    yield from _several()
    yield from _anchors()
    yield from _required()


def subject(name: str | None = "app.txt", digest: str = DIGEST, **fields: Any) -> dict[str, Any]:
    return {**({} if name is None else {"name": name}), "digest": {"sha256": digest}, **fields}


def _of(*subjects: dict[str, Any]) -> dict[str, Any]:
    return envelope_of(ALICE, payload=statement(*subjects))


def _called() -> Iterator[Scenario]:
    yes = verified(None)
    for name, title, globs, one, expect in (
        ("matches", "The subject is called as it must be.", ["app.*"], subject(), yes),
        ("mismatch", "The right digest under another name is a no.", ["acme.*"], subject(), _NO),
        ("is-a-whole-name", "A glob is no prefix.", ["app"], subject(), _NO),
        ("stops-at-a-slash", "`*` doesn't cross a `/`.", ["*.txt"], subject("evil/app.txt"), _NO),
        ("climbs", "A name that climbs matches no wildcard.", ["acme/*"], subject("acme/../app.txt"), _NO),
        ("of-a-purl", "The URI of a subject is a name, too.", ["pkg:pypi/acme/*"], subject(uri=_PURL), yes),
        ("of-nothing", "A subject without a name is called nothing.", ["**"], subject(None), _NO),
        ("of-an-underscore", "`_` stands for no name.", ["**"], subject("_"), _NO),
        ("both-match", "Each of several globs must match.", ["app.*", "*.txt"], subject(), yes),
        ("one-of-two-matches", "One of several globs is not enough.", ["app.*", "*.whl"], subject(), _NO),
        ("name-and-purl", "The globs may match the name and the URI.", ["app.*", "pkg:**"], subject(uri=_PURL), yes),
    ):
        yield case(f"subject-name-{name}", title, _WHY, expect, envelope=_of(one), subject_names=globs)
    yield case(
        "subject-name-is-not-the-files-name",
        "What the file is called decides nothing: the statement's name for it must match.",
        _WHY,
        _NO,
        envelope=_of(subject("other.txt")),
        artifacts=["app.txt"],
        files={"app.txt": ARTIFACT},
        subject_names=["app.txt"],
    )
    yield case(
        "subject-named-differently-is-a-note",
        "Without a glob another name than the file's is said, and decides nothing.",
        _WHY,
        yes,
        envelope=_of(subject("other.txt")),
        artifacts=["app.txt"],
        files={"app.txt": ARTIFACT},
    )


def _several() -> Iterator[Scenario]:
    yield case(
        "subject-name-of-one-of-two-names",
        "An artifact that is a subject under two names is called by either.",
        _WHY,
        verified(None),
        envelope=_of(subject("other.txt"), subject()),
        subject_names=["app.txt"],
    )
    yield case(
        "subject-name-of-another-subject",
        "That another subject is called so says nothing about the artifact.",
        _WHY,
        _NO,
        envelope=_of(subject("other.txt"), subject(digest=OTHER_DIGEST)),
        subject_names=["app.txt"],
    )
    yield case(
        "subject-names-without-an-artifact",
        "Where no artifact is asked for, every subject must be called so.",
        _WHY,
        verified(None),
        envelope=_of(subject("app.txt"), subject("lib.txt", OTHER_DIGEST)),
        artifacts=None,
        subject_names=["*.txt"],
    )
    yield case(
        "subject-names-without-an-artifact-and-one-is-another",
        "One subject of another name is a no where no artifact is asked for.",
        _WHY,
        _NO,
        envelope=_of(subject("app.txt"), subject("lib.whl", OTHER_DIGEST)),
        artifacts=None,
        subject_names=["*.txt"],
    )


def _anchors() -> Iterator[Scenario]:
    yes = verified(None)
    both = envelope_of(ALICE, BOB)
    no = rejected("anchor-not-accepted", None)
    for name, title, names, envelope, expect in (
        ("vouches", "The anchor that must vouch for it does.", ["release"], _of(subject()), yes),
        ("does-not-vouch", "That another anchor vouches for it is not enough.", ["security"], _of(subject()), no),
        ("two-vouch", "Both anchors that must vouch for it do.", ["release", "security"], both, verified(None, None)),
        ("one-of-two-vouches", "Of two anchors both must vouch.", ["release", "security"], _of(subject()), no),
        (
            "is-unknown",
            "An anchor that the trust bundle doesn't have is a slip.",
            ["relase"],
            both,
            error("anchor-unknown"),
        ),
    ):
        yield case(f"anchor-asked-for-{name}", title, _WHY, expect, envelope=envelope, trust=_TWO, anchors=names)
    yield case(
        "anchor-asked-for-may-not-vouch",
        "An anchor whose key has signed, and whose limits don't allow it to speak, doesn't vouch.",
        _WHY,
        rejected("anchor-not-accepted", None, None),
        envelope=both,
        trust=bundle(anchor(ALICE), also={"security": anchor(BOB, subjects=["*.whl"])}),
        anchors=["security"],
    )
    yield case(
        "anchor-asked-for-lacks-a-key",
        "An anchor with too few signatures doesn't vouch, whoever else does.",
        _WHY,
        rejected("anchor-not-accepted", None, None),
        envelope=both,
        trust=bundle(anchor(ALICE), also={"security": anchor(BOB, ALICE, threshold=2, predicate_types=["x:y"])}),
        anchors=["security"],
    )


def _required() -> Iterator[Scenario]:
    no = unmet("subject-name-mismatch")
    for name, title, names, one, expect in (
        ("matches", "A requirement's names match the subject.", ["app.*"], subject(), verified(None)),
        ("one-of-two", "Of a requirement's names one is enough.", ["*.whl", "app.*"], subject(), verified(None)),
        ("mismatch", "A requirement's names don't match the subject.", ["acme-*"], subject(), no),
        ("parameter", "A parameter may be part of a name.", ["${name}.*"], subject(), verified(None)),
    ):
        policy = {"parameters": {"name": {"default": "app"}}, "require": [{"type": SLSA, "names": names}]}
        yield case(f"policy-names-{name}", title, _WHY, expect, envelope=_of(one), policy=policy)
    yield case(
        "policy-with-a-subject-name",
        "What is called otherwise than --subject-name says is no evidence for a policy either.",
        _WHY,
        _NO,
        policy={"require": [{"type": SLSA}]},
        subject_names=["acme-*"],
    )
