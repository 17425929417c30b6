"""CycloneDX in JSON: an SBOM of the component in its metadata.

Rule: the subject is what the document describes, never what that is made of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _sbom
from attest.building.evidence._report import digests, entries, entry, text

if TYPE_CHECKING:
    from attest.building.evidence._report import Details, ReportFile, ReportPredicate
    from attest.statement import ResourceDescriptor

DETAILS: Final = ()

_SHA256: Final = re.compile(r"sha256:([0-9a-f]{64})")


def recognises(report: ReportFile) -> bool:
    """By `bomFormat`."""
    return bool(report.get("bomFormat") == "CycloneDX")


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """An SBOM (https://cyclonedx.org/bom) about `metadata.component`, if that has a strong digest.

    Raises InputError `report-invalid`, and as `_sbom.evidence` does.
    """
    document = _sbom.members(report)
    component = entry(entry(document.get("metadata"), "/metadata").get("component"), "/metadata/component")
    found = _subject(component)
    return _sbom.evidence(
        "cyclonedx",
        document,
        [] if found is None else [found],
        version=str(document.get("specVersion")),
        unnamed="its metadata.component has no hashes" if component else "it has no metadata.component",
        check=check,
    )


def _subject(component: dict[str, Any]) -> ResourceDescriptor | None:
    where = "/metadata/component/hashes"
    hashes = [(item.get("alg"), item.get("content")) for item in entries(component.get("hashes"), where)]
    image = _SHA256.fullmatch(text(component.get("version")) or "")
    if not hashes and component.get("type") == "container" and image is not None:
        hashes = [("SHA-256", image[1])]  # syft: an image's version is its digest
    return _sbom.subject(component.get("name"), component.get("purl"), digests(hashes, where))
