"""The products of the links of a step, found by digest, and the materials of another link.

Rule: a material is a product if their digests match (attest.digest.compare), and one link must have made all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base import globbing
from attest._base.json import pointer
from attest.digest import STRONG, compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.policy._shapes import VerifiedAttestation

_Digests = frozenset[tuple[str, str]]


class Materials(NamedTuple):
    """The materials of a link that must be products: the pointer, name and digests of each.

    `at` is the pointer of all materials, and `nothing` the message if there are none.
    """

    listed: list[tuple[str, str, _Digests]]
    at: str
    nothing: str


def materials_of(link: VerifiedAttestation, step: Mapping[str, Any]) -> Materials:
    """The materials of a link that must be products: all, or those that match the globs of the step."""
    globs = step.get("materials", ("**",))
    materials = link.predicate.get("materials")
    listed = []
    for index, material in enumerate(materials if isinstance(materials, list) else ()):
        if not isinstance(material, dict):
            continue
        name = str(material.get("name", material.get("uri", "")))
        if any(globbing.chooses(glob, name) for glob in globs):
            digests = material.get("digest")
            own = digests.items() if isinstance(digests, dict) else ()
            known = frozenset((algorithm, str(value).lower()) for algorithm, value in own)
            listed.append((pointer("predicate", "materials", index), name, known))
    nothing = f"step {step['name']!r} has no material that could be a product"
    return Materials(listed, pointer("predicate", "materials"), nothing)


class Products:
    """The products of links, indexed by digest, so that links are not compared in pairs."""

    def __init__(self, links: Iterable[VerifiedAttestation]) -> None:
        made = dict.fromkeys(_made(link) for link in links)  # equal sets of products are one
        self._by_digest: dict[tuple[str, str], dict[_Digests, set[int]]] = defaultdict(dict)
        self._known: dict[_Digests, frozenset[int]] = {}
        for number, products in enumerate(made):
            for product in products:
                for key in product:
                    if key[0] in STRONG:
                        self._by_digest[key].setdefault(product, set()).add(number)

    def hold(self, materials: Materials) -> bool:
        """Whether one link made all of `materials`, and there is at least one."""
        makers = sorted((self._makers(digests) for _, _, digests in materials.listed), key=len)
        return bool(makers) and bool(makers[0].intersection(*makers[1:]))

    def fewest_loose(self, materials: Materials) -> int:
        """A lower bound for the number of `loose` materials, for any previous link; fast."""
        if not materials.listed:
            return 1
        return sum(not self._makers(digests) for _, _, digests in materials.listed)

    def loose(self, materials: Materials) -> list[tuple[str, str]]:
        """Pointer and message of each material that is not from the link that made most of them."""
        if not materials.listed:
            return [(materials.at, materials.nothing)]
        if self.hold(materials):
            return []
        makers = [self._makers(digests) for _, _, digests in materials.listed]
        made = Counter(chain.from_iterable(makers))
        most = max(made.values(), default=0)
        best = min((number for number, count in made.items() if count == most), default=-1)
        return [
            (where, f"material {name[:200]!r} is not a product")
            for (where, name, _), by in zip(materials.listed, makers, strict=True)
            if best not in by
        ]

    def _makers(self, digests: _Digests) -> frozenset[int]:
        """The links with a product that has a strong digest in common with `digests`, and none that differs."""
        if digests not in self._known:
            own = dict(digests)
            self._known[digests] = frozenset(
                number
                for key in digests
                for product, numbers in self._by_digest.get(key, {}).items()
                if compare(own, dict(product)) == "same"
                for number in numbers
            )
        return self._known[digests]


def _made(link: VerifiedAttestation) -> frozenset[_Digests]:
    return frozenset(
        frozenset((algorithm, value.lower()) for algorithm, value in subject["digest"].items())
        for subject in link.subjects
    )
