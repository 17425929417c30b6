"""Typed builders: read and written without loss, documented with their sources, and taken by `Statement.build`."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import attest
from attest import InputError, ResourceDescriptor, Statement, predicates, schema
from attest._base import registry
from attest._base.records import Record, members
from attest.schema.predicate_types import OURS
from tests.schema.test_predicate_types import EXPECTED_REFUSALS, published
from tests.support.examples import examples
from tests.support.making.statements import DIGEST, statement
from tests.support.watching import refused
from tests.verifying.test_properties import changed_json

if TYPE_CHECKING:
    from pathlib import Path

BUILDERS = {
    name: builder for name in schema.predicate_documents() if (builder := predicates.builder_for(name)) is not None
}
EXAMPLES = [(name, example) for name in BUILDERS for example in schema.predicate_documents()[name]["examples"]]
NESTED = sorted(
    {
        value
        for name in registry.names("attest.predicates")
        for value in vars(registry.load("attest.predicates", name)).values()
        if isinstance(value, type) and issubclass(value, Record) and value.__module__.startswith("attest.predicates.")
    }
    - {predicates.Predicate},
    key=lambda kind: kind.__name__,
)

PROVENANCE = predicates.Provenance(
    build_definition=predicates.BuildDefinition(
        build_type="https://example.com/build/v1", external_parameters={"ref": "main"}
    ),
    run_details=predicates.RunDetails(builder=predicates.Builder(id="https://example.com/builder")),
)
SUBJECT = ResourceDescriptor("app.whl", {"sha256": DIGEST})


def test_the_ten_types_of_the_field_have_a_builder_named_as_their_schema() -> None:
    assert set(BUILDERS) == {
        "link",
        "reference",
        "release",
        "runtime-trace",
        "scai",
        "slsa-provenance",
        "svr",
        "test-result",
        "vsa",
        "vulns",
    }
    for name, builder in BUILDERS.items():
        assert schema.predicate_documents()[name]["$id"] == builder.PREDICATE_TYPE
    assert set(registry.names("attest.predicates")) == set(BUILDERS)


def test_every_class_is_a_public_name_of_the_package() -> None:
    assert predicates.__all__ == sorted(predicates.__all__)
    assert all(getattr(predicates, name) is not None for name in predicates.__all__)
    assert {kind.__name__ for kind in NESTED} <= set(predicates.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = predicates.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [*NESTED, ResourceDescriptor], ids=lambda kind: kind.__name__)
def test_every_field_is_documented_with_its_section(kind: type[Record]) -> None:
    documented = inspect.getdoc(kind) or ""
    for member in members(kind):
        [line] = [line for line in documented.split("\n") if line.startswith(f"{member.name}: ")]
        entry = documented[documented.index(line) :].split(").")[0]
        assert entry.rpartition("(")[2].rpartition(", ")[2].rpartition("\n")[2].strip(), line
        assert member.json in entry.rpartition("(")[2] or kind is ResourceDescriptor or member.json == "id", line
    assert dataclasses.is_dataclass(kind)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_comes_out_as_it_went_in(name: str, example: dict[str, Any]) -> None:
    before = copy.deepcopy(example)
    built = BUILDERS[name].from_dict(example)
    assert built.to_dict() == example == before
    assert BUILDERS[name].from_dict(built.to_dict()) == built
    assert pickle.loads(pickle.dumps(built)) == built  # noqa: S301


@pytest.mark.parametrize("name", BUILDERS)
@given(data=st.data())
@examples(150)
def test_whatever_is_valid_comes_out_as_it_went_in_and_nothing_else_is_read(name: str, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(schema.predicate_documents()[name]["examples"]))
    document = json.loads(data.draw(changed_json(example)))
    check = OURS.for_type(BUILDERS[name].PREDICATE_TYPE)
    assert check is not None
    if check.first(document) is None:
        assert BUILDERS[name].from_dict(document).to_dict() == document
    else:
        with refused(InputError, "predicate-invalid"):
            BUILDERS[name].from_dict(document)


def test_what_the_field_publishes_comes_out_as_it_went_in(shared_data: Path) -> None:
    seen = set()
    for file, name, predicate in published(shared_data / "field"):
        check = OURS.for_type(schema.predicate_documents()[name]["$id"])
        assert check is not None
        assert bool(check.all(predicate)) is (file in EXPECTED_REFUSALS), file
        if name in BUILDERS and file not in EXPECTED_REFUSALS:
            seen.add(name)
            assert BUILDERS[name].from_dict(predicate).to_dict() == predicate, file
    assert seen >= {"reference", "slsa-provenance", "test-result"}


def test_unknown_fields_come_out_again_at_every_level() -> None:
    document = PROVENANCE.to_dict()
    document["example_top"] = None
    document["runDetails"]["builder"]["example_deep"] = [1, {"a": 1.5}]
    document["buildDefinition"]["resolvedDependencies"] = [{"uri": "https://example.com", "example_leaf": {}}]
    built = predicates.Provenance.from_dict(document)
    assert built.extra == {"example_top": None}
    assert built.run_details.builder.extra == {"example_deep": [1, {"a": 1.5}]}
    assert built.to_dict() == document


def test_unset_null_and_empty_are_told_apart() -> None:
    document = PROVENANCE.to_dict() | {"runDetails": {"builder": {"id": "https://example.com/b"}, "byproducts": []}}
    document["runDetails"]["metadata"] = None
    document["buildDefinition"]["resolvedDependencies"] = [{"uri": "https://example.com", "digest": {}, "name": None}]
    built = predicates.Provenance.from_dict(document)
    assert built.run_details.byproducts == ()
    assert built.run_details.metadata is None
    assert built.to_dict() == document


def test_a_vsa_says_no_dependencies_only_where_it_was_written() -> None:
    document = schema.predicate_documents()["vsa"]["examples"][0]
    claims = {**document, "dependencyLevels": {}}
    silent = {key: value for key, value in document.items() if key != "dependencyLevels"}
    assert predicates.VerificationSummary.from_dict(claims).dependency_levels == {}
    assert predicates.VerificationSummary.from_dict(claims).to_dict() == claims
    assert predicates.VerificationSummary.from_dict(silent).dependency_levels is None


def test_what_is_read_is_a_copy() -> None:
    document = PROVENANCE.to_dict()
    built = predicates.Provenance.from_dict(document)
    document["buildDefinition"]["externalParameters"]["ref"] = "other"
    assert built.build_definition.external_parameters == {"ref": "main"}


def test_a_builder_is_frozen_and_its_lists_are_tuples() -> None:
    link = predicates.Link(name="build", command=["make"])
    assert link.command == ("make",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        link.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        predicates.Link()  # type: ignore[call-arg]


def test_irregular_names_are_those_of_the_specification() -> None:
    example = schema.predicate_documents()["runtime-trace"]["examples"][0]
    trace = predicates.RuntimeTrace.from_dict(example)
    assert trace.monitored_process.host_id == example["monitoredProcess"]["hostID"]


def test_a_severity_may_be_one_or_a_list() -> None:
    document = copy.deepcopy(schema.predicate_documents()["vulns"]["examples"][0])
    built = predicates.Vulnerabilities.from_dict(document)
    assert built.scanner.result[0].severity == (
        predicates.Severity(method="nvd", score="medium"),
        predicates.Severity(method="cvss_score", score="5.2"),
    )
    document["scanner"]["result"][0]["severity"] = {"method": "nvd", "score": "medium"}
    one = predicates.Vulnerabilities.from_dict(document)
    assert one.scanner.result[0].severity == predicates.Severity(method="nvd", score="medium")
    assert one.to_dict() == document


def test_what_is_said_twice_is_refused() -> None:
    with refused(InputError, "option-invalid"):
        predicates.Link(name="build", extra={"name": "test"}).to_dict()


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        ("runDetails", {}, "/runDetails"),
        ("runDetails", {"builder": {"id": 5}}, "/runDetails/builder/id"),
        ("buildDefinition", None, "/buildDefinition"),
        ("buildDefinition", [], "/buildDefinition"),
    ],
)
def test_an_invalid_predicate_is_refused_at_its_place(place: str, value: Any, where: str) -> None:
    document = PROVENANCE.to_dict() | {place: value}
    with refused(InputError, "predicate-invalid", where):
        predicates.Provenance.from_dict(document)
    with refused(InputError, "predicate-invalid", f"/predicate{where}"):
        predicates.Provenance.from_dict(document, where="/predicate")


def test_what_no_schema_says_is_refused_by_the_builder_too() -> None:
    material = {"name": "a", "digest": {"sha256": DIGEST}}
    with refused(InputError, "predicate-invalid", "/materials/1/name"):
        predicates.Link.from_dict({"name": "build", "materials": [material, material]})


@pytest.mark.parametrize("document", [{"name": 1}, {"digest": []}, {"annotations": "x"}, [], None])
def test_a_descriptor_of_the_wrong_types_is_refused(document: Any) -> None:
    with refused(InputError, "predicate-invalid"):
        ResourceDescriptor.from_dict(document)


@pytest.mark.parametrize("document", [{"nan": float("nan")}, {"when": datetime.now(UTC)}, {1: "a", "1": "b"}])
def test_what_is_not_json_is_refused(document: Any) -> None:
    with refused(InputError, "json-invalid"):
        predicates.Provenance.from_dict(document)


def test_a_statement_takes_a_builder_and_its_type() -> None:
    built = Statement.build([SUBJECT], predicate=PROVENANCE)
    assert built.predicate_type == "https://slsa.dev/provenance/v1"
    assert built.predicate == PROVENANCE.to_dict()
    assert predicates.from_statement(built) == PROVENANCE
    assert Statement.build([SUBJECT], predicate=PROVENANCE, predicate_type="slsa-provenance") == built


def test_a_builder_may_go_under_an_alias_of_its_type_and_under_no_other() -> None:
    report = predicates.AttributeReport(attributes=[predicates.AttributeAssertion(attribute="REPRODUCIBLE")])
    alias = "https://in-toto.io/attestation/scai"
    assert Statement.build([SUBJECT], predicate=report, predicate_type=alias).predicate_type == alias
    for other in ("vsa", "https://example.com/review/v1", "https://in-toto.io/attestation/scai/"):
        with refused(InputError, "predicate-type-mismatch"):
            Statement.build([SUBJECT], predicate=report, predicate_type=other)


def test_a_builder_that_says_nonsense_makes_no_statement() -> None:
    wrong = dataclasses.replace(PROVENANCE, run_details=predicates.RunDetails(builder=predicates.Builder(id="nobody")))
    with refused(InputError, "predicate-invalid", "/predicate/runDetails/builder/id"):
        Statement.build([SUBJECT], predicate=wrong)
    assert Statement.build([SUBJECT], predicate=wrong, check_predicate=False).predicate == wrong.to_dict()


@pytest.mark.parametrize("predicate", [[], "text", 1, [("a", 1)]])
def test_a_predicate_that_is_no_object_makes_no_statement(predicate: Any) -> None:
    with refused(InputError, "predicate-invalid", "/predicate"):
        Statement.build([SUBJECT], predicate_type="https://example.com/review/v1", predicate=predicate)


def test_a_mapping_needs_a_type() -> None:
    with refused(InputError, "option-invalid"):
        Statement.build([SUBJECT], predicate={})


def test_a_statement_of_a_type_without_a_builder_has_none() -> None:
    with refused(InputError, "predicate-type-unknown"):
        predicates.from_statement(statement())
    with refused(InputError, "predicate-type-unknown"):
        predicates.from_statement(statement(predicate_type="https://spdx.dev/Document"))
    assert predicates.builder_for("spdx") is None
    with refused(InputError, "predicate-type-unknown"):
        predicates.builder_for("https://example.com/review/v1")


def test_a_time_is_written_in_utc() -> None:
    moment = datetime(2026, 1, 31, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert predicates.timestamp(moment) == "2026-01-31T12:00:00Z"
    with refused(InputError, "time-invalid"):
        predicates.timestamp(datetime(2026, 1, 31))


def test_the_package_has_them_without_loading_them() -> None:
    assert attest.predicates is predicates
    assert "predicates" in attest.__all__
