"""The JSON of trivy (`trivy --format json`): a Vulns.

Rule: that nothing was found counts only where something was looked at; an image's ID is not its digest.
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
SCANNER: Final = "pkg:github/aquasecurity/trivy"

_CVSS: Final = {"V2": "cvss_v2", "V3": "cvss_v3", "V40": "cvss_v4.0"}
_LEVELS: Final = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")  # what the numbers of VendorSeverity mean
_NOT_VULNERABILITIES: Final = ("Misconfigurations", "Secrets", "Licenses")
_PACKAGES: Final = frozenset(["os-pkgs", "lang-pkgs"])


def recognises(report: ReportFile) -> bool:
    """By the version of its schema and the kind of what was scanned."""
    return report.get("SchemaVersion") == 2 and text(report.get("ArtifactType")) is not None


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A Vulns (https://in-toto.io/attestation/vulns/v0.2) about the image that was scanned.

    trivy says when its report was made, in newer versions also its version, and nothing of its database. Raises
    InputError as `_vulns.evidence` does, and `report-invalid`.
    """
    if not recognises(report):
        raise InputError("report-invalid", "the report is not from trivy with schema version 2")
    metadata = entry(report.get("Metadata"), "/Metadata")
    results = entries(report.get("Results"), "/Results")
    looked = any(text(result.get("Class")) in _PACKAGES or result.get("Vulnerabilities") for result in results)
    if results and not looked:
        raise InputError("report-invalid", "trivy did not look for vulnerabilities", where="/Results")
    others = sum(
        len(entries(result.get(name), f"/Results/{index}/{name}"))
        for index, result in enumerate(results)
        for name in _NOT_VULNERABILITIES
    )
    said = {
        "version": text(entry(report.get("Trivy"), "/Trivy").get("Version")),
        "scanFinishedOn": _vulns.moment(report.get("CreatedAt")),
    }
    image = text(metadata.get("ImageID"))
    unnamed = f"trivy gives no digest of a {report.get('ArtifactType')}"
    return _vulns.evidence(
        SCANNER,
        said,
        details,
        [
            finding
            for index, result in enumerate(results)
            for finding in _findings(result, f"/Results/{index}/Vulnerabilities")
        ],
        subjects=_vulns.images(metadata.get("RepoDigests")),
        unnamed=unnamed if image is None else f"it has only the image ID {image}, which is not a digest",
        notes=[
            *(["trivy found no packages to scan"] if not results else []),
            *([f"misconfigurations, secrets and licenses are left out: {others}"] if others else []),
        ],
    )


def _findings(result: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    for index, found in enumerate(entries(result.get("Vulnerabilities"), where)):
        place = f"{where}/{index}"
        severity = _vulns.score(text(found.get("SeveritySource")) or "trivy", found.get("Severity"))
        for source, level in entry(found.get("VendorSeverity"), f"{place}/VendorSeverity").items():
            word = _LEVELS[level] if isinstance(level, int) and 0 <= level < len(_LEVELS) else level
            severity += _vulns.score(source, word)
        for source, listed in entry(found.get("CVSS"), f"{place}/CVSS").items():
            ratings = entry(listed, f"{place}/CVSS")
            for version, method in _CVSS.items():
                scored = _vulns.score(f"{source}:{method}", ratings.get(f"{version}Score"))
                severity += scored or _vulns.score(f"{source}:{method}", ratings.get(f"{version}Vector"))
        purl = entry(found.get("PkgIdentifier"), f"{place}/PkgIdentifier").get("PURL")
        package = {"name": found.get("PkgName"), "version": found.get("InstalledVersion"), "purl": purl}
        yield _vulns.finding(found.get("VulnerabilityID"), severity, package, place)
