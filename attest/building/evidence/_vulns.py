"""The Vulns predicate that every scanner's report becomes (vulns_02.md).

Rule: a report's own times and scores are taken as they are, and those it lacks must be given. What the scanner was told
to ignore is a result all the same, and marked (docs/adr/0039).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest._base.times import format_time, parse_time
from attest.building.evidence._report import ReportPredicate
from attest.errors import InputError
from attest.schema.predicate_types import OURS
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.building.evidence._report import Details

DETAILS: Final = ("version", "lastUpdate", "scanStartedOn", "scanFinishedOn")

_REQUIRED: Final = ("lastUpdate", "scanStartedOn", "scanFinishedOn")
_REPO_DIGEST: Final = re.compile(r"([^@\s]+)@sha256:([0-9a-f]{64})")


def evidence(
    uri: str,
    said: Mapping[str, str | None],
    details: Details,
    results: list[dict[str, Any]],
    *,
    subjects: Iterable[ResourceDescriptor],
    unnamed: str,
    database: Mapping[str, Any] | None = None,
    notes: Iterable[str] = (),
) -> ReportPredicate:
    """The evidence of a scanner at `uri`, whose report has `said` of DETAILS what is not None there.

    Raises InputError `option-invalid` for a detail of which the report says something else, `report-incomplete` for one
    that neither has, and `time-invalid`.
    """
    known: dict[str, str] = {name: value for name, value in said.items() if value is not None}
    for name, value in details.items():
        if name in known and not _agree(name, known[name], value):
            raise InputError("option-invalid", f"the report has another {name}: {known[name]}")
        known.setdefault(name, value)
    missing = [name for name in _REQUIRED if name not in known]
    if missing:
        raise InputError(
            "report-incomplete",
            f"the report does not have {' or '.join(missing)}, which a Vulns predicate needs",
            hint=f"Add {' '.join(f'--detail {name}=TIME' for name in missing)}.",
        )
    times = {name: format_time(parse_time(known[name], where=name)) for name in _REQUIRED}
    predicate: dict[str, Any] = {
        "scanner": {
            "uri": uri,
            **({"version": known["version"]} if "version" in known else {}),
            "db": dict(database or {}) | {"lastUpdate": times["lastUpdate"]},
            "result": results,
        },
        "metadata": {"scanStartedOn": times["scanStartedOn"], "scanFinishedOn": times["scanFinishedOn"]},
    }
    return ReportPredicate(OURS.uris("vulns"), predicate, tuple(subjects), unnamed, tuple(notes))


def finding(
    identifier: Any,
    severity: list[dict[str, str]],
    package: Mapping[str, Any],
    where: str,
    *,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """One entry of `scanner.result`, about a package by what the report says of it.

    `marks` are more annotations, each an object under its name: `ignored` is why the scanner was told to ignore the
    finding. They are objects so that no policy takes a text in them for the name of a package.
    """
    if not isinstance(identifier, str) or not identifier:
        raise InputError("report-invalid", "a vulnerability has no id", where=where)
    about = {name: value for name, value in package.items() if isinstance(value, str) and value}
    once = list({(rating["method"], rating["score"]): rating for rating in severity}.values())
    annotations = [*([about] if about else []), *({name: _filled(mark)} for name, mark in (marks or {}).items())]
    return {"id": identifier, "severity": once, **({"annotations": annotations} if annotations else {})}


def ignored_note(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """The note that counts the results that are marked as ignored, if there are any."""
    number = sum(any("ignored" in mark for mark in result.get("annotations", ())) for result in results)
    return [f"findings that the scanner was told to ignore (marked as ignored): {number}"] if number else []


def score(method: str, value: Any) -> list[dict[str, str]]:
    """An entry of `severity`, or none where the report has no such score; numbers as they stand there.

    A score in a form that is not known is kept as a word that nobody takes for a low one.
    """
    if value is None or value == "":
        return []
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        value = "not understood"
    if isinstance(value, int) and not -1000 < value < 1000:  # nor can a number of any length be written out
        raise InputError("report-invalid", f"the rating by {method} is not a valid score")
    return [{"method": method, "score": str(value)}]


def _agree(name: str, one: str, other: str) -> bool:
    """Whether two values of a detail are the same; times may be written differently."""
    if name not in _REQUIRED:
        return one == other
    return parse_time(one, where=name) == parse_time(other, where=name)


def _filled(mark: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mark.items() if value not in (None, "", [], {})}


def images(repo_digests: Any) -> list[ResourceDescriptor]:
    """The subjects among texts of the form REPOSITORY@sha256:HEX."""
    texts = repo_digests if isinstance(repo_digests, list) else []
    found = [_REPO_DIGEST.fullmatch(text) for text in texts if isinstance(text, str)]
    return [ResourceDescriptor(match[1], {"sha256": match[2]}) for match in found if match is not None]


def moment(value: Any) -> str | None:
    """A time that a report has, unless it is what Go writes for none."""
    return value if isinstance(value, str) and value and not value.startswith("0001-01-01T") else None
