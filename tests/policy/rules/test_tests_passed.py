"""The rule tests-passed: results that are a yes, and all others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.making.policies import asks, codes, decide, result_of


def test_passed_tests_are_a_yes() -> None:
    assert decide(asks("tests-passed", {}), result_of(result="PASSED")).yes
    assert decide(asks("tests-passed", {"tests": ["unit"]}), result_of(result="PASSED", passedTests=["unit", "x"])).yes
    for result in ("PASSED", "WARNED"):
        assert decide(asks("tests-passed", {"allow_warnings": True}), result_of(result=result)).yes


@pytest.mark.parametrize(
    ("settings", "predicate", "expected"),
    [
        ({}, {"result": "FAILED"}, ["tests-not-passed"]),
        ({}, {"result": "WARNED"}, ["tests-not-passed"]),
        ({"allow_warnings": True}, {"result": "FAILED"}, ["tests-not-passed"]),
        ({}, {"result": "passed"}, ["tests-not-passed"]),
        ({}, {}, ["tests-not-passed"]),
        ({}, {"result": "PASSED", "failedTests": ["unit"]}, ["tests-not-passed"]),
        ({}, {"result": "PASSED", "failedTests": {"unit": 1}}, ["tests-not-passed"]),
        ({"tests": ["unit", "e2e"]}, {"result": "PASSED", "passedTests": ["unit"]}, ["test-missing"]),
        (
            {"tests": ["unit"]},
            {"result": "PASSED", "passedTests": ["unit", "e2e"], "warnedTests": ["e2e"]},
            ["test-contradictory"],
        ),
        (
            {"allow_warnings": True},
            {"result": "WARNED", "passedTests": ["unit"], "warnedTests": ["unit"]},
            ["test-contradictory"],
        ),
        (
            {},
            {"result": "PASSED", "passedTests": ["unit"], "failedTests": ["unit"]},
            ["tests-not-passed", "test-contradictory"],
        ),
        ({"tests": ["unit"]}, {"result": "PASSED", "passedTests": "unit"}, ["test-missing"]),
        ({"tests": ["unit"]}, {"result": "PASSED", "passedTests": [["unit"]]}, ["test-missing"]),
        ({"tests": ["unit", "e2e"]}, {"result": "FAILED"}, ["tests-not-passed", "test-missing", "test-missing"]),
    ],
)
def test_other_tests_are_a_no(settings: dict[str, Any], predicate: dict[str, Any], expected: list[str]) -> None:
    assert codes(decide(asks("tests-passed", settings), result_of(**predicate))) == expected
