"""Reports made into predicates: the public path of `attest.building.evidence`.

Rule: everything is defined there.
"""

from __future__ import annotations

from attest.building.evidence import (
    MAX_REPORT,
    Details,
    ReportFile,
    ReportFormat,
    ReportPredicate,
    formats,
    read,
)

__all__ = ["MAX_REPORT", "Details", "ReportFile", "ReportFormat", "ReportPredicate", "formats", "read"]
