"""The messages of in_toto_attestation: what crosses is equal on the other side, and what can't is named."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.link.v0.link_pb2 import Link as LinkMessage
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance as ProvenanceMessage
from in_toto_attestation.predicates.vsa.v0.vsa_pb2 import VerificationSummary as OldSummary
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary as SummaryMessage

from attest import InputError, predicates, schema
from attest.predicates._official import _MESSAGES
from attest.schema.predicate_types import OURS
from tests.support.examples import examples
from tests.support.watching import refused
from tests.verifying.test_properties import changed_json

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [name.replace("_", "-") for name in _MESSAGES]


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(schema.predicate_documents()[name]["examples"][0])
    return found


def built(name: str, document: dict[str, Any]) -> predicates.Predicate:
    builder = predicates.builder_for(name)
    assert builder is not None
    return builder.from_dict(document)


def leaves(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no container, by its pointer; an empty container counts as one."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in inside:
        yield from leaves(value, f"{where}/{str(step).replace('~', '~0').replace('/', '~1')}")
    if not inside:
        yield where, node


def same(ours: Any, theirs: Any) -> bool:
    """Whether a value is the one that protobuf's JSON has: times may have other zeros, and 64-bit integers are text."""
    if isinstance(ours, int) and isinstance(theirs, str):
        return str(ours) == theirs
    if isinstance(ours, str) and isinstance(theirs, str) and ours != theirs:
        return datetime.fromisoformat(ours[:26].rstrip("Z")) == datetime.fromisoformat(theirs[:26].rstrip("Z"))
    return bool(ours == theirs) and isinstance(ours, bool) is isinstance(theirs, bool)


def test_counts_that_protobuf_writes_as_text_are_noted_where_others_made_them_and_refused_here() -> None:
    check = OURS.for_type("https://slsa.dev/verification_summary/v1")
    assert check is not None
    message = SummaryMessage(dependency_levels={"SLSA_BUILD_LEVEL_3": 2**64 - 1})
    document = {**example("vsa"), **MessageToDict(message)}
    fault, noted = check.examine(document, (), "verifying")
    assert fault is None
    assert {one.pointer for one in noted} == {"/predicate/dependencyLevels/SLSA_BUILD_LEVEL_3"}
    assert check.examine(document, (), "building")[0] is not None
    for count in ("", "05", "-1", "1.0", "1e3", " 5", "5\n", "five", "9" * 21, None, True, -1, 0.5):
        document["dependencyLevels"] = {"SLSA_BUILD_LEVEL_3": count}
        assert check.examine(document, (), "verifying")[0] is not None, count


@pytest.mark.parametrize("name", ["link", "scai", "slsa-provenance"])
def test_an_example_crosses_whole_and_comes_back(name: str) -> None:
    predicate = built(name, example(name))
    official = predicates.to_official(predicate)
    assert official.lost == ()
    assert predicates.from_official(official.message) == predicate


def test_the_message_is_the_official_one_and_says_the_same() -> None:
    official = predicates.to_official(built("slsa-provenance", example("slsa-provenance")))
    assert isinstance(official.message, ProvenanceMessage)
    read = ProvenanceMessage.FromString(official.message.SerializeToString())
    assert read.build_definition.external_parameters["ref"] == "refs/heads/main"
    assert read.run_details.metadata.started_on.ToDatetime().isoformat() == "2023-01-01T12:34:56"


def test_what_a_message_has_no_field_for_is_named() -> None:
    document = example("vsa")
    document["policy"]["name"] = "tarballs"
    document["x-more"] = {"a/b": 1}
    assert predicates.to_official(built("vsa", document)).lost == ("/verifier/version", "/policy/name", "/x-more")


def test_an_empty_map_that_means_something_is_named() -> None:
    document = example("vsa") | {"dependencyLevels": {}}
    del document["verifier"]["version"]
    official = predicates.to_official(built("vsa", document))
    assert official.lost == ("/dependencyLevels",)
    back = predicates.from_official(official.message)
    assert isinstance(back, predicates.VerificationSummary)
    assert back.dependency_levels is None


def test_counts_come_back_as_numbers() -> None:
    back = predicates.from_official(predicates.to_official(built("vsa", example("vsa"))).message)
    assert isinstance(back, predicates.VerificationSummary)
    assert back.dependency_levels == example("vsa")["dependencyLevels"]


def test_one_level_fits_into_the_one_string_of_their_vsa_and_two_are_named() -> None:
    document = example("vsa")
    official = predicates.to_official(built("vsa", document))
    assert isinstance(official.message, SummaryMessage)
    assert official.message.verified_levels == "SLSA_BUILD_LEVEL_3"
    assert predicates.from_official(official.message).to_dict()["verifiedLevels"] == ["SLSA_BUILD_LEVEL_3"]
    document["verifiedLevels"] = ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_2"]
    assert "/verifiedLevels" in predicates.to_official(built("vsa", document)).lost


def test_a_required_list_that_is_empty_comes_back_empty() -> None:
    document = {"result": "PASSED", "configuration": []}
    official = predicates.to_official(built("test-result", document))
    assert official.lost == ()
    assert predicates.from_official(official.message).to_dict() == document


@pytest.mark.parametrize(
    ("value", "lost"),
    [
        (1.0, ()),
        (1, ()),
        (2**53 + 1, ("/byproducts/value",)),
        (None, ()),
        ([1, {"a": None}], ()),
        (True, ()),
    ],
)
def test_numbers_cross_where_a_double_holds_them(value: Any, lost: tuple[str, ...]) -> None:
    official = predicates.to_official(predicates.Link(name="build", byproducts={"value": value}))
    assert official.lost == lost


@pytest.mark.parametrize(
    ("text", "crosses"),
    [
        ("1985-04-12T23:20:50.52Z", True),
        ("1985-04-12T23:20:50.000Z", True),
        ("1985-04-12T23:20:50.123456789Z", True),
        ("1985-04-12T23:20:50.1234567891Z", False),
    ],
)
def test_a_time_crosses_unless_it_is_finer_than_nanoseconds(text: str, crosses: bool) -> None:
    official = predicates.to_official(built("vsa", example("vsa") | {"timeVerified": text}))
    assert ("/timeVerified" not in official.lost) is crosses


def test_one_value_that_does_not_fit_takes_no_other_with_it() -> None:
    document = example("slsa-provenance")
    document["runDetails"]["builder"]["version"] = {"a": "1", "b": None}
    official = predicates.to_official(built("slsa-provenance", document))
    assert official.lost == ("/runDetails/builder/version/b",)
    assert isinstance(official.message, ProvenanceMessage)
    assert dict(official.message.run_details.builder.version) == {"a": "1"}


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@examples(100)
def test_whatever_is_not_in_the_message_is_named_and_nothing_else(name: str, data: st.DataObject) -> None:
    document = json.loads(data.draw(changed_json(example(name))))
    try:
        predicate = built(name, document)
    except InputError:
        return
    official = predicates.to_official(predicate)
    theirs = dict(leaves(MessageToDict(official.message)))
    for where, value in leaves(document):
        named = any(f"{where}/".startswith(f"{lost}/") for lost in official.lost)
        if value == [] and where in ("/configuration", "/verifiedLevels"):
            assert not named, "it is required, so that none is an empty one"
        elif not where.startswith("/verifiedLevels"):
            carried = where in theirs and same(value, theirs[where])
            assert named is not carried, (where, value, official.lost)


@pytest.mark.parametrize("name", ["reference", "release", "runtime-trace", "svr", "vulns"])
def test_a_type_without_a_message_says_so(name: str) -> None:
    with refused(InputError, "message-missing"):
        predicates.to_official(built(name, example(name)))


def test_a_message_without_a_builder_says_so() -> None:
    with refused(InputError, "message-missing"):
        predicates.from_official(OldSummary())


def test_a_message_that_is_no_valid_predicate_is_refused() -> None:
    with refused(InputError, "predicate-invalid", "/"):
        predicates.from_official(LinkMessage())
