"""A user's own predicate types: added from a folder that was named, and never in place of ours."""

from __future__ import annotations

import json
import os
import pickle
import socket
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, PredicateSchemas, Rejected, ResourceDescriptor, Statement, schema, verify, verify_many
from attest.schema.predicate_types import MAX_SCHEMA, MAX_SCHEMAS, OURS
from tests.support.making.bundles import NOW, bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

REVIEW = "https://example.com/review/v1"
DOCUMENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": REVIEW,
    "title": "Code review",
    "x-aliases": ["https://example.com/review"],
    "type": "object",
    "required": ["reviewer"],
    "properties": {"reviewer": {"$ref": "#/$defs/Person"}},
    "$defs": {"Person": {"type": "string", "minLength": 1}},
}
GOOD, BAD = {"reviewer": "alice"}, {"reviewer": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "review", DOCUMENT)
    return tmp_path


def write(folder: Path, name: str, document: Any) -> None:
    (folder / f"{name}.json").write_text(json.dumps(document))


def schema_with(**fields: Any) -> dict[str, Any]:
    return {**DOCUMENT, **fields}


def test_a_type_of_the_folder_has_a_name_a_uri_and_a_check(folder: Path) -> None:
    own = PredicateSchemas.load(folder)
    assert own.uris("review") == (REVIEW, "https://example.com/review")
    assert own.find("https://example.com/review") == ("review", DOCUMENT)
    for uri in own.uris("review"):
        check = own.for_type(uri)
        assert check is not None
        assert check.first(GOOD) is None
        fault = check.first(BAD)
        assert fault is not None
        assert (fault.pointer, fault.rule) == ("/predicate/reviewer", "minLength")
    assert set(own.documents) == {*schema.predicate_documents(), "review"}


def test_ours_are_there_too_and_the_same(folder: Path) -> None:
    own = PredicateSchemas.load(folder)
    for document in schema.predicate_documents().values():
        assert own.for_type(document["$id"]) is OURS.for_type(document["$id"]) is not None
    assert OURS.for_type(REVIEW) is None, "a folder that was named once has no say later"


def test_building_and_verifying_use_it_where_it_is_given(folder: Path) -> None:
    own = PredicateSchemas.load(folder)
    subject = ResourceDescriptor("app.whl", {"sha256": DIGEST})
    assert Statement.build([subject], predicate_type="review", predicate=GOOD, schemas=own).predicate_type == REVIEW
    with refused(InputError, "predicate-invalid", "/predicate/reviewer"):
        Statement.build([subject], predicate_type="review", predicate=BAD, schemas=own)
    with refused(InputError, "predicate-type-unknown"):
        Statement.build([subject], predicate_type="review", predicate=GOOD)

    trust = bundle()
    bad = signed(ALICE, about=statement(predicate_type=REVIEW, predicate=BAD))
    good = signed(ALICE, about=statement(predicate_type=REVIEW, predicate=GOOD))
    found = verify(good, trust, artifacts=[ARTIFACT], predicate_type="review", now=NOW, schemas=own)
    assert found.report.predicate_schema == "checked"
    assert verify(bad, trust, artifacts=[ARTIFACT], now=NOW).report.predicate_schema == "unknown"
    with refused(Rejected, "predicate-invalid", "/predicate/reviewer"):
        verify(bad, trust, artifacts=[ARTIFACT], now=NOW, schemas=own)
    skipped = verify(bad, trust, artifacts=[ARTIFACT], now=NOW, schemas=own, check_predicate=False)
    assert skipped.report.predicate_schema == "skipped"


def test_it_crosses_process_pools(folder: Path) -> None:
    data = pickle.dumps(PredicateSchemas.load(folder))
    own = pickle.loads(data)  # noqa: S301
    assert pickle.loads(data) is own, "it is compiled once"  # noqa: S301
    bad = signed(ALICE, about=statement(predicate_type=REVIEW, predicate=BAD)).to_json()
    outcomes = verify_many([bad] * 200, bundle(), artifacts=[ARTIFACT], now=NOW, schemas=own, workers=2)
    assert {outcome.error.code for outcome in outcomes if outcome.error} == {"predicate-invalid"}
    check = own.for_type(REVIEW)
    assert check is not None
    assert check.first(BAD) is not None


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (schema_with(properties={"reviewer": {"$ref": "#/$defs/Nobody"}}), "/properties/reviewer/$ref"),
        (schema_with(properties={"a/b": {"items": [{"$ref": "#x"}]}}), "/properties/a~1b/items/0/$ref"),
        (schema_with(allOf=[{"$ref": "#nowhere"}]), "/allOf/0/$ref"),
        (schema_with(allOf=[{"$dynamicRef": "#nowhere"}]), "/allOf/0/$dynamicRef"),
        (schema_with(allOf=[{"$ref": "other.json"}]), "/allOf/0/$ref"),
        (schema_with(allOf=[{"$ref": "file:///etc/passwd"}]), "/allOf/0/$ref"),
        (schema_with(allOf=[{"$ref": "#/required/0"}]), "/allOf/0/$ref"),
        (schema_with(allOf=[{"$ref": "#/required/7"}]), "/allOf/0/$ref"),
        (schema_with(type="thing"), "/type"),
        (schema_with(properties={"a": {"pattern": "("}}), "/properties/a/pattern"),
        (schema_with(properties={"a": 5}), "/properties/a"),
        ({**DOCUMENT, "$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({**DOCUMENT, "$schema": "https://example.com/meta"}, "/$schema"),
        ({**DOCUMENT, "$id": "review"}, "/$id"),
        ({**DOCUMENT, "$id": "https://example.com/review#v1"}, "/$id"),
        ({**DOCUMENT, "$id": 1}, "/$id"),
        ({key: value for key, value in DOCUMENT.items() if key != "$id"}, "/"),
        ({**DOCUMENT, "x-aliases": "https://example.com/review"}, "/x-aliases"),
        ({**DOCUMENT, "x-aliases": ["review"]}, "/x-aliases/0"),
        ({**DOCUMENT, "examples": {}}, "/examples"),
    ],
)
def test_a_broken_schema_is_named_with_its_file_and_place(tmp_path: Path, document: Any, where: str) -> None:
    write(tmp_path, "review", document)
    with refused(InputError, "schema-invalid", f"{tmp_path / 'review.json'}: {where}"):
        PredicateSchemas.load(tmp_path)


def test_nothing_is_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for document in (schema_with(allOf=[{"$ref": url}]), {**DOCUMENT, "$schema": url}):
            write(tmp_path, "review", document)
            with refused(InputError, "schema-invalid"):
                PredicateSchemas.load(tmp_path)
        with pytest.raises(ValueError, match="attest does not fetch schemas"):
            schema.Schema({"$ref": url})
        with pytest.raises(TimeoutError):
            server.accept()


def test_references_that_lead_somewhere_are_followed(tmp_path: Path) -> None:
    document = schema_with(
        properties={
            "reviewer": {"$ref": "#/$defs/Person"},
            "by": {"$ref": "#person"},
            "of": {"$ref": "#/%24defs/a~1b"},
            "again": {"$ref": "#"},
            "$ref": {"type": "string"},
        },
        examples=[{"$ref": "no reference"}],
    )
    document["$defs"] = {"Person": {"$anchor": "person", "type": "string"}, "a/b": {"type": "integer"}}
    write(tmp_path, "review", document)
    check = PredicateSchemas.load(tmp_path).for_type(REVIEW)
    assert check is not None
    assert check.all({"reviewer": "a", "by": "b", "of": 1, "again": {"reviewer": "c"}, "$ref": "d"}) == []
    faults = check.all({"reviewer": "a", "by": 1, "of": "x", "again": {}, "$ref": 1})
    assert [fault.pointer for fault in faults] == [
        "/predicate/by",
        "/predicate/of",
        "/predicate/again",
        "/predicate/$ref",
    ]


def test_a_schema_that_runs_in_circles_still_has_a_verdict_and_an_explanation(tmp_path: Path) -> None:
    write(tmp_path, "review", {"$id": REVIEW, "$ref": "#", "required": ["reviewer"]})
    check = PredicateSchemas.load(tmp_path).for_type(REVIEW)
    assert check is not None
    assert check.first(GOOD) is None
    [fault] = check.all({})
    assert fault.pointer == "/predicate"


def test_a_pattern_that_only_the_deciding_library_reads_is_explained_by_it(tmp_path: Path) -> None:
    write(tmp_path, "review", {"$id": REVIEW, "properties": {"reviewer": {"pattern": r"^\p{L}+$"}}})
    check = PredicateSchemas.load(tmp_path).for_type(REVIEW)
    assert check is not None
    assert check.first({"reviewer": "älice"}) is None
    fault = check.first({"reviewer": "1"})
    assert fault is not None
    assert (fault.pointer, fault.rule) == ("/predicate/reviewer", "pattern")


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("provenance", {"$id": "https://slsa.dev/provenance/v1"}),
        ("sbom", {"$id": "https://spdx.dev/Document/v2.3"}),
        ("provenance", {"$id": REVIEW, "x-aliases": ["https://slsa.dev/provenance/v1"]}),
        ("slsa-provenance", {"$id": REVIEW}),
        ("no name", {"$id": REVIEW}),
        ("-", {"$id": REVIEW}),
    ],
)
def test_ours_are_never_replaced(tmp_path: Path, name: str, document: Any) -> None:
    write(tmp_path, name, document)
    with refused(InputError, "schema-invalid"):
        PredicateSchemas.load(tmp_path)


def test_a_type_belongs_to_one_schema(folder: Path) -> None:
    write(folder, "second", {"$id": "https://example.com/second/v1", "x-aliases": [REVIEW]})
    with refused(InputError, "schema-invalid", f"{folder / 'second.json'}"):
        PredicateSchemas.load(folder)


def test_other_files_are_not_looked_at(folder: Path) -> None:
    (folder / "README.md").write_text("notes")
    (folder / ".hidden.json").write_text("{")
    assert set(PredicateSchemas.load(folder).own) == {"review"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "json-invalid"),
        ("[]", "json-invalid"),
        ("", "json-invalid"),
        ('{"a": 1, "a": 2}', "json-invalid"),
        ('{"not":' * 99 + "{}" + "}" * 99, "json-too-deep"),
        (" " * (MAX_SCHEMA + 1), "file-too-large"),
    ],
)
def test_what_is_not_json_is_named_with_its_file(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "review.json").write_text(text)
    with refused(InputError, code) as caught:
        PredicateSchemas.load(tmp_path)
    assert (caught.value.where or "").startswith(str(tmp_path / "review.json"))


def test_a_folder_without_schemas_is_refused(tmp_path: Path) -> None:
    with refused(InputError, "schema-invalid", str(tmp_path)):
        PredicateSchemas.load(tmp_path)
    with refused(InputError, "file-unreadable"):
        PredicateSchemas.load(tmp_path / "missing")
    with refused(InputError, "file-unreadable"):
        PredicateSchemas.load("a\0b")
    (tmp_path / "folder.json").mkdir()
    with refused(InputError, "file-unreadable"):
        PredicateSchemas.load(tmp_path)


def test_more_schemas_than_anyone_has_are_refused_unread(tmp_path: Path) -> None:
    for number in range(MAX_SCHEMAS + 1):
        os.close(os.open(tmp_path / f"{number}.json", os.O_CREAT))
    with refused(InputError, "schema-invalid", str(tmp_path)):
        PredicateSchemas.load(tmp_path)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("slsa-provenence", "slsa-provenance"),
        ("https://slsa.dev/provenance/v1/", "https://slsa.dev/provenance/v1"),
        ("https://in-toto.io/attestation/link/v0.2", "https://in-toto.io/attestation/link/v0.3"),
        ("reveiw", "review"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(folder: Path, typed: str, meant: str) -> None:
    with refused(InputError, "predicate-type-unknown") as caught:
        PredicateSchemas.load(folder).find(typed)
    assert meant in (caught.value.hint or "")
