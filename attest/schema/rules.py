"""Requirements of the specifications that no JSON Schema can express.

Rule: each rule quotes the sentence that it enforces, and requires nothing more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.schema import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    # From a predicate that its schema accepts, and the subjects of its statement, to faults with pointers into the
    # statement: those into the predicate begin with /predicate.
    Rule = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Iterator[Violation]]

_LEVEL: Final = re.compile(r"SLSA_([A-Z0-9_]+)_LEVEL_[0-9]+", re.ASCII)


def for_type(predicate_type: str) -> Rule | None:
    """The rule of a predicateType, by its own URI, or None where its schema says everything."""
    return _RULES.get(predicate_type)


def _link(predicate: Mapping[str, Any], subjects: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """link.md, Fields: "`name` MUST be unique among the `materials` entries", and so must "each subject's `name`"."""
    yield from _unique(predicate.get("materials") or (), "/predicate/materials", "materials")
    yield from _unique(subjects, "/subject", "subjects of a link")


def _unique(entries: Iterable[Mapping[str, Any]], where: str, what: str) -> Iterator[Violation]:
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name")
        if name is None:
            continue
        if name in seen:
            message = f"entry {seen[name]} also has the name {name!r}; the names of {what} must be unique"
            yield Violation(f"{where}/{index}/name", message, "unique-names")
        seen.setdefault(name, index)


def _vsa(predicate: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """verification_summary.md, verifiedLevels: "Users MUST NOT include more than one level per SLSA track"."""
    seen: dict[str, str] = {}
    for index, level in enumerate(predicate["verifiedLevels"]):
        found = _LEVEL.fullmatch(level)
        if found is None:
            continue
        track = found[1]
        if track in seen:
            message = f"{level!r} and {seen[track]!r} are both levels of the {track} track; only one is allowed"
            yield Violation(f"/predicate/verifiedLevels/{index}", message, "one-level-per-track")
        seen.setdefault(track, level)


_RULES: Final[Mapping[str, Rule]] = {
    "https://in-toto.io/attestation/link/v0.3": _link,
    "https://slsa.dev/verification_summary/v1": _vsa,
}
