"""The verdict of test reports: real ones of many tools, what contradicts a pass, and several reports together."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError
from attest.building import evidence
from attest.building.evidence import _files, _suites, junit
from tests.support.examples import examples
from tests.support.making import reports

if TYPE_CHECKING:
    from pathlib import Path

BETTER = ["PASSED", "WARNED", "FAILED"]


def verdict(*reports: str | bytes) -> str | None:
    """The result of the reports together; None if they have none."""
    return None if (found := together(*reports)) is None else found.predicate["result"]


def together(*reports: str | bytes) -> evidence.ReportPredicate | None:
    files = [one.encode() if isinstance(one, str) else one for one in reports]
    try:
        return junit.read_several([evidence.ReportFile(data, None, "testsuite") for data in files], {}, check=True)
    except InputError as error:
        if error.code != "report-invalid":
            raise
        return None


def test_real_reports_have_a_right_verdict_and_all_their_tests(shared_data: Path) -> None:
    cases = json.loads((shared_data / "reports" / "cases.json").read_bytes())
    read = 0
    for case in cases:
        if case["format"] != "junit":
            continue
        data = (shared_data / "reports" / case["file"]).read_bytes()
        assert verdict(data) in (case["verdict"] or [None]), case["file"]
        if case["counts"].get("well_formed", True):
            suites = _suites.Suites()
            suites.read(data)
            counted = {
                "cases": sum(suites.cases.values()),
                "passed": suites.cases[_suites.PASSED],
                "not_run": suites.cases[_suites.NOT_RUN],
                "flaky": suites.cases[_suites.WARNED],
                "failed": suites.cases[_suites.FAILED],
                "distinct_names": len(suites.outcomes),
            }
            assert counted == {name: case["counts"][name] for name in counted}, case["file"]
        read += 1
    assert read > 40


CASE = '<testcase name="a"/>'
FLAKY = '<testcase name="a"><flakyError/><flakyError/></testcase>'


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<testcase name="a" status="failed"/>', "FAILED"),
        ('<testcase name="a" status=" Errored "/>', "FAILED"),
        ('<testcase name="a" success="false"/>', "FAILED"),
        ('<testcase name="a" success="true"/>', "PASSED"),
        ('<testcase name="a" outcome="failed"/>', "FAILED"),
        (f"{CASE}<testsuite failed='1'/>", "FAILED"),
        (f"{CASE}<testsuite success='False'/>", "FAILED"),
        (f"{CASE}<testsuite status='odd'/>", "WARNED"),
        (f"{CASE}<testsuite status='passed'/>", "PASSED"),
        ('<testcase name="a" status="run" result="interrupted"/>', "FAILED"),
        ('<testcase name="a"><system-out><failure/></system-out></testcase>', "FAILED"),
        ('<testcase name="a"><rerunFailure/></testcase>', "FAILED"),
        (f"{CASE}<error message='setup'/>", "FAILED"),
        (f"{CASE}<x:error xmlns:x='urn:x'/>", "FAILED"),
        (f"{CASE}<testsuite status='failed'/>", "FAILED"),
        (f"{CASE}<testsuite aborted='1'/>", "FAILED"),
        (f"{CASE}<testsuite aborted='false'/>", "PASSED"),
        (f"{CASE}<testsuite errors='1'/>", "FAILED"),
        (f"{CASE}<testsuite failures='-1'/>", "FAILED"),
        (f"{CASE}<testsuite tests='many'/>", "FAILED"),
        (f"{CASE}<testsuite tests='2'/>", "WARNED"),
        ("<testsuite tests='2'/>", "FAILED"),
        (f"{CASE}<testsuite tests='2'>{CASE}</testsuite>", "WARNED"),
        (f"{CASE}<testsuite tests='2' skipped='1'>{CASE}</testsuite>", "PASSED"),
        (f"<testsuite tests='9' hostname='tbd'>{CASE}</testsuite>", "PASSED"),
        (f"<testsuite tests='9' doctest_version='2.4.11'>{CASE}</testsuite>", "PASSED"),
        (f'{CASE}<testcase name="b" status="odd"/>', "WARNED"),
        (f'{CASE}<testcase name="b" status="notrun"><skipped message="Required Files Missing"/></testcase>', "FAILED"),
        (f'{CASE}<testcase name="b" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>', "PASSED"),
        (f'{CASE}<testcase name="b" status="disabled"><system-out>Disabled</system-out></testcase>', "PASSED"),
        (f'{CASE}<testcase name="b" status="run" result="skipped"><skipped message="x"/></testcase>', "PASSED"),
        (
            "<testsuite tests='3' failures='2'><testcase name='a'><flakyError/><flakyError/></testcase></testsuite>",
            "WARNED",
        ),
        ("<testsuite failures='3'><testcase name='a'><flakyError/><flakyError/></testcase></testsuite>", "FAILED"),
        (f"<testsuite tests='5'>{CASE}<testcase name='b'><flakyError/></testcase></testsuite>", "WARNED"),
        ("<testsuite tests='0' errors='0'/>", None),
    ],
)
def test_what_a_report_says_against_a_pass_counts(inside: str, expected: str | None) -> None:
    assert verdict(f"<testsuites><testsuite name='s'>{inside}</testsuite></testsuites>") == expected


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ('<testcase name="" classname="A"><error/></testcase>', "A"),
        ("<testcase><error/></testcase>", "s"),
        ('<testcase name="t" classname=""><error/></testcase>', "t"),
    ],
)
def test_a_test_without_a_name_is_called_after_its_class_or_suite(case: str, name: str) -> None:
    found = together(f'<testsuite name="s">{case}</testsuite>')
    assert found is not None
    assert (found.predicate["result"], found.predicate["failedTests"]) == ("FAILED", [name])


def test_the_notes_say_which_counts_disagree() -> None:
    found = together(f'<testsuite name="s" tests="735" failures="0">{CASE}</testsuite>')
    assert found is not None
    assert "the tests may have stopped early: suite 's' says 735 tests, but the report lists 1" in found.notes
    found = together(f'<testsuite name="s" failures="2">{CASE}</testsuite>')
    assert found is not None
    assert "the result is FAILED: suite 's' says 2 failures, but its tests show 0" in found.notes


def test_of_many_suites_that_disagree_some_are_named() -> None:
    suites = "".join(f'<testsuite name="{"x" * 1000}{n}" failures="1"/>' for n in range(1000))
    found = together(f"<testsuites>{suites}</testsuites>")
    assert found is not None
    assert all(len(note) < 5000 for note in found.notes)


NAMES = st.sampled_from(["a", "b", ""])
CASES = st.builds(
    lambda name, status, child: f'<testcase name="{name}" {status}>{child}</testcase>',
    NAMES,
    st.sampled_from(["", 'status="run"', 'status="notrun"', 'status="failed"', 'status="odd"', 'result="skipped"']),
    st.sampled_from(["", "<skipped/>", '<skipped message="x"/>', "<failure/>", "<flakyError/>", "<rerunError/>"]),
)
COUNTS = st.sampled_from(["", 'tests="1"', 'tests="3"', 'failures="1"', 'tests="2" skipped="1"', 'aborted="1"'])
REPORTS = st.recursive(
    st.builds(
        lambda counts, cases: f"<testsuite {counts}>{''.join(cases)}</testsuite>", COUNTS, st.lists(CASES, max_size=3)
    ),
    lambda inner: st.builds(lambda one, other: f"<testsuite>{one}{other}</testsuite>", inner, inner),
    max_leaves=3,
)


@examples(200)
@given(st.lists(REPORTS, min_size=1, max_size=4))
def test_several_reports_are_no_better_than_the_worst_of_them(reports: list[str]) -> None:
    alone = [BETTER.index(one) for one in map(verdict, reports) if one is not None]
    combined = verdict(*reports)
    assert combined is None if not alone else combined is not None
    if combined is not None:
        assert BETTER.index(combined) >= max(alone)


@examples(200)
@given(REPORTS, st.sampled_from(["<error/>", '<testcase name="z"><failure/></testcase>', '<testsuite errors="1"/>']))
def test_a_failure_that_is_added_anywhere_fails_the_report(report: str, failure: str) -> None:
    for at in [place for place in range(len(report)) if report.startswith("</testsuite>", place)]:
        assert verdict(report[:at] + failure + report[at:]) == "FAILED"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as Maven leaves it, in the current one."""
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "surefire-reports"
    reports.mkdir()
    (reports / "TEST-a.xml").write_text('<testsuite name="A"><testcase classname="A" name="t"/></testsuite>')
    (reports / "TEST-b.xml").write_text(
        '<testsuite name="B"><testcase classname="B" name="t"><failure/></testcase></testsuite>'
    )
    (reports / "a.txt").write_text("Tests run: 1")
    (reports / "2026.dumpstream").write_bytes(b"\0")
    (reports / "testng-results.xml").write_text("<testng-results/>")
    return reports


def files(*names: str, **settings: Any) -> evidence.ReportPredicate:
    return evidence.read_files(evidence.find(names), **settings)


def test_a_directory_is_all_its_reports_and_the_rest_is_named(folder: Path) -> None:
    found = files("surefire-reports")
    assert (found.predicate["result"], found.predicate["passedTests"], found.predicate["failedTests"]) == (
        "FAILED",
        ["A.t"],
        ["B.t"],
    )
    left = [f"surefire-reports/{name}" for name in ("2026.dumpstream", "a.txt", "testng-results.xml (TestNG XML)")]
    assert found.notes[-1] == f"left out, because they are not reports: {', '.join(left)}"
    assert files("surefire-reports", form="junit").predicate == found.predicate


@pytest.mark.parametrize(
    "order", [("TEST-a.xml", "TEST-b.xml"), ("TEST-b.xml", "TEST-a.xml"), ("*.xml",), ("TEST-*.xml",)]
)
def test_one_report_that_failed_is_enough(folder: Path, order: tuple[str, ...]) -> None:
    (folder / "testng-results.xml").unlink()
    assert files(*[f"surefire-reports/{name}" for name in order]).predicate["result"] == "FAILED"


def test_a_file_that_is_named_twice_is_read_once(folder: Path) -> None:
    found = files("surefire-reports/TEST-a.xml", "surefire-reports/TEST-a.xml", "surefire-reports/TEST-?.xml")
    assert not [note for note in found.notes if "same name" in note]


@pytest.mark.parametrize("content", [b"", b"\0\0", b"<", b"<testsuite", b"<testsuite><testcase name='a'/>"])
def test_a_report_that_was_cut_off_is_never_left_out(folder: Path, content: bytes) -> None:
    (folder / "TEST-c.xml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        files("surefire-reports")
    assert (caught.value.code, str(caught.value.where).split(":")[0]) == (
        "report-invalid",
        "surefire-reports/TEST-c.xml",
    )


def test_json_that_cannot_be_read_is_left_out_of_a_directory_and_else_an_error(folder: Path) -> None:
    (folder / "events.json").write_text('{"Action": "run"}\n{"Action": "pass"}\n')
    found = files("surefire-reports")
    assert "surefire-reports/events.json" in found.notes[-1]
    with pytest.raises(InputError) as caught:
        files("surefire-reports/events.json")
    assert (caught.value.code, caught.value.where) == ("json-invalid", "surefire-reports/events.json")
    stdin = io.BytesIO(b"<testsuite>")
    with pytest.raises(InputError) as named:
        files("-", stdin=stdin)
    assert str(named.value.where).startswith("standard input: line 1")


def test_what_is_named_or_matched_must_be_a_report(folder: Path) -> None:
    for name in ("surefire-reports/a.txt", "surefire-reports/*"):
        with pytest.raises(InputError) as caught:
            files(name)
        assert caught.value.code in ("report-unknown", "report-unsupported")
        assert str(caught.value.where).startswith("surefire-reports/")


@pytest.mark.parametrize("name", ["surefire-reports/*.json", "nowhere/**/*.xml", "empty", "texts"])
def test_where_there_is_no_report_there_is_an_error(folder: Path, name: str) -> None:
    (folder.parent / "empty").mkdir()
    (folder.parent / "texts").mkdir()
    (folder.parent / "texts" / "a.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        files(name)
    assert caught.value.code == "report-missing"


def test_reports_that_cannot_become_one_predicate_are_refused(folder: Path) -> None:
    for form in ("cyclonedx", "grype"):
        (folder.parent / f"{form}.json").write_bytes(reports.data(form))
    for names in (
        ("cyclonedx.json", "grype.json"),
        ("surefire-reports/TEST-a.xml", "cyclonedx.json"),
        ("cyclonedx.json", "surefire-reports/TEST-a.xml"),
    ):
        with pytest.raises(InputError) as caught:
            files(*names)
        assert caught.value.code == "reports-not-combined"
        assert names[1] in caught.value.message


def test_all_reports_together_have_a_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = sum(path.stat().st_size for path in folder.glob("TEST-*"))
    monkeypatch.setattr(_files, "MAX_REPORT", sizes)
    assert files("surefire-reports/TEST-*.xml")
    monkeypatch.setattr(_files, "MAX_REPORT", sizes - 1)
    with pytest.raises(InputError) as caught:
        files("surefire-reports/TEST-*.xml")
    assert caught.value.code == "file-too-large"
