"""JUnit XML, as pytest, Maven, Gradle, go-junit-report, jest and others write it: a Test Result.

Rule: a test is in one list, by its worst result; a skipped test has not passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

from attest._base.json import MAX_DEPTH
from attest.building.evidence._report import XML_ERRORS, ReportPredicate, text
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from attest.building.evidence._report import Details, ReportFile

DETAILS: Final = ("configuration", "url")

_ROOTS: Final = ("testsuites", "testsuite")
_PASSED, _SKIPPED, _WARNED, _FAILED = range(4)
# The children of a testcase that say what became of it; Maven's flaky tests passed when they were tried again.
_OUTCOMES: Final = {
    "skipped": _SKIPPED,
    "flakyFailure": _WARNED,
    "flakyError": _WARNED,
    "failure": _FAILED,
    "error": _FAILED,
}
# GoogleTest has no child for a test that did not run, but an attribute.
_NOT_RUN: Final = frozenset(["notrun", "disabled", "skipped", "suppressed"])


def recognises(report: ReportFile) -> bool:
    """By the root element."""
    return report.root in _ROOTS


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A Test Result (https://in-toto.io/attestation/test-result/v0.1); it names no subjects.

    A test is named CLASSNAME.NAME. Raises InputError `report-invalid`, also where no test ran.
    """
    suites = _Suites()
    suites.parse(report.data)
    lists: dict[int, list[str]] = {_PASSED: [], _SKIPPED: [], _WARNED: [], _FAILED: []}
    for name, outcome in suites.outcomes.items():
        lists[outcome].append(name)
    if len(lists[_SKIPPED]) == len(suites.outcomes) and not suites.failed:
        raise InputError("report-invalid", "no test ran, so the report has no result")
    failed = bool(lists[_FAILED]) or suites.failed
    predicate: dict[str, Any] = {
        "result": "FAILED" if failed else "WARNED" if lists[_WARNED] else "PASSED",
        "configuration": details.get("configuration", []),
        **({"url": details["url"]} if "url" in details else {}),
        "passedTests": lists[_PASSED],
        "warnedTests": lists[_WARNED],
        "failedTests": lists[_FAILED],
    }
    types = OURS.uris("test-result")
    return ReportPredicate(
        types, predicate, (), "a test report names no artifact", tuple(_notes(suites, lists, details))
    )


def _notes(suites: _Suites, lists: dict[int, list[str]], details: Details) -> list[str]:
    notes = []
    if lists[_SKIPPED]:
        notes.append(f"skipped tests that are not listed: {len(lists[_SKIPPED])}")
    if suites.repeated:
        notes.append(f"results with the same name, of which the worst counts: {suites.repeated}")
    if suites.failed and not lists[_FAILED]:
        notes.append("a suite failed and does not name a failed test")
    if "configuration" not in details:
        notes.append("the report has no configuration; add it with --detail configuration=FILE")
    return notes


class _Suites:
    """What became of each test, as the elements go by; the text between them is not kept."""

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.repeated = 0
        self.failed = False
        self._open: list[str] = []
        self._test: tuple[str, int] | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        # Entities are declared nowhere else, so that there are none to expand.
        self._parser.StartDoctypeDeclHandler = self._doctype

    def parse(self, data: bytes) -> None:
        try:
            self._parser.Parse(data.lstrip(b" \t\r\n"), True)
        except XML_ERRORS as error:
            raise self._fault(f"the report is not valid XML: {error}") from None

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:
        raise self._fault("the report has a document type declaration, which is not allowed")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(" ")[2]
        if not self._open and tag not in _ROOTS:
            raise self._fault(f"expected a test report, found <{tag}>")
        self._open.append(tag)
        if len(self._open) > MAX_DEPTH:
            raise self._fault(f"the report is nested more than {MAX_DEPTH} levels deep")
        if tag == "testcase":
            if self._test is not None:
                raise self._fault("a testcase is inside another one")
            outcome = _SKIPPED if {attributes.get("status"), attributes.get("result")} & _NOT_RUN else _PASSED
            self._test = self._name(attributes), outcome
        elif self._test is not None and self._open[-2] == "testcase":
            self._test = self._test[0], max(self._test[1], _OUTCOMES.get(tag, _PASSED))
        elif tag in _ROOTS:
            counts = [attributes.get(name, "") for name in ("failures", "errors")]
            self.failed = self.failed or any(count not in ("", "0") for count in counts)

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag.rpartition(" ")[2] != "testcase" or self._test is None:
            return
        name, outcome = self._test
        self.repeated += name in self.outcomes
        self.outcomes[name] = max(outcome, self.outcomes.get(name, _PASSED))
        self._test = None

    def _name(self, attributes: dict[str, str]) -> str:
        name, classname = text(attributes.get("name")), text(attributes.get("classname"))
        if name is None:
            raise self._fault("a testcase has no name")
        return name if classname is None else f"{classname}.{name}"

    def _fault(self, message: str) -> InputError:
        return InputError("report-invalid", message, where=f"line {self._parser.CurrentLineNumber}")
