"""Reports made into predicates: the public path of `attest.building.evidence`.

Rule: everything is defined there.

>>> from attest import evidence
>>> report = b'<testsuite name="unit"><testcase classname="app" name="starts"/></testsuite>'
>>> found = evidence.read(report, form="junit", details={"configuration": [{"uri": "https://example.com/tests"}]})
>>> found.predicate_types[0]
'https://in-toto.io/attestation/test-result/v0.1'
>>> found.predicate["result"]
'PASSED'
"""

from __future__ import annotations

from attest.building.evidence import (
    MAX_REPORT,
    Details,
    ReportFile,
    ReportFormat,
    ReportPath,
    ReportPredicate,
    find,
    formats,
    read,
    read_files,
)

__all__ = [
    "MAX_REPORT",
    "Details",
    "ReportFile",
    "ReportFormat",
    "ReportPath",
    "ReportPredicate",
    "find",
    "formats",
    "read",
    "read_files",
]
