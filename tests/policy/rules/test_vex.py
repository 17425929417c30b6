"""The rule vulnerabilities: what VEX clears, and all that clears nothing."""

from __future__ import annotations

import time
from itertools import permutations
from typing import Any

import pytest

from attest import Artifact, ResourceDescriptor
from tests.support.making.bundles import NOW
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.policies import (
    OTHER,
    ago,
    claim,
    clears,
    codes,
    decide,
    finding,
    no,
    scan,
    vex,
    vulnerabilities,
)
from tests.support.making.statements import DIGEST


def test_vex_clears_a_finding() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    found = scan(finding("CVE-1"))
    assert not decide(asked, found).yes
    assert decide(asked, found, vex(clears("CVE-1"))).yes
    assert decide(asked, found, vex(clears("CVE-1", "fixed"))).yes
    assert decide(asked, found, vex(clears("CVE-1", products=[{"@id": "app.whl"}]))).yes
    hashed = clears("CVE-1", products=[{"@id": "x", "hashes": {"sha-256": DIGEST}}])
    assert decide(asked, found, vex(hashed)).yes
    aliased = clears("GHSA-1", vulnerability={"name": "GHSA-1", "aliases": ["CVE-1"]})
    assert decide(asked, found, vex(aliased)).yes


@pytest.mark.parametrize(
    "document",
    [
        vex(clears("CVE-2")),
        vex(clears("CVE-1", "affected")),
        vex(clears("CVE-1", "under_investigation")),
        vex(clears("CVE-1"), by=ALICE),
        vex(clears("CVE-1"), by=MALLORY),
        vex(clears("CVE-1"), digest=OTHER),
        vex(clears("CVE-1", products=[{"@id": "other.whl"}])),
        vex(clears("CVE-1", products=[{"@id": "app.whl", "hashes": {"sha-256": OTHER}}])),
        vex(clears("CVE-1", products="app.whl")),
        vex(clears("CVE-1", timestamp=ago(days=3)), clears("CVE-1", "affected", timestamp=ago(days=2))),
        vex(clears("CVE-1"), clears("CVE-1", "affected")),
        vex(clears("CVE-1", timestamp="then")),
        vex(clears("CVE-1"), time=ago(days=-1)),
        vex(clears("CVE-1", vulnerability="CVE-1")),
        vex(clears("CVE-1"), time=ago(days=31)),
    ],
)
def test_vex_that_says_something_else_clears_nothing(document: Any) -> None:
    asked = vulnerabilities(vex_anchors=["security"], vex_max_age="30d")
    assert codes(decide(asked, scan(finding("CVE-1")), document)) == ["vulnerability-found"]


@pytest.mark.parametrize(("minutes", "yes"), [(-4, True), (-6, False), (-60 * 24 * 365, False)])
def test_vex_clears_nothing_before_its_time_has_come(minutes: int, yes: bool) -> None:
    """However the time is said, and whether or not the policy limits its age."""
    asked = vulnerabilities(vex_anchors=["security"])
    found = scan(finding("CVE-1"))
    time = ago(minutes=minutes)
    assert decide(asked, found, vex(clears("CVE-1"), time=time)).yes == yes
    assert decide(asked, found, vex(clears("CVE-1", timestamp=time))).yes == yes
    assert (
        decide(asked, found, vex(clears("CVE-1", "affected", timestamp=ago(days=2)), clears("CVE-1"), time=time)).yes
        == yes
    )
    # What speaks against it needs no time that has come.
    assert not decide(asked, found, vex(clears("CVE-1"), clears("CVE-1", "affected", timestamp=time))).yes


def test_vex_clears_no_finding_without_an_id_and_none_that_only_begins_like_another() -> None:
    asked = vulnerabilities(vex_anchors=["security"], ignore=["a finding", "C" * 100])
    for name in ("", "C" * 101):
        said = vex(clears("" if not name else "CVE-2"), clears("a finding"))
        assert codes(decide(asked, scan(finding(name)), said)) == ["vulnerability-found"]


@pytest.mark.parametrize(
    ("hashes", "cleared"),
    [
        ({"sha-256": DIGEST.upper()}, True),
        ({"SHA256": DIGEST, "sha-512": OTHER * 2}, True),  # nothing is known here about the other one
        ({"sha-256": OTHER, "sha256": DIGEST}, False),
        ({"sha256": DIGEST, "sha-256": OTHER}, False),
        ({"sha-256": [DIGEST]}, False),
        ({"sha-256": None, "sha256": DIGEST}, False),
    ],
)
def test_vex_about_a_product_by_its_digests(hashes: dict[str, Any], cleared: bool) -> None:
    document = vex(clears("CVE-1", products=[{"hashes": hashes}]))
    decision = decide(vulnerabilities(vex_anchors=["security"]), scan(finding("CVE-1")), document)
    assert decision.yes is cleared


def test_vex_about_a_product_with_a_weak_digest_of_the_artifact_clears_nothing() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    artifact = Artifact("app.whl", {"sha256": DIGEST, "md5": "0" * 32})
    for name, expected in (("md5", False), ("sha-256", True)):
        said = vex(clears("CVE-1", products=[{"@id": "x", "hashes": {name: artifact.digests[name.replace("-", "")]}}]))
        assert asked.decide([scan(finding("CVE-1")), said], artifacts=[artifact], now=NOW).yes is expected


@pytest.mark.parametrize(
    ("product", "cleared"),
    [
        ({"@id": "app.whl"}, True),
        ({"@id": "x", "identifiers": {"purl": "app.whl"}}, True),
        ({"@id": "pkg:pypi/app@1"}, True),
        ({"identifiers": {"cpe23": "x", "purl": "pkg:pypi/app@1"}}, True),
        ({"@id": "app.whl", "identifiers": "x", "hashes": {}}, True),
        ({"@id": "app.whl", "hashes": "x"}, True),
        ({"identifiers": {"app.whl": "x"}}, False),
        ({"identifiers": {"purl": ["app.whl"]}}, False),
        ({"identifiers": ["app.whl"]}, False),
        ({"@id": "beside.whl"}, False),
        ({"@id": ""}, False),
        ({}, False),
        ("app.whl", False),
    ],
)
def test_vex_about_a_product_by_what_the_subject_is_called(product: Any, cleared: bool) -> None:
    subjects = (
        ResourceDescriptor("app.whl", {"sha256": DIGEST}, uri="pkg:pypi/app@1"),
        ResourceDescriptor("beside.whl", {"sha256": OTHER}),
    )
    document = {"timestamp": ago(days=1), "statements": [clears("CVE-1", products=[product])]}
    said = claim(document, BOB, kind="https://openvex.dev/ns/v0.2.0", subjects=subjects)
    decision = decide(vulnerabilities(vex_anchors=["security"]), scan(finding("CVE-1")), said)
    assert decision.yes is cleared


@pytest.mark.parametrize(
    ("part", "cleared"),
    [
        ({"identifiers": {"purl": "pkg:npm/foo@1.2"}}, True),
        ({"@id": "x", "identifiers": {"purl": "pkg:npm/foo"}}, True),
        ({"identifiers": {"purl": "pkg:npm/bar"}}, False),
        ({"identifiers": "pkg:npm/foo"}, False),
        ("pkg:npm/foo", False),
        ({}, False),
    ],
)
def test_vex_about_a_part_by_its_identifiers(part: Any, cleared: bool) -> None:
    found = scan({**finding("CVE-1"), "annotations": {"purl": "pkg:npm/foo@1.2"}})
    said = vex(clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [part]}]))
    assert decide(vulnerabilities(vex_anchors=["security"]), found, said).yes is cleared


def test_vex_about_a_part_clears_what_was_found_in_that_part_and_nothing_else() -> None:
    def of(*parts: str, status: str = "not_affected", **fields: Any) -> dict[str, Any]:
        listed = [{"@id": part} for part in parts]
        return clears("CVE-1", status, products=[{"@id": "app.whl", "subcomponents": listed}], **fields)

    asked = vulnerabilities(vex_anchors=["security"])
    nowhere = scan(finding("CVE-1"))
    here = scan({**finding("CVE-1"), "annotations": [{"name": "foo", "purl": "pkg:npm/foo@1.2?arch=any"}]})
    there = scan({**finding("CVE-1"), "annotations": [{"name": "foo-bar", "purl": "pkg:npm/foo-bar@1.2"}]})
    for part in ("pkg:npm/foo", "pkg:npm/foo@1.2", "pkg:npm/foo@1.2?arch=any", "foo"):
        assert decide(asked, here, vex(of(part, "x"))).yes
        for found in (nowhere, there):
            assert codes(decide(asked, found, vex(of(part)))) == ["vulnerability-found"]
    for part in ("pkg:npm/fo", "pkg:npm/foo@1", "", "pkg:npm/foo@1.3"):
        assert not decide(asked, here, vex(of(part))).yes
    whole = clears("CVE-1", "affected", timestamp=ago(days=3))
    assert decide(asked, here, vex(whole, of("foo"))).yes
    assert not decide(asked, there, vex(whole, of("foo"))).yes
    affected = of("pkg:npm/bar", status="affected", timestamp=ago(days=1))
    assert not decide(asked, here, vex(clears("CVE-1", timestamp=ago(days=3)), affected)).yes
    assert not decide(asked, nowhere, vex(clears("CVE-1", timestamp=ago(days=3)), affected)).yes


@pytest.mark.parametrize(("length", "cleared"), [(1024, True), (1025, False)])
def test_a_part_of_so_many_characters_may_be_named_by_its_beginning(length: int, cleared: bool) -> None:
    part = "pkg:npm/foo@".ljust(length, "1")
    found = scan({**finding("CVE-1"), "annotations": {"purl": part}})
    for said, yes in ((part, True), ("pkg:npm/foo", cleared), ("pkg:npm/foo@", False)):
        document = vex(clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [{"@id": said}]}]))
        assert decide(vulnerabilities(vex_anchors=["security"]), found, document).yes is yes


def test_many_statements_about_many_findings_are_quickly_heard() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    parts = [f"pkg:npm/p{number}@1" for number in range(3000)]
    said = [clears("CVE-1", products=[{"@id": "app.whl", "subcomponents": [{"@id": part}]}]) for part in parts]
    found = scan(*({**finding("CVE-1"), "annotations": [{"purl": part}]} for part in parts))
    document = vex(*said)
    began = time.process_time()
    assert decide(asked, found, document).yes
    assert time.process_time() - began < 3


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_a_severe_finding_is_found_wherever_it_stands_among_others(order: tuple[int, ...]) -> None:
    harmless = [finding("CVE-1", "low"), finding("CVE-2"), finding("CVE-3")]
    listed = [[*harmless, finding("CVE-4")][number] for number in order]
    asked = vulnerabilities(ignore=["CVE-2"], vex_anchors=["security"])
    [failure] = no(decide(asked, scan(*listed), vex(clears("CVE-3"))))
    assert (failure.code, failure.pointer) == (
        "vulnerability-found",
        f"/predicate/scanner/result/{order.index(3)}",
    )
    assert decide(asked, scan(*harmless), vex(clears("CVE-3"))).yes


def test_vex_counts_only_where_a_policy_says_whose() -> None:
    assert codes(decide(vulnerabilities(), scan(finding("CVE-1")), vex(clears("CVE-1")))) == ["vulnerability-found"]


def test_a_later_statement_of_the_same_document_replaces_an_earlier_one() -> None:
    asked = vulnerabilities(vex_anchors=["security"])
    document = vex(clears("CVE-1", "affected", timestamp=ago(days=3)), clears("CVE-1", timestamp=ago(days=2)))
    assert decide(asked, scan(finding("CVE-1")), document).yes


@pytest.mark.parametrize("products", [[{"@id": "app.whl"}], [{"@id": "app.whl", "subcomponents": [{"@id": "foo"}]}]])
@pytest.mark.parametrize("last", ["not_affected", "affected"])
def test_the_latest_statement_counts_wherever_it_stands_in_its_document(products: Any, last: str) -> None:
    found = scan({**finding("CVE-1"), "annotations": [{"name": "foo"}]})
    others = ("affected", "not_affected") if last == "not_affected" else ("not_affected", "affected")
    said = [(last, 1), (others[0], 2), (others[1], 3)]
    for order in permutations(said):
        document = vex(
            *(clears("CVE-1", status, timestamp=ago(days=days), products=products) for status, days in order)
        )
        assert decide(vulnerabilities(vex_anchors=["security"]), found, document).yes == (last == "not_affected")


@pytest.mark.parametrize(
    "contrary",
    [
        clears("CVE-1", "affected", products=["app.whl"]),
        clears("CVE-1", "affected", products=[{"@id": "other.whl"}, "app.whl"]),
        clears("CVE-1", "affected", vulnerability="CVE-1"),
        "text",
    ],
    ids=repr,
)
def test_what_cannot_be_read_of_a_document_may_contradict_the_rest(contrary: Any) -> None:
    """Version 0.0.1 of OpenVEX is verified with notes, and clears nothing."""
    asked = vulnerabilities(vex_anchors=["security"])
    found = scan(finding("CVE-1"))
    assert decide(asked, found, vex(clears("CVE-1"))).yes
    assert not decide(asked, found, vex(clears("CVE-1"), contrary)).yes
    assert not decide(asked, found, vex(contrary, clears("CVE-1"))).yes
