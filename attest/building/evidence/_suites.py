"""JUnit XML as a stream of elements: what became of each test, and what the suites say of themselves.

Rule: what contradicts a test that passed is kept, and so is a count that no test explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from xml.parsers import expat

from attest._base.json import MAX_DEPTH
from attest._base.text import plural
from attest.building.evidence._report import XML_ERRORS, text
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOTS: Final = ("testsuites", "testsuite")
PASSED, NOT_RUN, WARNED, FAILED = range(4)
UNNAMED: Final = "(no name)"

_FAILURES: Final = ("failure", "error", "rerunFailure", "rerunError")
# The elements in a testcase that say what became of it. Flaky tests of Maven passed when they were tried again.
_OUTCOMES: Final = {
    "skipped": NOT_RUN,
    "flakyFailure": WARNED,
    "flakyError": WARNED,
    **dict.fromkeys(_FAILURES, FAILED),
}
# Each of these is one more run of a test, which some versions of Maven count as one more test.
_RUN_AGAIN: Final = ("flakyFailure", "flakyError", "rerunFailure", "rerunError")
# The attributes of CTest, GoogleTest, Bazel, Ginkgo, tst and others that say so of a test or suite; and their values.
# Any other value is WARNED.
_STATUSES: Final = ("status", "result", "outcome")
_WORDS: Final = {
    **dict.fromkeys(["", "run", "ok", "executed", "completed", "finished"], PASSED),
    **dict.fromkeys(["pass", "passed", "success", "successful", "succeeded"], PASSED),
    **dict.fromkeys(["notrun", "not_run", "not run", "disabled", "suppressed", "filtered", "excluded"], NOT_RUN),
    **dict.fromkeys(["skip", "skipped", "pending", "todo", "ignore", "ignored"], NOT_RUN),
    **dict.fromkeys(["fail", "failed", "failure", "error", "errored", "broken", "crashed", "panicked"], FAILED),
    **dict.fromkeys(["aborted", "interrupted", "cancelled", "canceled", "timeout", "timedout", "timed out"], FAILED),
}
# The messages of CTest for a test that was skipped on purpose. All others, such as a missing executable, are failures.
_CTEST_SKIPPED: Final = ("SKIP_", "Disabled", "disabled")
_SKIP_COUNTS: Final = ("skipped", "disabled", "ignored")
_MAX_SENTENCES: Final = 8


class _Counted:
    """How many there are: testcase elements, those that did not run, elements of failures, and repeated runs."""

    __slots__ = ("cases", "failures", "not_run", "run_again")

    def __init__(self, cases: int = 0, not_run: int = 0, failures: int = 0, run_again: int = 0) -> None:
        self.cases, self.not_run, self.failures, self.run_again = cases, not_run, failures, run_again

    def since(self, before: _Counted) -> _Counted:
        """What was counted after `before`."""
        return _Counted(
            self.cases - before.cases,
            self.not_run - before.not_run,
            self.failures - before.failures,
            self.run_again - before.run_again,
        )


class _Suite(NamedTuple):
    attributes: Mapping[str, str]
    before: _Counted
    name: str | None


class Suites:
    """What became of each test in several reports; the text between the elements is not kept.

    `outcomes` has the worst result of each name. `failed` and `incomplete` are sentences: what besides its tests makes
    a report fail, and which tests are missing. `statuses` are those that are not known.
    """

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.cases = dict.fromkeys((PASSED, NOT_RUN, WARNED, FAILED), 0)  # of all testcase elements
        self.failed: list[str] = []
        self.incomplete: list[str] = []
        self.statuses: list[str] = []
        self._total = _Counted()
        self._begin_report()

    def read(self, data: bytes) -> None:
        """Add a report. Raises InputError `report-invalid`."""
        before = self._ran()
        self._begin_report()
        try:
            self._parser.Parse(data.lstrip(b" \t\r\n"), True)
        except XML_ERRORS as error:
            raise self._fault(f"the report is not valid XML: {error}") from None
        if self._missing and self._ran() == before:
            self._say(self.failed, f"no test ran, and {self._missing}")

    def _ran(self) -> int:
        return sum(self.cases.values()) - self.cases[NOT_RUN]

    def _begin_report(self) -> None:
        self._open: list[str] = []
        self._suites: list[_Suite] = []
        self._test: tuple[str, int] | None = None
        self._is_notrun = False  # a testcase as CTest writes one that did not run
        self._missing: str | None = None  # which tests this report lacks
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        # Entities are declared nowhere else, so that there are none to expand.
        self._parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:
        raise self._fault("the report has a document type declaration, which is not allowed")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(" ")[2]
        if not self._open and tag not in ROOTS:
            raise self._fault(f"expected a test report, found <{tag}>")
        self._open.append(tag)
        if len(self._open) > MAX_DEPTH:
            raise self._fault(f"the report is nested more than {MAX_DEPTH} levels deep")
        if tag == "testcase":
            self._begin_case(attributes)
        elif tag in ROOTS:
            self._begin_suite(attributes)
        elif self._test is not None:
            self._in_case(tag, attributes)
        elif tag in _FAILURES:
            self._total.failures += 1
            self._say(self.failed, f"{self._suite()} has an error that belongs to no test")

    def _end(self, tag: str) -> None:
        self._open.pop()
        tag = tag.rpartition(" ")[2]
        if tag in ROOTS:
            self._end_suite(self._suites.pop())
        elif tag == "testcase" and self._test is not None:
            name, outcome = self._test
            self._test = None
            self._total.cases += 1
            self._total.not_run += outcome == NOT_RUN
            self.cases[outcome] += 1
            self.outcomes[name] = max(outcome, self.outcomes.get(name, PASSED))

    def _begin_case(self, attributes: dict[str, str]) -> None:
        if self._test is not None:
            raise self._fault("a testcase is inside another one")
        words = _words(attributes)
        outcome = PASSED
        for word in words:
            if word not in _WORDS:
                self._say(self.statuses, repr(word[:100]))
            outcome = max(outcome, _WORDS.get(word, WARNED))
        self._total.failures += outcome == FAILED
        self._is_notrun = "notrun" in words and "result" not in attributes
        self._test = self._name(attributes), outcome

    def _in_case(self, tag: str, attributes: dict[str, str]) -> None:
        if tag not in _OUTCOMES or self._test is None:
            return
        name, before = self._test
        message = attributes.get("message", "")
        if tag == "skipped" and self._is_notrun and message and not message.startswith(_CTEST_SKIPPED):
            self._say(self.failed, f"test {name[:100]!r} did not run: {message[:100]}")
        self._total.failures += tag != "skipped"
        self._total.run_again += tag in _RUN_AGAIN
        self._test = name, max(before, _OUTCOMES[tag])

    def _begin_suite(self, attributes: dict[str, str]) -> None:
        name = text(attributes.get("name")) or (self._suites[-1].name if self._suites else None)
        self._suites.append(_Suite(attributes, self._total.since(_Counted()), name))
        if attributes.get("aborted", "").strip().lower() not in ("", "0", "false", "no"):
            self._say(self.failed, f"{self._suite()} was aborted")
        for word in _words(attributes):
            if _WORDS.get(word, WARNED) >= WARNED:
                worse = self.failed if word in _WORDS else self.incomplete
                self._say(worse, f"{self._suite()} has the status {word[:100]!r}")

    def _end_suite(self, suite: _Suite) -> None:
        """Compare what the suite counts with what is in it."""
        seen = self._total.since(suite.before)
        where = f"suite {suite.name[:100]!r}" if suite.name else "a suite"
        claims = {
            name: _number(suite.attributes.get(name, ""))
            for name in ("failures", "errors", "failed", "tests", *_SKIP_COUNTS)
        }
        unreadable = [name for name in ("failures", "errors", "tests") if claims[name] is None]
        if unreadable:
            self._say(self.failed, f"{where} has a number of {unreadable[0]} that cannot be read")
        failures = max((claims["failures"] or 0) + (claims["errors"] or 0), claims["failed"] or 0)
        if failures > seen.failures:
            self._say(self.failed, f"{where} says {plural(failures, 'failure')}, but its tests show {seen.failures}")
        # Skipped tests that are counted and not listed are not missing.
        unlisted = max(0, sum(claims[name] or 0 for name in _SKIP_COUNTS) - seen.not_run)
        tests = claims["tests"] or 0
        if tests - seen.cases - seen.run_again > unlisted and not _counts_assertions(suite.attributes):
            self._missing = f"{where} says {plural(tests, 'test')}, but the report lists {seen.cases}"
            self._say(self.incomplete, self._missing)

    def _suite(self) -> str:
        name = self._suites[-1].name
        return f"suite {name[:100]!r}" if name else "a suite"

    def _name(self, attributes: dict[str, str]) -> str:
        """CLASSNAME.NAME. A test without a name, as Maven writes after @BeforeAll failed, has that of its class."""
        name, classname = text(attributes.get("name")), text(attributes.get("classname"))
        if name is None:
            return classname or (self._suites[-1].name if self._suites else None) or UNNAMED
        return name if classname is None else f"{classname}.{name}"

    def _say(self, sentences: list[str], sentence: str) -> None:
        if len(sentences) < _MAX_SENTENCES and sentence not in sentences:
            sentences.append(sentence)

    def _fault(self, message: str) -> InputError:
        return InputError("report-invalid", message, where=f"line {self._parser.CurrentLineNumber}")


def _words(attributes: Mapping[str, str]) -> list[str]:
    """What a test or suite says became of it."""
    words = [attributes[name].strip().lower() for name in _STATUSES if name in attributes]
    return words + (["failed"] if attributes.get("success", "").strip().lower() in ("false", "no", "0") else [])


def _number(value: str) -> int | None:
    """A count; 0 if there is none, None for what is no number."""
    digits = value.strip()
    if not digits:
        return 0
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else None


def _counts_assertions(attributes: Mapping[str, str]) -> bool:
    """Whether `tests` is the number of assertions: Catch2, which has no name of its own but a placeholder; doctest."""
    return attributes.get("hostname") == "tbd" or "doctest_version" in attributes
