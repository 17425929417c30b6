"""JUnit XML, as pytest, Maven, Gradle, go-junit-report, jest and others write it: a Test Result.

Rule: a test is in one list, by its worst result; a report passed only if nothing in it says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence._report import ReportPredicate, naming
from attest.building.evidence._suites import FAILED, NOT_RUN, PASSED, ROOTS, WARNED, Suites
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from attest.building.evidence._report import Details, ReportFile

DETAILS: Final = ("configuration", "url")


def recognises(report: ReportFile) -> bool:
    """By the root element."""
    return report.root in ROOTS


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """`read_several` of one report."""
    return _predicate([report._replace(name="")], details)


def read_several(reports: Iterable[ReportFile], details: Details, *, check: bool) -> ReportPredicate:
    """One Test Result (https://in-toto.io/attestation/test-result/v0.1) of all reports; it names no subjects.

    A test is named CLASSNAME.NAME. Raises InputError `report-invalid`, also where no test ran.
    """
    return _predicate(reports, details)


def _predicate(reports: Iterable[ReportFile], details: Details) -> ReportPredicate:
    suites = Suites()
    for report in reports:
        with naming(report):
            suites.read(report.data)
    lists: dict[int, list[str]] = {PASSED: [], NOT_RUN: [], WARNED: [], FAILED: []}
    for name, outcome in suites.outcomes.items():
        lists[outcome].append(name)
    predicate: dict[str, Any] = {
        "result": _verdict(suites, lists),
        "configuration": details.get("configuration", []),
        **({"url": details["url"]} if "url" in details else {}),
        "passedTests": lists[PASSED],
        "warnedTests": lists[WARNED],
        "failedTests": lists[FAILED],
    }
    types = OURS.uris("test-result")
    notes = tuple(_notes(suites, lists, details))
    return ReportPredicate(types, predicate, (), "a test report names no artifact", notes)


def _verdict(suites: Suites, lists: Mapping[int, list[str]]) -> str:
    """The result, by the first of these that holds. Raises InputError `report-invalid` where no test ran.

    FAILED: a test failed, a suite did, or a count of failures is not explained by its tests. WARNED: a test is flaky or
    has an unknown status, or the report has fewer tests than it counts. PASSED: a test passed.
    """
    if lists[FAILED] or suites.failed:
        return "FAILED"
    if lists[WARNED] or suites.incomplete:
        return "WARNED"
    if not lists[PASSED]:
        raise InputError("report-invalid", "no test ran, so the report has no result")
    return "PASSED"


def _notes(suites: Suites, lists: Mapping[int, list[str]], details: Details) -> Iterator[str]:
    if suites.cases[NOT_RUN]:
        yield f"skipped tests that are not listed: {suites.cases[NOT_RUN]}"
    repeated = sum(suites.cases.values()) - len(suites.outcomes)
    if repeated:
        yield f"repeated names of tests (the worst result counts): {repeated}"
    if suites.failed:
        yield f"the result is FAILED: {'; '.join(suites.failed)}"
    if suites.incomplete:
        yield f"the tests may have stopped early: {'; '.join(suites.incomplete)}"
    if suites.statuses:
        yield f"tests with an unknown status, which are warned tests: {', '.join(suites.statuses)}"
    if "configuration" not in details:
        yield "the report has no configuration; add it with --detail configuration=FILE"
