"""Formats that have no predicate here: each is recognised only to name it, and to say what to do.

Rule: nothing of them is read but what recognises them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.building.evidence._report import ReportFile

_TAG_VALUE: Final = re.compile(rb"(\xef\xbb\xbf)?(\s*+(#[^\n]*+\n)?)*+SPDXVersion[ \t]*:")
_PEEK: Final = 1 << 16
_OWN_TYPE: Final = "Attest it as it is, with a type of your own: --type URI --predicate FILE."
_VULNS: Final = "Attest the report of trivy, grype or osv-scanner, or this one with a type of your own: --type URI."


def named(report: ReportFile) -> tuple[str, str] | None:
    """The name of the format that a report has, and a hint; None if it is not known."""
    if report.root == "bom":
        return "CycloneDX XML", "Convert it to JSON: cyclonedx convert --input-file FILE --output-file FILE.cdx.json"
    if report.root == "RDF":
        return "RDF, perhaps SPDX", "Convert it to JSON: pyspdxtools -i FILE -o FILE.spdx.json"
    if report.members is None:
        if _TAG_VALUE.match(report.data[:_PEEK]):
            return "SPDX tag-value", "Convert it to JSON: pyspdxtools -i FILE -o FILE.spdx.json"
        return None
    return _json(report)


def _json(report: ReportFile) -> tuple[str, str] | None:
    """The same of a JSON object, by a few of its members."""
    members: Mapping[str, Any] = report.members or {}
    if report.has_list("runs") and ("sarif" in str(report.get("$schema")) or "version" in members):
        return "SARIF", _OWN_TYPE
    if "csaf_version" in _object(report.get("document")):
        return "CSAF", _OWN_TYPE
    if report.has_list("artifacts") and ("artifactRelationships" in members or "descriptor" in members):
        return "syft JSON", "Create an SBOM with `syft -o cyclonedx-json` or `-o spdx-json`."
    if report.has_list("vulnerabilities") and ("packageManager" in members or "dependencyCount" in members):
        return "Snyk JSON", _VULNS
    if "unapproved" in members or "manifest_hash" in members:
        return "Clair JSON", _VULNS
    if "spdxVersion" in _object(report.get("sbom")):
        return "an answer of GitHub, with an SPDX document in it", "Take what is inside: jq .sbom FILE"
    return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
