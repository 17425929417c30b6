"""Which anchors' word counts for a statement: those that may vouch for it, and no other may more specifically.

Rule: the order of the anchors decides nothing; where two are equally specific about a subject, both must have signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest import _globs
from attest.anchors import Objection, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from attest.anchors import TrustAnchor
    from attest.statement import Statement


def vouching(
    anchors: Mapping[str, TrustAnchor], met: Iterable[TrustAnchor], payload_type: str, statement: Statement
) -> tuple[list[TrustAnchor], Objection | None]:
    """Those of `met`, the anchors that enough keys signed for, whose word counts; the first objection if there is none.

    An anchor with `subjects` decides alone about what it names more specifically than every other that may vouch for
    such a statement. One without isn't limited: it takes nothing from others, and others take nothing from it.
    """
    signed = list(met)
    objections = []
    counting = []
    for anchor in signed:
        objection = anchor.objection(payload_type, statement)
        if objection is None and anchor.subjects is not None:
            objection = next(_overruled(anchor, anchors, signed, payload_type, statement), None)
        if objection is None:
            counting.append(anchor)
        else:
            objections.append(objection)
    return counting, objections[0] if objections and not counting else None


def _overruled(
    anchor: TrustAnchor,
    anchors: Mapping[str, TrustAnchor],
    signed: Iterable[TrustAnchor],
    payload_type: str,
    statement: Statement,
) -> Iterator[Objection]:
    """What others have to say about subjects that `anchor` may vouch for."""
    others = [
        other
        for other in anchors.values()
        if other is not anchor and other.subjects and other.objection_to_type(payload_type, statement) is None
    ]
    if not others:
        return
    for name in (name for subject in statement.subjects for name in names_of(subject)):
        own = _globs.most_specific(anchor.subjects or (), name)
        for other in others:
            rival = _globs.most_specific(other.subjects or (), name)
            if rival is None or own is None or _globs.specificity(rival) < _globs.specificity(own):
                continue
            if _globs.specificity(rival) > _globs.specificity(own):
                message = f"{other.name} decides about {name!r}: its {rival!r} is more specific than {own!r}"
                yield Objection("subject-not-allowed", f"{message} of {anchor.name}")
            elif other not in signed:
                message = f"{anchor.name} and {other.name} are equally specific about {name!r}"
                yield Objection("subject-not-allowed", f"{message}, and only {anchor.name} has signed")


def ties(anchors: Mapping[str, TrustAnchor]) -> Iterator[tuple[str, int, str]]:
    """Globs about the same subjects, equally specific, of anchors that may vouch for the same kinds of statements.

    Of each the anchor's name, the glob's index among its `subjects`, and a sentence.
    """
    limited = [anchor for anchor in anchors.values() if anchor.subjects]
    for position, anchor in enumerate(limited):
        for index, glob in enumerate(anchor.subjects or ()):
            for other in limited[:position]:
                rival = next((rival for rival in other.subjects or () if _tied(glob, rival)), None)
                if rival is not None and _share_types(anchor, other):
                    message = f"{glob!r} and {rival!r} of {other.name} are equally specific about the same subjects"
                    yield anchor.name, index, message


def _tied(one: str, other: str) -> bool:
    return _globs.specificity(one) == _globs.specificity(other) and _globs.overlap(one, other)


def _share_types(one: TrustAnchor, other: TrustAnchor) -> bool:
    """Whether there is a kind of statement that both may vouch for."""
    for name in ("predicate_types", "payload_types", "builders"):
        first, second = getattr(one, name), getattr(other, name)
        if first is not None and second is not None and not set(first) & set(second):
            return False
    return True
