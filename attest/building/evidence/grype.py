"""The JSON of grype (`grype -o json`): a Vulns.

Rule: matches that grype was told to ignore are results that are marked so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _vulns
from attest.building.evidence._report import entries, entry, text
from attest.errors import InputError

if TYPE_CHECKING:
    from attest.building.evidence._report import Details, ReportFile, ReportPredicate
    from attest.statement import ResourceDescriptor

DETAILS = _vulns.DETAILS
SCANNER: Final = "pkg:github/anchore/grype"

_URI: Final = re.compile(r"https://[^/?#A-Z\s]+[/?#]\S*", re.ASCII)


def recognises(report: ReportFile) -> bool:
    """By its `descriptor`, which names grype in all versions but a few, beside `matches`."""
    return report.has_list("matches") and isinstance(report.get("descriptor"), dict)


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A Vulns (https://in-toto.io/attestation/vulns/v0.2) about the image that was scanned.

    grype says when it ended and how old its database is, and not when it began. Raises InputError as `_vulns.evidence`
    does, and `report-invalid`.
    """
    if not report.has_list("matches"):
        raise InputError("report-invalid", "the report is not from grype: it has no list of matches")
    descriptor = entry(report.get("descriptor"), "/descriptor")
    database = entry(descriptor.get("db"), "/descriptor/db")
    status = entry(database.get("status"), "/descriptor/db/status") or database  # before v6 of the database: flat
    source = entry(report.get("source"), "/source")
    subjects, unnamed = _subjects(source)
    results = [
        _finding(match, f"/{name}/{index}")
        for name in ("matches", "ignoredMatches")
        for index, match in enumerate(entries(report.get(name), f"/{name}"))
    ]
    said = {
        "version": text(descriptor.get("version")),
        "lastUpdate": _vulns.moment(status.get("built")),
        "scanFinishedOn": _vulns.moment(descriptor.get("timestamp")),
    }
    schema = status.get("schemaVersion")
    origin = text(status.get("from"))
    return _vulns.evidence(
        SCANNER,
        said,
        details,
        results,
        subjects=subjects,
        unnamed=unnamed,
        database={
            **({"uri": origin} if origin is not None and _URI.fullmatch(origin) else {}),
            **({"version": str(schema)} if schema else {}),
        },
        notes=_vulns.ignored_note(results),
    )


def _finding(match: dict[str, Any], where: str) -> dict[str, Any]:
    vulnerability = entry(match.get("vulnerability"), f"{where}/vulnerability")
    artifact = entry(match.get("artifact"), f"{where}/artifact")
    severity = _vulns.score(text(vulnerability.get("namespace")) or "grype", vulnerability.get("severity"))
    for rating in entries(vulnerability.get("cvss"), f"{where}/vulnerability/cvss"):
        source = text(rating.get("source"))
        method = f"{f'{source}:' if source else ''}cvss_v{rating.get('version')}"
        scored = _vulns.score(method, entry(rating.get("metrics"), f"{where}/vulnerability/cvss").get("baseScore"))
        severity += scored or _vulns.score(method, rating.get("vector"))
    package = {name: artifact.get(name) for name in ("name", "version", "purl")}
    ignored = where.startswith("/ignoredMatches")
    rules = entries(match.get("appliedIgnoreRules"), f"{where}/appliedIgnoreRules")
    marks = {"ignored": {"rules": [{key: value for key, value in rule.items() if value} for rule in rules]}}
    return _vulns.finding(vulnerability.get("id"), severity, package, where, marks=marks if ignored else None)


def _subjects(source: dict[str, Any]) -> tuple[list[ResourceDescriptor], str]:
    kind, target = source.get("type"), source.get("target")
    if kind != "image" or not isinstance(target, dict):
        return [], f"grype gives no digest of a {kind or 'source'}"
    found = _vulns.images(target.get("repoDigests"))
    manifest = text(target.get("manifestDigest"))
    if not found and manifest is not None:
        found = _vulns.images([f"{text(target.get('userInput')) or 'image'}@{manifest}"])
    return found, "it has no digest of the image"
