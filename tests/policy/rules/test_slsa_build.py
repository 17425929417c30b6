"""The rule slsa-build: the builder that is accepted, its level, and the type of the build."""

from __future__ import annotations

import pytest

from tests.support.making.policies import BUILDER, V02, asks, claim, codes, decide, no, provenance


def test_a_builder_that_is_accepted_has_the_level_it_is_granted() -> None:
    asked = asks("slsa-build", {"level": 3, "builders": ["https://example.com/builders/*"]})
    decision = decide(asked, provenance())
    assert decision.yes
    assert decision.levels == ("SLSA_BUILD_LEVEL_3",)


@pytest.mark.parametrize(
    "builder",
    ["https://example.com/builders/1/x", "https://evil.example/builders/1", "", "HTTPS://example.com/builders/1"],
)
def test_another_builder_is_a_no(builder: str) -> None:
    [failure] = no(
        decide(asks("slsa-build", {"level": 1, "builders": ["https://example.com/builders/*"]}), provenance(builder))
    )
    assert (failure.code, failure.pointer) == ("builder-mismatch", "/predicate/runDetails/builder/id")
    assert failure.rule == "slsa-build"
    assert failure.attestation == "a"


@pytest.mark.parametrize(
    "builder",
    [
        "https://example.com/builders/../evil/1",
        "https://example.com/builders/%2e%2E/evil",
        "https://example.com/builders/..",
        "https://example.com/builders/..%2fevil",
        "https://example.com/builders/..\\evil",
    ],
)
def test_a_builder_that_leads_out_of_what_a_wildcard_stands_in_is_a_no(builder: str) -> None:
    for glob in ("https://example.com/builders/**", "https://example.com/builders/*", "**"):
        asked = asks("slsa-build", {"level": 1, "builders": [glob]})
        assert codes(decide(asked, provenance(builder))) == ["builder-mismatch"]
    assert decide(asks("slsa-build", {"level": 1, "builders": [builder]}), provenance(builder)).yes


def test_a_build_type_is_asked_for_where_it_is_set() -> None:
    settings = {"level": 1, "builders": [BUILDER], "build_types": ["https://example.com/build/v1"]}
    assert decide(asks("slsa-build", settings), provenance()).yes
    settings["build_types"] = ["https://example.com/build/v2"]
    assert codes(decide(asks("slsa-build", settings), provenance())) == ["build-type-mismatch"]


def test_the_older_provenances_have_their_builder_elsewhere() -> None:
    asked = asks("slsa-build", {"level": 1, "builders": [BUILDER]})
    assert decide(asked, claim({"builder": {"id": BUILDER}, "buildType": "x"}, kind=V02)).yes
    settings = {"level": 1, "builders": [BUILDER], "build_types": ["x"]}
    assert decide(asks("slsa-build", settings), claim({"builder": {"id": BUILDER}, "buildType": "x"}, kind=V02)).yes
    other = claim({"builder": {"id": BUILDER}, "buildType": "y"}, kind=V02)
    assert codes(decide(asks("slsa-build", settings), other)) == ["build-type-mismatch"]
    new_in_old = claim({"runDetails": {"builder": {"id": BUILDER}}, "builder": {}}, kind=V02)
    assert codes(decide(asked, new_in_old)) == ["builder-mismatch"]
