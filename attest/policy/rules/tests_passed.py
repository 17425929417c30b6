"""Whether the tests passed: a test result, and the tests that must be in it.

Rule: a test that is not in the list of passed tests has not passed.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.policy._shapes import Context, Rule, VerifiedAttestation
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST: Final = 16  # tests in two lists that are reported


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The result is PASSED, no test failed or is in two lists, and all of `tests` passed."""
    predicate = evidence.predicate
    accepted = ("PASSED", "WARNED") if settings.get("allow_warnings") else ("PASSED",)
    result = predicate.get("result")
    if result not in accepted:
        message = f"expected result {' or '.join(map(repr, accepted))}, found {str(result)[:50]!r}"
        hint = "Fix the tests, run them again, and attest the new result."
        yield Failure("tests-not-passed", message, pointer("predicate", "result"), hint)
    failed = predicate.get("failedTests")
    if failed:
        named = ", ".join(str(test) for test in failed[:8]) if isinstance(failed, list) else repr(failed)[:100]
        where = pointer("predicate", "failedTests")
        hint = "Fix these tests, run them again, and attest the new result."
        yield Failure("tests-not-passed", f"tests failed: {named}", where, hint)
    lists = {name: _tests(predicate.get(name)) for name in ("passedTests", "warnedTests", "failedTests")}
    for (one, first), (other, second) in combinations(lists.items(), 2):
        for test in sorted(first & second)[:_MOST]:
            message = f"test {test[:100]!r} is in {one} and in {other}, so its result is unknown"
            hint = "Create the report with a unique name for each test."
            yield Failure("test-contradictory", message, pointer("predicate", other), hint)
    names = lists["passedTests"]
    for test in settings.get("tests", ()):
        if test not in names:
            message = f"test {test!r} is not in the list of passed tests"
            yield Failure(
                "test-missing",
                message,
                pointer("predicate", "passedTests"),
                f"Run test {test!r}, and attest its result.",
            )


def _tests(listed: Any) -> set[str]:
    return {test for test in listed if isinstance(test, str)} if isinstance(listed, list) else set()


RULE: Final = Rule(
    check,
    types=("test-result",),
    settings={
        "type": "object",
        "properties": {
            "tests": {
                "description": "Tests that must be in passedTests.",
                "type": "array",
                "minItems": 1,
                "maxItems": 1024,
                "items": {"type": "string", "minLength": 1},
            },
            "allow_warnings": {
                "description": "Also accept the result WARNED: flaky tests, or tests that are missing from the report.",
                "type": "boolean",
            },
        },
        "additionalProperties": False,
    },
    example="""\
tests = ["unit", "integration"]
""",
)
