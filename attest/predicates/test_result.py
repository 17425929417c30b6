"""in-toto Test Result v0.1: how one run of a test suite ended.

Rule: sections are those of spec/predicates/test-result.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult(Predicate):
    """The result of running tests (Fields).

    result: PASSED, WARNED or FAILED (Fields, result).
    configuration: what the tests were configured with (Fields, configuration).
    url: where the run can be looked at (Fields, url).
    passed_tests: names of tests that passed (Fields, passedTests).
    warned_tests: names of tests that passed with warnings (Fields, warnedTests).
    failed_tests: names of tests that failed (Fields, failedTests).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/test-result/v0.1"
    __test__: ClassVar[bool] = False  # it is not a test where a test module imports it

    result: str
    configuration: Sequence[ResourceDescriptor]
    url: str | None = None
    passed_tests: Sequence[str] | None = None
    warned_tests: Sequence[str] | None = None
    failed_tests: Sequence[str] | None = None


BUILDER: Final = TestResult
