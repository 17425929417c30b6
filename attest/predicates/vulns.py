"""in-toto Vulnerabilities v0.2: what a scanner found, with which database and when.

Rule: sections are those of spec/predicates/vulns_02.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity(Record):
    """How severe a vulnerability is by one method (Fields, scanner.result.[*].severity).

    method: of scoring, such as nvd or cvss_score (Fields, scanner.result.[*].severity.method).
    score: by that method, as text (Fields, scanner.result.[*].severity.score).
    """

    method: str
    score: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability(Record):
    """One vulnerability that was found (Fields, scanner.result).

    id: such as GHSA-fxph-q3j8-mv87 (Fields, scanner.result.[*].id).
    severity: by one method or several; the text calls it an object and the example has a list, so either is read
        (Fields, scanner.result.[*].severity).
    annotations: anything else about it; called a list and a map, so either (Fields, scanner.result.[*].annotations).
    """

    id: str
    severity: Sequence[Severity] | Severity
    annotations: Sequence[Any] | Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerabilityDatabase(Record):
    """The database that was used (Fields, scanner).

    uri: where it comes from (Fields, scanner.db.uri).
    version: of the database (Fields, scanner.db.version).
    last_update: when it was updated last, a Timestamp (Fields, scanner.db.lastUpdate).
    """

    uri: str | None = None
    version: str | None = None
    last_update: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner(Record):
    """The scanner and its findings (Fields, scanner).

    uri: where the scanner comes from (Fields, scanner.uri).
    version: of the scanner (Fields, scanner.version).
    db: the database that it used (Fields, scanner.db).
    result: what it found; empty says that it found nothing (Fields, scanner.result).
    """

    uri: str
    version: str | None = None
    db: VulnerabilityDatabase
    result: Sequence[Vulnerability]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanMetadata(Record):
    """When it was scanned (Fields, metadata).

    scan_started_on: when the scan began, a Timestamp (Fields, metadata.scanStartedOn).
    scan_finished_on: when it ended, a Timestamp (Fields, metadata.scanFinishedOn).
    """

    scan_started_on: str
    scan_finished_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerabilities(Predicate):
    """The result of a vulnerability scan (Fields).

    scanner: who scanned, and what it found (Fields, scanner).
    metadata: when (Fields, metadata).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/vulns/v0.2"

    scanner: Scanner
    metadata: ScanMetadata


BUILDER: Final = Vulnerabilities
