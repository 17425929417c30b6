"""The benchmarks: each declares its measures as the runner reads them, and all of them fit into five minutes."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks.__main__ import measured, row
from tests.benchmarks._measures import NAMES, TOGETHER, Measure, load, rank


def test_each_module_of_the_folder_is_a_benchmark_with_measures() -> None:
    assert "hot_path" in NAMES
    for name in NAMES:
        benchmark = load(name)
        assert callable(benchmark.run), name
        assert rank(benchmark) < (0, 0), name
        assert benchmark.MEASURES, name
        for measure in benchmark.MEASURES.values():
            assert re.fullmatch(r"[1-9][0-9]*(\.[1-9][0-9]*)?", measure.promise), measure
            assert measure.at_least is None or measure.at_most is None, measure
            assert len(measure.what) <= 56, measure
            assert len(row(measure, 99_999)) <= 100, measure


def test_all_of_them_take_less_than_five_minutes() -> None:
    assert sum(load(name).SECONDS for name in NAMES) <= TOGETHER


@pytest.mark.parametrize(
    ("measure", "value", "shown"),
    [
        (Measure("18.1", "a", at_least=0.55), 0.55, ">= 0.55 0.55 times"),
        (Measure("18.1", "a", at_least=0.55), 0.54, ">= 0.55 0.54 times short"),
        (Measure("18.6", "a", "s", at_most=1), 1, "<= 1 1 s"),
        (Measure("18.6", "a", "s", at_most=0), 1, "<= 0 1 s short"),
        (Measure("18.6", "a", "s"), 12.345, "no target 12.3 s"),
        (Measure("18.6", "a", "s", at_most=1), None, "<= 1 not measured"),
    ],
)
def test_a_target_that_is_missed_is_marked(measure: Measure, value: float | None, shown: str) -> None:
    assert " ".join(row(measure, value).split()[2:]) == shown


def test_a_benchmark_runs_in_a_process_of_its_own_and_tells_every_measure() -> None:
    found, fault = measured("signing_together", 0, 60)
    assert (found.keys(), fault) == (load("signing_together").MEASURES.keys(), "")
    assert measured("signing_together", 0, 0.01) == ({}, "ended after 0 seconds")
