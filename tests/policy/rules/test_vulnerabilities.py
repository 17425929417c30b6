"""The rule vulnerabilities: severities, ratings, and how fresh a scan must be."""

from __future__ import annotations

from itertools import product
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.policy._ratings import Ratings
from tests.support.making.keys import BOB
from tests.support.making.policies import OTHER, ago, codes, decide, finding, no, scan, vulnerabilities


def test_a_scan_without_severe_findings_is_a_yes() -> None:
    assert decide(vulnerabilities(), scan()).yes
    assert decide(vulnerabilities(), scan(finding("CVE-1", "medium"), finding("CVE-2", "6.9", "cvss_score"))).yes
    assert decide(vulnerabilities(ignore=["CVE-1"]), scan(finding("CVE-1"))).yes


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (finding("CVE-1"), "vulnerability-found"),
        (finding("CVE-1", "HIGH"), "vulnerability-found"),
        (finding("CVE-1", "7.0", "CVSS_v3"), "vulnerability-found"),
        (finding("CVE-1", "9.8", "epss"), "vulnerability-unrated"),
        (finding("CVE-1", "nan", "cvss"), "vulnerability-unrated"),
        (finding("CVE-1", "11", "cvss"), "vulnerability-unrated"),
        (finding("CVE-1", "unknown"), "vulnerability-unrated"),
        ({"id": "CVE-1", "severity": []}, "vulnerability-unrated"),
        ({"id": "CVE-1"}, "vulnerability-unrated"),
        ({"id": "CVE-1", "severity": {"method": "nvd", "score": "critical"}}, "vulnerability-found"),
        ({"vulnerability": {"id": "CVE-1", "severity": [{"method": "nvd", "score": "high"}]}}, "vulnerability-found"),
        ("CVE-1", "vulnerability-unrated"),
        (
            {"id": "CVE-1", "severity": [{"method": "a", "score": "low"}, {"method": "b", "score": "critical"}]},
            "vulnerability-found",
        ),
    ],
)
def test_a_severe_finding_is_a_no(entry: Any, code: str) -> None:
    [failure] = no(decide(vulnerabilities(), scan(finding("CVE-0", "low"), entry)))
    assert (failure.code, failure.pointer) == (code, "/predicate/scanner/result/1")


def rated(*ratings: Any, **fields: Any) -> dict[str, Any]:
    """A finding with these ratings, each a score and a method, or anything else that stands there."""
    listed = [{"score": one[0], "method": one[1]} if isinstance(one, tuple) else one for one in ratings]
    return {"id": "CVE-1", "severity": listed, **fields}


V3_LOW = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
V3_WORST = "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
V4_WORST = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"


@pytest.mark.parametrize(
    ("entry", "severity"),
    [
        (rated((V3_LOW, "cvss_v3"), ("1.8", "osv-scanner:max_severity"), ("LOW", "database_specific")), "low"),
        (rated((V3_LOW, "anything"), (V3_WORST, "anything")), "critical"),
        (rated((V4_WORST, "cvss_v4"), ("low", "vendor")), "critical"),
        (rated((f"{V4_WORST}/E:U", "cvss_v4")), "critical"),
        (rated(("AV:N/AC:L/Au:N/C:C/I:C/A:C", "cvss_v2")), "critical"),  # 2.0 itself has no `critical`
        (rated(("AV:L/AC:H/Au:M/C:P/I:N/A:N", "cvss_v2")), "low"),
        # Its environmental score is higher than its base score, and the worst counts.
        (rated((f"{V3_LOW}/MAV:N/MAC:L/MPR:N/MUI:N/MS:C/MC:H/MI:H/MA:H", "cvss_v3")), "critical"),
        (rated(("6.9", "cvss"), ("7.0", "cvss")), "high"),
        (rated((8.9, "cvss"), (7, "cvss")), "high"),
        (rated(("9.00", "CVSS_v3"), ("negligible", "x")), "critical"),
        (rated(("10.0", "osv-scanner:max_severity")), "critical"),
        ({"id": "CVE-1", "severity": {"method": "x", "score": "Low"}}, "low"),
        ({"vulnerability": {"id": "CVE-1", "severity": [{"method": "x", "score": "high"}]}}, "high"),
        (rated(("high", "x"), vulnerability=rated(("important", "y"))), "high"),
        (rated(("high", "x"), vulnerability=rated()), "high"),
    ],
)
def test_the_worst_rating_counts(entry: Any, severity: str) -> None:
    ranks = ["low", "medium", "high", "critical"]
    for lowest in ranks:
        decision = decide(vulnerabilities(severity=lowest), scan(entry))
        assert decision.yes is (ranks.index(severity) < ranks.index(lowest))
        assert [failure.code for failure in decision.requirements[0].failures] == (
            [] if decision.yes else ["vulnerability-found"]
        )


@pytest.mark.parametrize(
    "entry",
    [
        *(
            rated((score, "cvss"), ("low", "vendor"))
            for score in [
                "CRITICAL+",
                "unknown",
                "",
                "nan",
                "inf",
                "-1",
                "10.1",
                "11",
                "1_0",
                "1e0",
                " 1.8\n",
                "1.85",  # CVSS has one decimal
                "\u0661.\u0668",  # 1.8 in Arabic-Indic digits
                "\uff11",
                "\uff2c\uff2f\uff37",
                None,
                True,
                10**400,
                -1.0,
                ["low"],
                V3_LOW.replace("3.1", "3.2"),
                V3_LOW.replace("CVSS:", "cvss:"),
                V3_LOW + "/",
                V3_LOW + "/AV:N",
                V3_LOW + "/XX:Y",
                V3_LOW[:-4],
                "CVSS:4.1" + V4_WORST[8:],
                V3_LOW.removeprefix("CVSS:3.1/"),
                "(AV:L/AC:H/Au:M/C:P/I:N/A:N)",
                "CVSS:3.1/" + "AV:L/" * 40_000 + "AC:H",
            ]
        ),
        rated(("1.8", "epss"), ("low", "vendor")),
        rated(("10.0", "nvd"), ("low", "ubuntu")),
        rated("critical", ("low", "vendor")),
        rated({"method": "nvd"}, ("low", "vendor")),
        rated({}, ("low", "vendor")),
        {"id": "CVE-1", "severity": "critical"},
        rated(("low", "x"), vulnerability=rated(("critical", "y"))),
        rated(("critical", "x"), vulnerability=rated(("low", "y"))),
        rated(("low", "x"), vulnerability=rated(("CRITICAL+", "y"))),
        rated(),
        rated(vulnerability="CVE-1"),
    ],
)
def test_a_finding_that_may_be_worse_than_what_can_be_read_is_not_rated(entry: Any) -> None:
    decision = decide(vulnerabilities(severity="critical"), scan(entry))
    assert codes(decision) == ["vulnerability-unrated"]
    assert decide(vulnerabilities(severity="critical", ignore=["CVE-1"]), scan(entry)).yes


def test_a_finding_with_two_ids_is_neither_ignored_nor_cleared() -> None:
    entry = rated(("critical", "x"), vulnerability={"id": "CVE-2"})
    assert not decide(vulnerabilities(severity="critical", ignore=["CVE-1", "CVE-2"]), scan(entry)).yes


@given(st.lists(st.sampled_from(["low", "medium", "high", "critical", V3_LOW, V3_WORST, "??", "9.8"])), st.data())
@settings(deadline=None)
def test_another_rating_never_makes_a_finding_better(scores: list[str], data: st.DataObject) -> None:
    def worst(listed: list[str]) -> int:
        rank = Ratings().read(rated(*((score, "cvss") for score in listed))).rank
        return 5 if rank is None else rank

    if scores:  # no rating at all is as bad as one that can't be read
        more = data.draw(st.sampled_from(["none", "low", "critical", V3_LOW, "??"]))
        at = data.draw(st.integers(0, len(scores)))
        assert worst([*scores[:at], more, *scores[at:]]) >= worst(scores)
    assert worst(scores) == worst(scores[::-1])


def test_the_same_vector_is_read_once_and_of_those_that_differ_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def count(text: str, version: str | None) -> int:
        read.append(text)
        return 1

    monkeypatch.setattr("attest.policy._ratings._read_vector", count)
    ratings = Ratings()
    assert all(ratings.read(rated((V3_LOW, "x"))).rank == 1 for _ in range(10))
    assert read == [V3_LOW]
    many = [f"AV:L/AC:H/{''.join(letters)}:N" for letters in product(ascii_uppercase[:18], repeat=3)]
    ranks = [ratings.read(rated((text, "x"))).rank for text in many]
    assert len(set(many)) == len(many) > 5000
    assert len(read) == ranks.count(1) + 1 == 4096
    assert ratings.read(rated((V3_LOW, "x"))).rank == 1


def test_every_finding_is_told_up_to_a_limit() -> None:
    assert (
        codes(decide(vulnerabilities(), scan(*(finding(f"CVE-{n}") for n in range(3))))) == ["vulnerability-found"] * 3
    )
    assert len(no(decide(vulnerabilities(), scan(*(finding(f"CVE-{n}") for n in range(99)))))) == 33


def ignored(name: str, severity: str = "critical") -> dict[str, Any]:
    """A finding as `attest build --from` marks it when the scanner was told to ignore it."""
    return {**finding(name, severity), "annotations": [{"name": "lib"}, {"ignored": {"status": "not_affected"}}]}


def test_what_the_scanner_was_told_to_ignore_counts_unless_the_policy_allows_it() -> None:
    [failure] = no(decide(vulnerabilities(), scan(ignored("CVE-1"))))
    assert (failure.code, "told to ignore it" in failure.message) == ("vulnerability-found", True)
    assert codes(decide(vulnerabilities(), scan(ignored("CVE-1", "?")))) == ["vulnerability-unrated"]
    assert decide(vulnerabilities(ignore=["CVE-1"]), scan(ignored("CVE-1"))).yes
    allowed = vulnerabilities(allow_ignored=True)
    assert decide(allowed, scan(ignored("CVE-1"), ignored("CVE-2", "?"))).yes
    assert codes(decide(allowed, scan(ignored("CVE-1"), finding("CVE-1")))) == ["vulnerability-found"]
    assert codes(decide(vulnerabilities(allow_ignored=False), scan(ignored("CVE-1")))) == ["vulnerability-found"]


@pytest.mark.parametrize("annotations", [None, 1, "ignored", ["ignored"], {"ignored": {}}, [{"ignored": True}], [[]]])
def test_only_a_mark_of_that_form_is_one(annotations: Any) -> None:
    marked = {**finding("CVE-1"), "annotations": annotations}
    assert codes(decide(vulnerabilities(allow_ignored=True), scan(marked))) == ["vulnerability-found"]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (scan(finished=ago(days=8)), "too-old"),
        (scan(finished="yesterday"), "time-missing"),
        (scan(by=BOB), "anchor-not-accepted"),
        (scan(digest=OTHER), "evidence-missing"),
        (scan(finished=ago(days=-1)), "time-in-future"),
    ],
)
def test_a_scan_that_is_not_fresh_about_the_artifact_and_from_the_anchor_is_none(made: Any, code: str) -> None:
    assert codes(decide(vulnerabilities(), made)) == [code]


def test_no_scan_is_no_evidence_of_no_vulnerability() -> None:
    assert codes(decide(vulnerabilities())) == ["evidence-missing"]


def test_an_old_database_finds_nothing_new() -> None:
    asked = vulnerabilities(max_database_age="7d")
    assert decide(asked, scan()).yes
    [failure] = no(decide(asked, scan(database=ago(days=8))))
    assert (failure.code, failure.pointer) == ("too-old", "/predicate/scanner/db/lastUpdate")
