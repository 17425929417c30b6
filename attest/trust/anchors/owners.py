"""Which anchors are responsible for a name: those whose `subjects` match it most specifically.

Rule: only `subjects` decide which anchor is responsible; no other limit, key or signature changes that.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base import globbing
from attest.predicates._steps import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from attest.trust.anchors import TrustAnchor

MAX_COMPARED: Final = 500_000  # pairs of globs that `compare` looks at


class Owners:
    """The anchors that have `subjects`, and which of them are responsible for a name.

    An anchor without `subjects` is not among them, and is not limited by them.
    """

    def __init__(self, subjects: Mapping[str, Sequence[str]]) -> None:
        self._subjects = subjects
        self._anchors: dict[str, list[str]] = {}
        for name, globs in subjects.items():
            for glob in dict.fromkeys(globs):
                self._anchors.setdefault(glob, []).append(name)
        self._ranked = globbing.Ranked(self._anchors)
        self._held: dict[str, Mapping[str, str]] = {}

    @classmethod
    def of(cls, anchors: Mapping[str, TrustAnchor]) -> Owners:
        """Those of a trust bundle."""
        return cls({name: anchor.subjects for name, anchor in anchors.items() if anchor.subjects is not None})

    def __reduce__(self) -> tuple[object, ...]:
        return Owners, (self._subjects,)

    def who(self, name: str) -> Mapping[str, str]:
        """The anchors that are responsible for `name`, each with its glob; empty if no glob matches."""
        globs = self._ranked.most_specific(name)
        if len(globs) == 1:  # for all names with this glob the same, however many anchors have it
            return self._holders(globs[0])
        found: dict[str, str] = {}
        for glob in globs:
            for anchor in self._anchors[glob]:
                found.setdefault(anchor, glob)
        return found

    def _holders(self, glob: str) -> Mapping[str, str]:
        if glob not in self._held:
            self._held[glob] = dict.fromkeys(self._anchors[glob], glob)
        return self._held[glob]

    @property
    def compared(self) -> int:
        """The number of comparisons of a glob with a name so far."""
        return self._ranked.tried


class Meeting(NamedTuple):
    """A glob of an anchor that has a name in common with a glob of another anchor, which is as specific or more so.

    `place` is its index in the `subjects` of the anchor, and `tied` is true if both are equally specific. The same is
    true of `more` other anchors.
    """

    anchor: str
    place: int
    glob: str
    other: str
    rival: str
    tied: bool
    more: int


def meetings(anchors: Mapping[str, TrustAnchor]) -> tuple[list[Meeting], bool]:
    """Where two anchors are responsible for the same names, and where one of two roles shadows the other.

    The first kind is a tie of two anchors that are allowed to sign the same kinds of statements, so either is enough.
    The second kind is about two anchors that have nothing in common in one of their limits: probably both are meant,
    but only the more specific one counts. Returns at most one meeting of each kind for an anchor, and whether all globs
    were compared, which stops at MAX_COMPARED pairs.
    """
    places = _places(anchors)
    order = {name: position for position, name in enumerate(anchors)}
    share = cache(lambda one, other: share_kinds(anchors[one], anchors[other]))
    roles = cache(lambda one, other: _look_like_roles(anchors[one], anchors[other]))
    found: dict[tuple[str, bool], tuple[Meeting, set[str]]] = {}
    says = {glob: globbing.specificity(glob) for glob in places}
    left = MAX_COMPARED
    for one, other in _near(places, places):
        left -= 1
        if left < 0:
            break
        if says[one] < says[other]:
            continue
        tied = says[one] == says[other]
        left -= len(places[one]) * len(places[other])
        untold = [
            (owner, rival)
            for owner in places[other]
            for rival in places[one]
            if rival != owner
            and ((owner, tied) not in found or rival not in found[owner, tied][1])
            and ((order[rival] < order[owner] and share(owner, rival)) if tied else roles(owner, rival))
            and (tied or owner not in places[one])
        ]
        if not untold:
            continue
        left -= len(other) // 16
        if globbing.overlap(other, one):
            for owner, rival in untold:
                told = Meeting(owner, places[other][owner], other, rival, one, tied, 0)
                found.setdefault((owner, tied), (told, set()))[1].add(rival)
    all_told = [meeting._replace(more=len(rivals) - 1) for meeting, rivals in found.values()]
    return sorted(all_told, key=lambda told: (order[told.anchor], told.place)), left >= 0


def _near(globs: Iterable[str], among: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each of `globs` with all `among` that begin less specifically and can have a name in common with it."""
    by_begin: dict[str, dict[str, list[str]]] = {}
    for glob in among:
        begin, end = globbing.ends(glob)
        by_begin.setdefault(begin, {}).setdefault(end[::-1], []).append(glob)
    lengths = sorted({len(begin) for begin in by_begin})
    sizes = {begin: sorted({len(end) for end in by_end}) for begin, by_end in by_begin.items()}
    ordered = {begin: sorted(by_end) for begin, by_end in by_begin.items()}
    for glob in globs:
        begin, end = globbing.ends(glob)
        backwards = end[::-1]
        for length in lengths:
            by_end = by_begin.get(begin[:length]) if length <= len(begin) else None
            if by_end is None:
                continue
            shorter = {backwards[:size] for size in sizes[begin[:length]] if size < len(backwards)}
            for tail in chain(shorter, _starting(ordered[begin[:length]], backwards)):
                for other in by_end.get(tail, ()):
                    yield glob, other


def _starting(ordered: Sequence[str], begin: str) -> Iterator[str]:
    """Those of some texts in their order that start with `begin`."""
    return takewhile(lambda text: text.startswith(begin), islice(ordered, bisect_left(ordered, begin), None))


def heirs(anchors: Mapping[str, TrustAnchor], anchor: str, globs: Iterable[str]) -> dict[str, set[str]]:
    """For each of `globs`, the other anchors that may become responsible for its names if `anchor` loses the glob.

    If there are too many globs to compare, these are all others that have `subjects`.
    """
    places = _places({name: other for name, other in anchors.items() if name != anchor})
    freed = dict.fromkeys(globs)
    found: dict[str, set[str]] = {}
    left = MAX_COMPARED
    for one, other in _near(freed, places):
        left -= 1 + len(places[other]) + len(other) // 16
        if left < 0:
            return {glob: set().union(*places.values()) for glob in freed}
        if globbing.specificity(other) < globbing.specificity(one) and globbing.overlap(other, one):
            found.setdefault(one, set()).update(places[other])
    return found


def _places(anchors: Mapping[str, TrustAnchor]) -> dict[str, dict[str, int]]:
    """All globs, with the anchors that have each, and its index there."""
    places: dict[str, dict[str, int]] = {}
    for name, anchor in anchors.items():
        for place, glob in enumerate(anchor.subjects or ()):
            places.setdefault(glob, {}).setdefault(name, place)
    return places


def share_kinds(one: TrustAnchor, other: TrustAnchor) -> bool:
    """Whether there is a kind of statement that both are allowed to sign."""
    if _disjoint(one.payload_types, other.payload_types):
        return False
    limits = [set(types) for types in (one.predicate_types, other.predicate_types) if types is not None]
    if not limits:
        return True
    kinds = set.intersection(*limits)
    # Builders limit provenance alone.
    return any(not kind.startswith(PROVENANCE) or not _disjoint(one.builders, other.builders) for kind in kinds)


def _look_like_roles(one: TrustAnchor, other: TrustAnchor) -> bool:
    """Whether two anchors have nothing in common in one of their limits, so that they look like two roles."""
    lists = [(getattr(one, name), getattr(other, name)) for name in ("predicate_types", "payload_types", "builders")]
    return any(first and second and _disjoint(first, second) for first, second in lists)


def _disjoint(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    return one is not None and other is not None and not set(one) & set(other)
