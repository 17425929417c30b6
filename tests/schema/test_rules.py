"""What no schema can say: unique names in a link, and one level of each track in a VSA."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from attest import InputError, Rejected, ResourceDescriptor, Statement, schema, verify
from attest.schema.predicate_types import OURS
from tests.support.making.bundles import NOW, bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, DIGEST, signed
from tests.support.watching import refused

LINK = "https://in-toto.io/attestation/link/v0.3"
VSA = "https://slsa.dev/verification_summary/v1"
APP = ResourceDescriptor("app.whl", {"sha256": DIGEST})


def material(name: str | None, digest: str = DIGEST) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def link(*names: str) -> dict[str, Any]:
    return {"name": "build", "materials": [material(name) for name in names]}


def vsa(*levels: str) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(schema.predicate_documents()["vsa"]["examples"][0])
    return document | {"verifiedLevels": list(levels)}


def build(
    predicate_type: str, predicate: dict[str, Any], *subjects: ResourceDescriptor, check: bool = True
) -> Statement:
    return Statement.build(subjects or [APP], predicate_type=predicate_type, predicate=predicate, check_predicate=check)


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b"), ("a", "A")])
def test_materials_have_names_of_their_own(names: tuple[str, ...]) -> None:
    assert build(LINK, link(*names)).check_predicate()


@pytest.mark.parametrize(("names", "place"), [(("a", "a"), 1), (("a", "b", "c", "b"), 3)])
def test_two_materials_of_one_name_are_refused(names: tuple[str, ...], place: int) -> None:
    with refused(InputError, "predicate-invalid", f"/predicate/materials/{place}/name"):
        build(LINK, link(*names))


def test_two_subjects_of_one_name_are_refused_in_a_link() -> None:
    """Statement.build takes no two that differ, so this is one read from bytes."""
    document = copy.deepcopy(build(LINK, link()).document)
    document["subject"] = [{"name": "a", "digest": {"x": "1"}}, {"name": "a", "digest": {"x": "2"}}]
    check = OURS.for_type(LINK)
    assert check is not None
    fault = check.first(document["predicate"], document["subject"])
    assert fault is not None
    assert (fault.pointer, fault.rule) == ("/subject/1/name", "unique-names")
    assert "'a'" in fault.message
    nameless = [{"digest": {"x": "1"}}, {"digest": {"x": "2"}}]
    assert check.first(document["predicate"], nameless) is None


@pytest.mark.parametrize(
    "levels",
    [
        (),
        ("FAILED",),
        ("SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_3", "SLSA_DEPENDENCY_LEVEL_1", "SLSA_BUILD_REPRODUCED"),
        ("ORG_LEVEL_1", "ORG_LEVEL_2"),
        ("SLSA_BUILD_LEVEL_UNEVALUATED", "SLSA_SOURCE_LEVEL_1"),
    ],
)
def test_a_vsa_has_one_level_of_each_track(levels: tuple[str, ...]) -> None:
    assert build(VSA, vsa(*levels)).check_predicate()


@pytest.mark.parametrize(
    "levels",
    [
        ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"),
        ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_3"),
        ("SLSA_DEPENDENCY_LEVEL_1", "X", "SLSA_DEPENDENCY_LEVEL_2"),
        ("SLSA_BUILD_ENV_LEVEL_1", "SLSA_BUILD_ENV_LEVEL_2"),
    ],
)
def test_two_levels_of_a_track_are_refused_whatever_the_track(levels: tuple[str, ...]) -> None:
    with refused(InputError, "predicate-invalid") as caught:
        build(VSA, vsa(*levels))
    assert (caught.value.where or "").startswith("/predicate/verifiedLevels")
    assert "SLSA_" in caught.value.message


def test_a_verifier_refuses_what_a_builder_refuses() -> None:
    about = build(LINK, link("a", "a"), check=False)
    with refused(Rejected, "predicate-invalid", "/predicate/materials/1/name"):
        verify(signed(ALICE, about=about), bundle(), artifacts=[ARTIFACT], now=NOW)
    assert verify(signed(ALICE, about=about), bundle(), artifacts=[ARTIFACT], now=NOW, check_predicate=False)


def test_all_faults_are_found_up_to_a_limit() -> None:
    check = OURS.for_type(LINK)
    assert check is not None
    assert len(check.all(link("a", "a", "a"))) == 2
    assert len(check.all(link(*["a"] * 500))) == schema.MAX_FAULTS
    assert [fault.rule for fault in check.all({"name": 1, "command": "make"})] == ["type", "type"]
