"""The JSON of osv-scanner (`osv-scanner --format json`): a Vulns.

Rule: a package that has no vulnerability is in the report for another reason, and no result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _vulns
from attest.building.evidence._report import entries, entry, text
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.building.evidence._report import Details, ReportFile, ReportPredicate

DETAILS = _vulns.DETAILS
SCANNER: Final = "pkg:github/google/osv-scanner"


def recognises(report: ReportFile) -> bool:
    """By its `results`, each with a source and packages, or beside its configuration where there are none."""
    if report.members is None or not report.has_list("results"):
        return False
    first = next(report.members.elements("results"), None)
    if first is None:
        return "experimental_config" in report.members
    return isinstance(first, dict) and {"source", "packages"} <= first.keys()


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A Vulns (https://in-toto.io/attestation/vulns/v0.2); it names no subjects.

    osv-scanner says neither its version nor any time. Raises InputError `report-invalid` and as `_vulns.evidence` does.
    """
    if not report.has_list("results"):
        raise InputError("report-invalid", "the report is not from osv-scanner: it has no list of results")
    return _vulns.evidence(
        SCANNER,
        {},
        details,
        [
            finding
            for number, source in enumerate(entries(report.get("results"), "/results"))
            for index, package in enumerate(entries(source.get("packages"), f"/results/{number}/packages"))
            for finding in _findings(package, f"/results/{number}/packages/{index}")
        ],
        subjects=(),
        unnamed="osv-scanner names files without digests",
    )


def _findings(scanned: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    package = entry(scanned.get("package"), f"{where}/package")
    groups = entries(scanned.get("groups"), f"{where}/groups")
    for index, found in enumerate(entries(scanned.get("vulnerabilities"), f"{where}/vulnerabilities")):
        place = f"{where}/vulnerabilities/{index}"
        severity = _ratings(found, place)
        for number, affected in enumerate(entries(found.get("affected"), f"{place}/affected")):
            severity += _ratings(affected, f"{place}/affected/{number}")
        for group in groups:
            ids = group.get("ids")
            if isinstance(ids, list) and found.get("id") in ids:
                severity += _vulns.score("osv-scanner:max_severity", group.get("max_severity"))
        about = {name: package.get(name) for name in ("name", "version", "ecosystem", "commit")}
        yield _vulns.finding(found.get("id"), severity, about, place)


def _ratings(said: dict[str, Any], where: str) -> list[dict[str, str]]:
    """The ratings of a vulnerability, or of one of the packages it affects: by OSV's schema, and by its database."""
    found = []
    for rating in entries(said.get("severity"), f"{where}/severity"):
        found += _vulns.score((text(rating.get("type")) or "cvss").lower(), rating.get("score"))
    for name in ("database_specific", "ecosystem_specific"):
        own = entry(said.get(name), f"{where}/{name}")
        found += _vulns.score(name, own.get("severity"))
        found += _vulns.score("cvss", own.get("cvss"))
    return found
