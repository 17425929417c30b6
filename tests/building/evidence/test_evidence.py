"""Reports are recognised by what they are, and made into what they say: every format, and what all refuse."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError, ResourceDescriptor
from attest.building import evidence
from attest.schema.predicate_types import OURS
from tests.support.examples import examples
from tests.support.making import reports

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = [ResourceDescriptor("app.whl", {"sha256": reports.SHA256})]
FORMATS = evidence.formats()


def read(kind: str, document: Any = None, **settings: Any) -> evidence.ReportPredicate:
    """The evidence of a report of this kind, or of another document, with the details that it needs."""
    data = reports.data(kind) if document is None else json.dumps(document).encode()
    return evidence.read(data, details=settings.pop("details", reports.DETAILS.get(kind, {})), **settings)


def test_there_is_a_specimen_of_every_format() -> None:
    assert {*reports.DOCUMENTS, "junit"} == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_is_recognised_and_becomes_a_valid_statement(form: str) -> None:
    found = read(form)
    assert dict(found.predicate) == dict(read(form, form=form).predicate)
    statement = found.statement(() if found.subjects else SUBJECT)
    assert statement.check_predicate()
    assert statement.predicate_type == found.predicate_types[0]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_a_report_is_in_no_other_format(form: str, other: str) -> None:
    """Forcing a format doesn't make an empty result of somebody else's report."""
    if form != other:
        with pytest.raises(InputError) as caught:
            read(form, form=other, details={})
        assert caught.value.code in ("report-invalid", "predicate-invalid")


def test_a_document_that_could_be_two_things_must_be_named() -> None:
    both = {**reports.cyclonedx(), "spdxVersion": "SPDX-2.3"}
    with pytest.raises(InputError, match="the report matches several formats: cyclonedx and spdx") as caught:
        read("cyclonedx", both)
    assert caught.value.code == "report-unknown"
    assert read("cyclonedx", both, form="cyclonedx", check=False).subjects


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'[{"bomFormat": "CycloneDX"}]',
        b'"text"',
        b"{}",
        b'{"results": []}',
        b'{"matches": []}',
        b'{"SchemaVersion": 1, "ArtifactType": "container_image"}',
        b'{"runs": []}',
        b"<html><body/></html>",
        b"not a report",
    ],
)
def test_what_is_in_no_format_is_refused_with_those_there_are(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        evidence.read(data)
    assert caught.value.code == "report-unknown"
    assert all(form in (caught.value.hint or "") for form in FORMATS)


NAMED = {
    "SARIF": b'{"runs": [], "version": "2.1.0"}',
    "CSAF": b'{"document": {"csaf_version": "2.0"}}',
    "CycloneDX XML": b"<bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>",
    "SPDX tag-value": b"\xef\xbb\xbf# made by hand\n\nSPDXVersion: SPDX-2.3\n",
    "TAP": b"TAP version 13\n1..1\nok 1\n",
    "TRX": b"<TestRun/>",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_known_format_that_is_not_read_is_named_with_a_way_on(name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        evidence.read(NAMED[name])
    assert caught.value.code == "report-unsupported"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "x"}', "a statement that is not signed"),
        (b'{"payloadType": "x", "payload": "", "signatures": []}', "a DSSE envelope"),
    ],
)
def test_what_is_no_report_is_named(data: bytes, name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        evidence.read(data)
    assert caught.value.code == "report-unknown"


@given(st.binary(max_size=200), st.sampled_from([b"{", b"<", b"[", b"", b"SPDXVersion:", b"<bom>", b'{"runs": ']))
@examples(200)
def test_whatever_a_file_is_an_unknown_one_is_refused(rest: bytes, start: bytes) -> None:
    with pytest.raises(InputError):
        evidence.read(start + rest)


def test_a_format_that_there_is_not_is_refused() -> None:
    for name in ("sarif", "_vulns", "../junit", ""):
        with pytest.raises(InputError) as caught:
            evidence.read(reports.data("junit"), form=name)
        assert caught.value.code == "report-unknown"


def test_json_is_read_as_strictly_as_everywhere() -> None:
    twice = reports.data("cyclonedx").replace(b'"type": "library", "name"', b'"name": "x", "name"')
    with pytest.raises(InputError) as caught:
        evidence.read(twice)
    assert caught.value.code == "json-invalid"
    deep = b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "x": ' + b"[" * 100 + b"]" * 100 + b"}"
    with pytest.raises(InputError) as too_deep:
        evidence.read(deep)
    assert too_deep.value.code == "json-too-deep"


@pytest.mark.parametrize("form", FORMATS)
def test_a_detail_that_is_not_of_the_predicate_is_refused(form: str) -> None:
    with pytest.raises(InputError) as caught:
        read(form, details={"colour": "green"})
    assert caught.value.code == "option-invalid"


def test_a_type_that_was_asked_for_must_be_the_reports() -> None:
    found = read("cyclonedx")
    assert found.statement(predicate_type="cyclonedx").predicate_type == "https://cyclonedx.org/bom"
    assert found.statement(predicate_type="https://cyclonedx.org/bom/v1.6").predicate_type.endswith("/v1.6")
    for other in ("spdx", "https://cyclonedx.org/bom/v1.5", "https://example.com/own/v1"):
        with pytest.raises(InputError) as caught:
            found.statement(predicate_type=other)
        assert caught.value.code == "predicate-type-mismatch"
    assert read("spdx3").predicate_types == OURS.uris("spdx3")


@pytest.mark.parametrize("form", reports.DOCUMENTS)
@pytest.mark.parametrize("instead", [None, True, 7, "", "text", [], [None], [7], {}, {"x": 1}], ids=repr)
def test_whatever_stands_in_a_field_is_read_or_refused(
    form: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value of a report, replaced by one of another kind: nothing but evidence or an InputError comes of it."""
    reports.hide_libraries(monkeypatch)  # which have tests of their own
    original = reports.DOCUMENTS[form]()
    for place in places(original):
        document = copy.deepcopy(original)
        holder = document
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = instead
        assert fate(form, document) in FATES, place


FATES = ("a valid statement", "report-invalid", "predicate-invalid", "report-incomplete", "time-invalid")


def fate(form: str, document: Any) -> str:
    """What comes of a document."""
    try:
        found = read(form, document, form=form)
        return "a valid statement" if found.statement(() if found.subjects else SUBJECT).check_predicate() else "none"
    except InputError as error:
        return error.code


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, step))
