"""The JSON of trivy (`trivy --format json`, also of `trivy k8s`): a Vulns.

Rule: that nothing was found counts only where something was looked at; an image's ID is not its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.building.evidence import _vulns
from attest.building.evidence._report import entries, entry, text
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from attest.building.evidence._report import Details, ReportFile, ReportPredicate
    from attest.statement import ResourceDescriptor

DETAILS = _vulns.DETAILS
SCANNER: Final = "pkg:github/aquasecurity/trivy"

_CVSS: Final = {"V2": "cvss_v2", "V3": "cvss_v3", "V40": "cvss_v4.0"}
_LEVELS: Final = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")  # what the numbers of VendorSeverity mean
_NOT_VULNERABILITIES: Final = ("Misconfigurations", "Secrets", "Licenses")
# Where `trivy k8s` has what it scanned: with `--report summary` the second, older versions the last two.
_RESOURCES: Final = ("Resources", "Findings", "Vulnerabilities", "Misconfigurations")
_PACKAGES: Final = frozenset(["os-pkgs", "lang-pkgs"])


def recognises(report: ReportFile) -> bool:
    """By the version of its schema and the kind of what was scanned, or as a report about a cluster."""
    return (report.get("SchemaVersion") == 2 and text(report.get("ArtifactType")) is not None) or _is_cluster(report)


def _is_cluster(report: ReportFile) -> bool:
    # Its name is empty where trivy runs inside it.
    return isinstance(report.get("ClusterName"), str) and any(report.has_list(name) for name in _RESOURCES)


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A Vulns (https://in-toto.io/attestation/vulns/v0.2) about the image, or about all images of a cluster.

    trivy says when its report was made, in newer versions also its version, and nothing of its database. Raises
    InputError as `_vulns.evidence` does, and `report-invalid`.
    """
    if not recognises(report):
        raise InputError("report-invalid", "the report is not from trivy with schema version 2")
    scans = list(_scans_of_cluster(report) if _is_cluster(report) else _scan_of_image(report))
    if any(scan.results for scan in scans) and not any(_looked(scan.results) for scan in scans):
        raise InputError("report-invalid", "trivy did not look for vulnerabilities", where=scans[0].where)
    results = [finding for scan in scans for finding in _findings(scan)]
    others = sum(
        len(entries(result.get(name), f"{scan.where}/{index}/{name}"))
        for scan in scans
        for index, result in enumerate(scan.results)
        for name in _NOT_VULNERABILITIES
    )
    said = {
        "version": text(entry(report.get("Trivy"), "/Trivy").get("Version")),
        "scanFinishedOn": _vulns.moment(report.get("CreatedAt")),
    }
    subjects = list({(one.name, *one.digest.items()): one for scan in scans for one in scan.subjects}.values())
    about_all = f"the report is about {len(subjects)} images; every image gets all results"
    return _vulns.evidence(
        SCANNER,
        said,
        details,
        results,
        subjects=subjects,
        unnamed=_unnamed(report),
        notes=[
            *(["trivy found no packages to scan"] if not any(scan.results for scan in scans) else []),
            *([f"misconfigurations, secrets and licenses are left out: {others}"] if others else []),
            *_vulns.ignored_note(results),
            *([about_all] if _is_cluster(report) and len(subjects) > 1 else []),
        ],
    )


class _Scan(NamedTuple):
    """The results for one image or one resource of a cluster, the pointer to them, and what they are about."""

    where: str
    results: list[dict[str, Any]]
    subjects: list[ResourceDescriptor]
    resource: dict[str, Any] | None = None


def _scan_of_image(report: ReportFile) -> Iterator[_Scan]:
    metadata = entry(report.get("Metadata"), "/Metadata")
    yield _Scan("/Results", entries(report.get("Results"), "/Results"), _vulns.images(metadata.get("RepoDigests")))


def _scans_of_cluster(report: ReportFile) -> Iterator[_Scan]:
    """The scan of each resource. Raises InputError `report-invalid` for one that could not be scanned."""
    for name in _RESOURCES:
        for index, resource in enumerate(entries(report.get(name), f"/{name}")):
            where = f"/{name}/{index}"
            about = {key.lower(): resource.get(key) for key in ("Namespace", "Kind", "Name")}
            if resource.get("Error"):
                shown = "/".join(str(part) for part in about.values() if part)
                hint = "Scan again, so that every resource is scanned."
                raise InputError("report-invalid", f"trivy could not scan {shown}", where=f"{where}/Error", hint=hint)
            results = entries(resource.get("Results"), f"{where}/Results")
            said = resource.get("Metadata")
            metadata = entries(said if isinstance(said, list) else [said] if said else [], f"{where}/Metadata")
            images = [image for one in metadata for image in _vulns.images(one.get("RepoDigests"))]
            yield _Scan(f"{where}/Results", results, images if _looked(results) else [], about)


def _looked(results: Iterable[dict[str, Any]]) -> bool:
    """Whether trivy looked for vulnerabilities."""
    return any(text(result.get("Class")) in _PACKAGES or result.get("Vulnerabilities") for result in results)


def _unnamed(report: ReportFile) -> str:
    if _is_cluster(report):
        return "trivy gives no digest of the images of this cluster"
    image = text(entry(report.get("Metadata"), "/Metadata").get("ImageID"))
    if image is None:
        return f"trivy gives no digest of a {report.get('ArtifactType')}"
    return f"it has only the image ID {image}, which is not a digest"


def _findings(scan: _Scan) -> Iterator[dict[str, Any]]:
    marks = {} if scan.resource is None else {"resource": scan.resource}
    for number, result in enumerate(scan.results):
        where = f"{scan.where}/{number}/Vulnerabilities"
        for index, found in enumerate(entries(result.get("Vulnerabilities"), where)):
            yield _finding(found, f"{where}/{index}", marks)
        where = f"{scan.where}/{number}/ExperimentalModifiedFindings"
        for index, modified in enumerate(entries(result.get("ExperimentalModifiedFindings"), where)):
            if modified.get("Type") == "vulnerability":
                ignored = {name.lower(): modified.get(name) for name in ("Status", "Statement", "Source")}
                found = entry(modified.get("Finding"), f"{where}/{index}/Finding")
                yield _finding(found, f"{where}/{index}/Finding", {**marks, "ignored": ignored})


def _finding(found: dict[str, Any], where: str, marks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    severity = _vulns.score(text(found.get("SeveritySource")) or "trivy", found.get("Severity"))
    for source, level in entry(found.get("VendorSeverity"), f"{where}/VendorSeverity").items():
        word = _LEVELS[level] if isinstance(level, int) and 0 <= level < len(_LEVELS) else level
        severity += _vulns.score(source, word)
    for source, listed in entry(found.get("CVSS"), f"{where}/CVSS").items():
        ratings = entry(listed, f"{where}/CVSS")
        for version, method in _CVSS.items():
            scored = _vulns.score(f"{source}:{method}", ratings.get(f"{version}Score"))
            severity += scored or _vulns.score(f"{source}:{method}", ratings.get(f"{version}Vector"))
    purl = entry(found.get("PkgIdentifier"), f"{where}/PkgIdentifier").get("PURL")
    package = {"name": found.get("PkgName"), "version": found.get("InstalledVersion"), "purl": purl}
    return _vulns.finding(found.get("VulnerabilityID"), severity, package, where, marks=marks)
