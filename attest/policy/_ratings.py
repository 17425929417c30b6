"""The severity of a finding of a scan, by all its ratings: words, CVSS scores and CVSS vectors.

Rule: the worst rating counts, and a rating that cannot be read may be the worst.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RANKS: Final = {
    "none": 0,
    "negligible": 1,
    "low": 1,
    "medium": 2,
    "moderate": 2,
    "high": 3,
    "important": 3,
    "critical": 4,
}
# CVSS v3.1, section 5: the lowest score of each rating. CVSS 4.0 has the same, and so has 2.0 here, which has no
# `critical` itself.
_SCORES: Final = ((9.0, 4), (7.0, 3), (4.0, 2), (0.1, 1), (0.0, 0))
_SCORE: Final = re.compile(r"10(\.0{1,6})?|[0-9](\.[0-9]0{0,5})?")  # no other script's digits, no 1_0, no NaN
_VECTOR: Final = re.compile(r"(?:CVSS:([34]\.[01])/)?[A-Za-z]{1,3}:[A-Za-z]{1,2}(?:/[A-Za-z]{1,3}:[A-Za-z]{1,6}){2,40}")
# Methods whose numbers are CVSS scores, besides those with CVSS in their name.
_METHODS: Final = frozenset({"osv-scanner:max_severity"})
# Reading one takes 0.1 ms: a scan may have this many different ones; further ones are not read.
_MAX_VECTORS: Final = 4096


class Rating(NamedTuple):
    """The id of a finding, empty if it has none, and its `rank` (RANKS).

    The rank is None if the finding has no rating, or if its ratings give no severity; then `why` has the reason.
    """

    id: str
    rank: int | None
    why: str | None = None


class Ratings:
    """Reads the findings of one scan; the same vector is read once."""

    def __init__(self) -> None:
        self._vectors: dict[str, int | None] = {}

    def read(self, finding: Any) -> Rating:
        """The severity by all ratings of a finding. In v0.1 the ratings may be one level deeper."""
        if not isinstance(finding, dict):
            return Rating("", None)
        nested = finding.get("vulnerability")
        levels = [finding, nested] if isinstance(nested, dict) else [finding]
        names = {name for level in levels if isinstance(name := level.get("id"), str) and name}
        name = names.pop() if len(names) == 1 else ""
        ranks = []
        for level in levels:
            found = []
            for entry in _entries(level.get("severity")):
                rank = self._rank(entry)
                if rank is None:
                    return Rating(name, None, f"a rating that cannot be read: {_quoted(entry)}")
                found.append(rank)
            ranks += [max(found)] if found else []
        if len(set(ranks)) > 1:
            return Rating(name, None, "two different severities, its own and that of its `vulnerability`")
        return Rating(name, ranks[0] if ranks else None)

    def _rank(self, entry: Any) -> int | None:
        """The rank of one rating, or None if it cannot be read."""
        score = entry.get("score") if isinstance(entry, dict) else None
        if isinstance(score, float | int) and not isinstance(score, bool):
            score = str(score) if 0 <= score <= 10 else None
        if not isinstance(score, str) or not score.isascii() or len(score) > 512:
            return None
        text = score.strip(" ")
        if text.lower() in RANKS:
            return RANKS[text.lower()]
        method = _text(entry.get("method")).lower()
        if _SCORE.fullmatch(text):
            # A number of another method, such as EPSS, is not a CVSS score.
            return _of_score(float(text)) if "cvss" in method or method in _METHODS else None
        return self._of_vector(text)

    def _of_vector(self, text: str) -> int | None:
        shape = _VECTOR.fullmatch(text)
        if shape is None:
            return None
        if text not in self._vectors:
            if len(self._vectors) >= _MAX_VECTORS:
                return None
            self._vectors[text] = _read_vector(text, shape[1])
        return self._vectors[text]


def _read_vector(text: str, version: str | None) -> int | None:
    """The worst rank of a vector: by its base score, or by its temporal or environmental score."""
    import cvss

    read = {None: cvss.CVSS2, "3.0": cvss.CVSS3, "3.1": cvss.CVSS3, "4.0": cvss.CVSS4}.get(version)
    if read is None:
        return None
    try:
        scores = [float(score) for score in read(text).scores() if score is not None]
    except Exception:  # noqa: BLE001  # older versions raise an AttributeError for some vectors; none of them is read
        return None
    return _of_score(max(scores)) if scores else None


def _of_score(number: float) -> int | None:
    return next((rank for lowest, rank in _SCORES if lowest <= number <= 10), None)


def _entries(severity: Any) -> Iterator[Any]:
    """The ratings in a `severity`, which is one, a list of them, or missing."""
    if isinstance(severity, list):
        yield from severity
    elif severity is not None:
        yield severity


def _quoted(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "not an object with a method and a score"
    return f"{_text(entry.get('score'))[:100]!r} by {_text(entry.get('method'))[:50]!r}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
