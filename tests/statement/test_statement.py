"""Statements: built about files, read strictly as v1 and on request as v0.1, and kept in their exact bytes."""

from __future__ import annotations

import json
import pickle
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from attest import ResourceDescriptor, Statement
from attest._base.json import dumps
from attest.errors import InputError
from attest.schema.predicate_types import OURS
from attest.statement import V0_1, V1
from tests.support.making.statements import CONTENT, DIGEST, PREDICATE_TYPE
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT: dict[str, Any] = {"name": "app.whl", "digest": {"sha256": DIGEST}}
DOCUMENT: dict[str, Any] = {"_type": V1, "subject": [SUBJECT], "predicateType": PREDICATE_TYPE, "predicate": {"a": 1}}
PROVENANCE = {
    "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {"ref": "main"}},
    "runDetails": {"builder": {"id": "https://example.com/builder"}},
}


def read(**fields: Any) -> Statement:
    return Statement.from_json(dumps(DOCUMENT | fields))


def without(name: str) -> bytes:
    return dumps({key: value for key, value in DOCUMENT.items() if key != name})


def test_a_statement_is_built_about_files(tmp_path: Path) -> None:
    (tmp_path / "app.whl").write_bytes(CONTENT)
    built = Statement.build(
        [tmp_path / "app.whl"], predicate_type=PREDICATE_TYPE, predicate={"n": 1}, algorithms=["sha256", "sha512"]
    )
    document = json.loads(built.to_json())
    assert list(document) == ["_type", "subject", "predicateType", "predicate"]
    assert document["_type"] == V1
    assert document["predicate"] == {"n": 1}
    [subject] = built.subjects
    assert subject.name == "app.whl"
    assert list(subject.digest) == ["sha256", "sha512"]
    assert subject.digest["sha256"] == sha256(CONTENT).hexdigest()


def test_a_short_name_is_written_as_the_predicate_type_it_stands_for() -> None:
    built = Statement.build(
        [ResourceDescriptor("app.whl", {"sha256": DIGEST})], predicate_type="slsa-provenance", predicate=PROVENANCE
    )
    assert built.predicate_type == "https://slsa.dev/provenance/v1"
    assert built.check_predicate()


def test_a_descriptor_is_taken_as_it_is() -> None:
    given = ResourceDescriptor(
        None,
        {"gitCommit": "0" * 40},
        "git+https://example.com/app",
        annotations={"a": [1]},
        extra={"x-note": "kept"},
    )
    built = Statement.build([given], predicate_type=PREDICATE_TYPE)
    assert json.loads(built.raw)["subject"] == [
        {
            "uri": "git+https://example.com/app",
            "digest": {"gitCommit": "0" * 40},
            "annotations": {"a": [1]},
            "x-note": "kept",
        }
    ]
    assert built.predicate == {}


def test_the_same_subject_twice_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "app.whl").write_bytes(CONTENT)
    described = ResourceDescriptor("app.whl", {"sha256": DIGEST})
    nameless = ResourceDescriptor(None, {"sha256": DIGEST})
    built = Statement.build([tmp_path / "app.whl", described, nameless], predicate_type=PREDICATE_TYPE)
    assert [subject.name for subject in built.subjects] == ["app.whl", None]


def test_no_subject_is_dropped_for_having_the_name_and_digest_of_another() -> None:
    one = ResourceDescriptor("app.whl", {"sha256": DIGEST})
    other = ResourceDescriptor("app.whl", {"sha256": DIGEST}, "pkg:pypi/acme/app@1")
    assert Statement.build([one, other], predicate_type=PREDICATE_TYPE).subjects[-1].uri == other.uri


@pytest.mark.parametrize(
    ("subjects", "code"),
    [
        ([], "subject-missing"),
        (["missing.whl"], "file-unreadable"),
        ([ResourceDescriptor("a", {})], "statement-invalid"),
        ([ResourceDescriptor("a", {"sha256": "abc"})], "statement-invalid"),
        ([ResourceDescriptor("a", {"x": "1"}), ResourceDescriptor("a", {"x": "2"})], "subject-ambiguous"),
        ([ResourceDescriptor(f"{i}", {"x": "1"}) for i in range(1025)], "too-many-subjects"),
        ([ResourceDescriptor("a", {f"x{i}": "1" for i in range(33)})], "too-many-digests"),
    ],
)
def test_a_statement_that_could_not_be_verified_is_not_built(subjects: list[Any], code: str) -> None:
    with refused(InputError, code):
        Statement.build(subjects, predicate_type=PREDICATE_TYPE)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"predicate_type": "slsa-provenence"}, "predicate-type-unknown"),
        ({"predicate_type": ""}, "predicate-type-unknown"),
        ({"predicate_type": ":"}, "statement-invalid"),
        ({"algorithms": ["md5"]}, "digest-unsupported"),
        ({"predicate": {"nan": float("nan")}}, "json-invalid"),
        ({"predicate": {1: "a", "1": "b"}}, "json-invalid"),
        ({"predicate_type": "slsa-provenance", "predicate": {}}, "predicate-invalid"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any], code: str) -> None:
    (tmp_path / "app.whl").write_bytes(CONTENT)
    with refused(InputError, code):
        Statement.build([tmp_path / "app.whl"], **{"predicate_type": PREDICATE_TYPE, **options})


def test_a_misspelt_predicate_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(InputError) as caught:
        OURS.uris("slsa-provenence")
    assert "slsa-provenance" in (caught.value.hint or "")


def test_a_uri_is_itself_and_a_name_brings_its_aliases() -> None:
    assert OURS.uris(PREDICATE_TYPE) == (PREDICATE_TYPE,)
    assert OURS.uris("slsa-provenance")[0] == "https://slsa.dev/provenance/v1"


def test_the_exact_bytes_are_kept() -> None:
    data = b'{ "predicate": {"big": 12345678901234567890, "one": 1.0}, "x": null,' + dumps(DOCUMENT)[1:].replace(
        b',"predicate":{"a":1}', b""
    )
    statement = Statement.from_json(data)
    assert statement.to_json() == statement.raw == data
    assert statement.predicate == {"big": 12345678901234567890, "one": 1.0}
    assert statement == Statement.from_json(data)
    assert hash(statement) == hash(Statement.from_json(data))
    assert statement != read()
    assert pickle.loads(pickle.dumps(statement)) == statement  # noqa: S301


def test_unknown_fields_are_ignored_and_kept_anywhere() -> None:
    statement = read(extension={"x": 1}, subject=[SUBJECT | {"extension": 1}])
    assert statement.document["extension"] == {"x": 1}
    assert statement.subjects[0].to_dict() == SUBJECT | {"extension": 1}


@pytest.mark.parametrize("predicate", [None, {}])
def test_an_unset_predicate_is_an_empty_one(predicate: object) -> None:
    assert read(predicate=predicate).predicate == {}
    assert Statement.from_json(without("predicate")).predicate == {}


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"_type": "https://in-toto.io/Statement/v2"}, "statement-invalid", "/_type"),
        ({"_type": ["https://in-toto.io/Statement/v1"]}, "statement-invalid", "/_type"),
        ({"_type": V0_1}, "statement-version", "/_type"),
        ({"subject": []}, "subject-missing", "/subject"),
        ({"subject": None}, "statement-invalid", "/subject"),
        ({"subject": [{"name": "app.whl"}]}, "statement-invalid", "/subject/0"),
        ({"subject": [SUBJECT, {"digest": {}}]}, "statement-invalid", "/subject/1/digest"),
        ({"subject": [{"digest": {"sha256": ""}}]}, "statement-invalid", "/subject/0/digest/sha256"),
        ({"subject": [{"digest": {"sha256": "zz" * 32}}]}, "statement-invalid", "/subject/0/digest/sha256"),
        ({"subject": [{"digest": {"sha256": DIGEST + "0"}}]}, "statement-invalid", "/subject/0/digest/sha256"),
        ({"subject": [{"digest": {"a/b": 1}}]}, "statement-invalid", "/subject/0/digest/a~1b"),
        ({"subject": [SUBJECT | {"name": 1}]}, "statement-invalid", "/subject/0/name"),
        ({"predicateType": "not a uri"}, "statement-invalid", "/predicateType"),
        ({"predicateType": None}, "statement-invalid", "/predicateType"),
        ({"predicate": []}, "statement-invalid", "/predicate"),
        ({"subject": [SUBJECT] * 1025}, "too-many-subjects", "/subject"),
        ({"subject": [{"digest": {f"x{i}": "1" for i in range(33)}}]}, "too-many-digests", "/subject/0/digest"),
    ],
)
def test_what_is_not_a_statement_is_refused_at_its_place(fields: dict[str, Any], code: str, where: str) -> None:
    with refused(InputError, code, where):
        read(**fields)


@pytest.mark.parametrize("predicate", [None, {}, MappingProxyType({}), MappingProxyType({"a": 1})])
def test_a_predicate_is_any_mapping_and_is_written_as_an_object(predicate: Any) -> None:
    made = Statement.build(
        [ResourceDescriptor("app.whl", {"sha256": DIGEST})], predicate_type=PREDICATE_TYPE, predicate=predicate
    )
    assert made.document["predicate"] == dict(predicate or {})


@pytest.mark.parametrize("name", ["_type", "subject", "predicateType"])
def test_a_required_field_is_missed(name: str) -> None:
    with refused(InputError, "statement-invalid", "/") as caught:
        Statement.from_json(without(name))
    assert name in caught.value.message


def test_the_names_that_protobuf_gives_the_fields_are_not_theirs() -> None:
    """Pitfall 13: another reader takes `type` and `predicate_type` for the fields, and sees another statement."""
    renamed = {"_type": "type", "predicateType": "predicate_type"}
    with refused(InputError, "statement-invalid"):
        Statement.from_json(dumps({renamed.get(key, key): value for key, value in DOCUMENT.items()}))
    assert read(predicate_type="https://example.com/other/v1").predicate_type == PREDICATE_TYPE


def test_v0_1_is_read_where_it_is_allowed_and_said_to_be_one() -> None:
    data = dumps(DOCUMENT | {"_type": V0_1})
    assert Statement.from_json(data, allow_v0_1=True).type == V0_1
    assert Statement.from_json(dumps(DOCUMENT), allow_v0_1=True).type == V1
    with refused(InputError, "statement-invalid", "/subject/0"):
        Statement.from_json(dumps(DOCUMENT | {"_type": V0_1, "subject": [{"name": "a"}]}), allow_v0_1=True)


def test_limits_are_options() -> None:
    two = dumps(DOCUMENT | {"subject": [SUBJECT | {"digest": {"a": "1", "b": "2"}}] * 2})
    assert len(Statement.from_json(two, max_subjects=2, max_digests=2).subjects) == 2
    with refused(InputError, "too-many-subjects", "/subject"):
        Statement.from_json(two, max_subjects=1)
    with refused(InputError, "too-many-digests", "/subject/0/digest"):
        Statement.from_json(two, max_digests=1)
    with refused(InputError, "json-too-deep"):
        Statement.from_json(two, max_depth=2)
    deep = dumps(DOCUMENT | {"predicate": {"a": json.loads("[" * 100 + "]" * 100)}})
    with refused(InputError, "json-too-deep"):
        Statement.from_json(deep)
    read = Statement.from_json(deep, max_depth=110)
    assert pickle.loads(pickle.dumps(read)).document == read.document  # noqa: S301


def test_a_predicate_is_checked_against_the_schema_of_its_type() -> None:
    kind = {"predicateType": "https://slsa.dev/provenance/v1"}
    assert read(**kind, predicate=PROVENANCE).check_predicate() is True
    assert read().check_predicate() is False
    broken = PROVENANCE | {"runDetails": {"builder": {"id": 1}}}
    with refused(InputError, "predicate-invalid", "/predicate/runDetails/builder/id") as caught:
        read(**kind, predicate=broken).check_predicate()
    assert caught.value.hint is None
    several: tuple[dict[str, Any], ...] = ({"buildDefinition": {}}, {"buildDefinition": 1, "runDetails": 2})
    for faults in several:
        with refused(InputError, "predicate-invalid") as caught:
            read(**kind, predicate=PROVENANCE | faults).check_predicate()
        assert "list all errors" in (caught.value.hint or "")
    with refused(InputError, "predicate-invalid", "/predicate"):
        read(**kind, predicate=None).check_predicate()


def test_a_predicate_is_checked_together_with_the_subjects_it_speaks_of() -> None:
    link = {"predicateType": "https://in-toto.io/attestation/link/v0.3", "predicate": {"name": "build"}}
    assert read(**link).check_predicate() is True
    for times, several in ((2, False), (3, True)):  # a link's products are told apart by their names
        with refused(InputError, "predicate-invalid", "/subject/1/name") as caught:
            read(**link, subject=[SUBJECT] * times).check_predicate()
        assert (caught.value.hint is not None) is several
