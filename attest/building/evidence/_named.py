"""Known formats that are not read: the table that names what a file is, and says what to do instead.

Rule: it is asked only about files that no format recognises, and it decides nothing but the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.building.evidence._report import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.building.evidence._report import ReportFile


class NamedFormat(NamedTuple):
    """What a file is, and what its user can do."""

    name: str
    hint: str


_AS_IT_IS: Final = "Attest it as it is, with a predicate type of your own: --type URI --predicate FILE."
_TO_JUNIT: Final = "Convert it to JUnit XML, or let the test tool write that."
_OR_AS_IT_IS: Final = f"Or attest{_AS_IT_IS.removeprefix('Attest')}"
_OTHER_SCANNER: Final = f"Scan with grype, trivy or osv-scanner. {_OR_AS_IT_IS}"
_NO_RESULT: Final = "Attest the file by its digest, as a subject."
_TO_CYCLONEDX_JSON: Final = "Convert it to JSON: `cyclonedx convert --input-file FILE --output-file FILE.json`."
_TO_SPDX_JSON: Final = "Convert it to JSON: `pyspdxtools --infile FILE --outfile FILE.spdx.json`."

# By the name of the root element.
_XML: Final = {
    "bom": NamedFormat("CycloneDX XML", _TO_CYCLONEDX_JSON),
    "RDF": NamedFormat("SPDX RDF", _TO_SPDX_JSON),
    "TestRun": NamedFormat("TRX of Visual Studio", _TO_JUNIT),
    "test-run": NamedFormat("NUnit XML", _TO_JUNIT),
    "test-results": NamedFormat("NUnit XML", _TO_JUNIT),
    "assemblies": NamedFormat("xUnit.net XML", _TO_JUNIT),
    "testng-results": NamedFormat("TestNG XML", _TO_JUNIT),
    "robot": NamedFormat("Robot Framework XML", "Write JUnit XML: `rebot --xunit junit.xml output.xml`."),
    "checkstyle": NamedFormat("Checkstyle XML", _NO_RESULT),
    "BugCollection": NamedFormat("SpotBugs XML", _NO_RESULT),
    "coverage": NamedFormat("a coverage report", _NO_RESULT),
    "analysis": NamedFormat("OWASP Dependency-Check XML", _OTHER_SCANNER),
}
_SYFT: Final = "Convert it: `syft convert FILE -o cyclonedx-json`. Or: --type https://syft.dev/bom --predicate FILE."
# What is neither XML nor a JSON object, by its beginning.
_TEXTS: Final = (
    (re.compile(rb"(?:\s*+(?:#[^\n]*+\n)?)*+SPDXVersion[ \t]*:"), NamedFormat("SPDX tag-value", _TO_SPDX_JSON)),
    (re.compile(rb"TAP version 1[34]\s|1\.\.[0-9]+\s"), NamedFormat("TAP (Test Anything Protocol)", _TO_JUNIT)),
)
_BEGINNING: Final = 1 << 16


def named(report: ReportFile) -> NamedFormat | None:
    """What the report is, if it is in a known format that is not read."""
    if report.root is not None:
        return _XML.get(report.root)
    if report.members is None:
        start = report.data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf")
        return next((form for pattern, form in _TEXTS if pattern.match(start)), None)
    return next((form for recognises, form in _JSON if recognises(report)), None)


def _has(*members: str) -> Callable[[ReportFile], bool]:
    return lambda report: report.members is not None and all(name in report.members for name in members)


def _inner(report: ReportFile, member: str) -> dict[str, Any]:
    value = report.get(member)
    return value if isinstance(value, dict) else {}


def _is_sarif(report: ReportFile) -> bool:
    return report.has_list("runs") and (text(report.get("version")) or "").startswith("2.")


def _is_csaf(report: ReportFile) -> bool:
    return "csaf_version" in _inner(report, "document")


def _is_syft(report: ReportFile) -> bool:
    return report.has_list("artifacts") and (
        _inner(report, "descriptor").get("name") == "syft" or "syft" in str(_inner(report, "schema").get("url"))
    )


def _is_clair(report: ReportFile) -> bool:
    return _has("vulnerabilities", "unapproved")(report) or _has("vulnerabilities", "manifest_hash")(report)


def _is_github(report: ReportFile) -> bool:
    return "spdxVersion" in _inner(report, "sbom")


def _is_grype_part(report: ReportFile) -> bool:
    first = next(report.members.elements("matches"), None) if report.members and report.has_list("matches") else None
    return isinstance(first, dict) and {"vulnerability", "artifact"} <= first.keys()


_JSON: Final[tuple[tuple[Callable[[ReportFile], bool], NamedFormat], ...]] = (
    (_is_sarif, NamedFormat("SARIF", _AS_IT_IS)),
    (_is_csaf, NamedFormat("CSAF", f"Use an OpenVEX document. {_OR_AS_IT_IS}")),
    (_is_syft, NamedFormat("syft JSON", _SYFT)),
    (_has("vulnerabilities", "packageManager"), NamedFormat("Snyk JSON", _OTHER_SCANNER)),
    (_is_clair, NamedFormat("Clair JSON", _OTHER_SCANNER)),
    (_has("auditReportVersion"), NamedFormat("npm audit JSON", _OTHER_SCANNER)),
    (_has("dependencies", "fixes"), NamedFormat("pip-audit JSON", _OTHER_SCANNER)),
    (_has("reportSchema", "scanInfo"), NamedFormat("OWASP Dependency-Check JSON", _OTHER_SCANNER)),
    (_has("version", "data", "messages"), NamedFormat("Retire.js JSON", _OTHER_SCANNER)),
    (
        _is_grype_part,
        NamedFormat(
            "a grype report without its `descriptor`, which has the name and version of the scanner",
            "Use the whole file that `grype -o json` writes.",
        ),
    ),
    (
        _is_github,
        NamedFormat("an answer of GitHub, with an SPDX document in it", "Take it: jq .sbom FILE"),
    ),
)
