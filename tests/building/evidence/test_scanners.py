"""Reports of scanners become a Vulns that says no more than they do, and what they lack is asked for."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError
from attest.building import evidence
from tests.support.making import reports
from tests.support.making.reports import FINISHED, IMAGE, STARTED, UPDATED, grype, osv, trivy

if TYPE_CHECKING:
    from pathlib import Path

IGNORED_NOTE = "findings that the scanner was told to ignore (marked as ignored): 1"
FINISHED_EXACTLY = "2026-06-01T10:05:00.18595Z"

IMAGE_SUBJECT = [("registry.example.com/app", {"sha256": IMAGE.removeprefix("sha256:")})]


def read(document: dict[str, Any], **details: str) -> evidence.ReportPredicate:
    return evidence.read(json.dumps(document).encode(), details=details)


def subjects(found: evidence.ReportPredicate) -> list[tuple[str | None, dict[str, str]]]:
    return [(subject.name, dict(subject.digest)) for subject in found.subjects]


def test_grype() -> None:
    found = read(grype(), scanStartedOn=STARTED)
    assert found.predicate == {
        "scanner": {
            "uri": "pkg:github/anchore/grype",
            "version": "0.116.1",
            "db": {
                "uri": "https://grype.example.com/databases/v6/db.tar.zst?checksum=sha256%3Aaa",
                "version": "v6.1.9",
                "lastUpdate": UPDATED,
            },
            "result": [
                {
                    "id": "CVE-2026-0001",
                    "severity": [
                        {"method": "nvd:cpe", "score": "High"},
                        {"method": "nvd@nist.gov:cvss_v3.1", "score": "7.5"},
                        {"method": "cvss_v2.0", "score": "5"},
                    ],
                    "annotations": [{"name": "libcrypto3", "version": "3.6.3-r3", "purl": "pkg:apk/a/l@3.6.3-r3"}],
                },
                {
                    "id": "CVE-2026-0002",
                    "severity": [{"method": "nvd:cpe", "score": "Critical"}],
                    "annotations": [
                        {"name": "zlib", "version": "1.3"},
                        {"ignored": {"rules": [{"vulnerability": "CVE-2026-0002", "reason": "not reachable"}]}},
                    ],
                },
            ],
        },
        "metadata": {"scanStartedOn": STARTED, "scanFinishedOn": FINISHED},
    }
    assert subjects(found) == IMAGE_SUBJECT
    assert found.notes == (IGNORED_NOTE,)


def test_grype_with_the_database_of_before() -> None:
    db = {"built": UPDATED, "schemaVersion": 5, "location": "/home/ci/.cache/grype/db/5", "error": None}
    old = grype(descriptor={"name": "", "version": "0.80.2", "db": db, "timestamp": FINISHED})
    found = read(old, scanStartedOn=STARTED)
    assert found.predicate["scanner"]["db"] == {"version": "5", "lastUpdate": UPDATED}


def test_an_image_that_was_never_in_a_registry_has_the_digest_of_its_manifest() -> None:
    source: dict[str, Any] = grype()["source"]
    source["target"]["repoDigests"] = []
    found = read(grype(source=source), scanStartedOn=STARTED)
    assert subjects(found) == [("registry.example.com/app:1", {"sha256": "e" * 64})]


@pytest.mark.parametrize("source", [{"type": "directory", "target": "/src"}, {"type": "file", "target": "a.jar"}, {}])
def test_what_grype_has_no_digest_of_must_be_named(source: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        read(grype(source=source), scanStartedOn=STARTED).statement()
    assert caught.value.code == "subject-missing"


def test_trivy() -> None:
    found = read(trivy(), scanStartedOn=STARTED, lastUpdate=UPDATED)
    assert found.predicate == {
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy",
            "version": "0.70.0",
            "db": {"lastUpdate": UPDATED},
            "result": [
                {
                    "id": "CVE-2026-0001",
                    "severity": [
                        {"method": "nvd", "score": "CRITICAL"},
                        {"method": "nvd:cvss_v2", "score": "7.5"},
                        {"method": "nvd:cvss_v3", "score": "9.8"},
                        {"method": "redhat:cvss_v3", "score": "7"},
                        {"method": "redhat:cvss_v4.0", "score": "8.1"},
                    ],
                    "annotations": [{"name": "musl", "version": "1.2.5-r1", "purl": "pkg:apk/alpine/musl@1.2.5-r1"}],
                }
            ],
        },
        "metadata": {"scanStartedOn": STARTED, "scanFinishedOn": FINISHED},
    }
    assert subjects(found) == IMAGE_SUBJECT
    assert found.notes == ("misconfigurations, secrets and licenses are left out: 2",)


def test_no_rating_of_a_report_is_lost() -> None:
    """Whoever rated it, and also where there is a vector and no score: the worst of them counts for a policy."""
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    document = trivy()
    [found] = document["Results"][0]["Vulnerabilities"]
    found |= {
        "Severity": "LOW",
        "SeveritySource": "ubuntu",
        "VendorSeverity": {"ubuntu": 1, "nvd": 4, "photon": 0, "odd": 7},
        "CVSS": {"nvd": {"V3Vector": vector}, "redhat": {"V3Score": 7.5, "V3Vector": vector}},
    }
    [made] = read(document, scanStartedOn=STARTED, lastUpdate=UPDATED).predicate["scanner"]["result"]
    assert [(one["method"], one["score"]) for one in made["severity"]] == [
        ("ubuntu", "LOW"),
        ("nvd", "CRITICAL"),
        ("photon", "UNKNOWN"),
        ("odd", "7"),
        ("nvd:cvss_v3", vector),
        ("redhat:cvss_v3", "7.5"),
    ]
    document = grype()
    document["matches"][0]["vulnerability"]["cvss"] = [{"version": "3.1", "vector": vector}]
    made, _ = read(document, scanStartedOn=STARTED).predicate["scanner"]["result"]
    assert made["severity"] == [{"method": "nvd:cpe", "score": "High"}, {"method": "cvss_v3.1", "score": vector}]
    document = osv()
    [first, _] = document["results"][0]["packages"][0]["vulnerabilities"]
    first |= {
        "severity": [{"type": "CVSS_V3", "score": ["7"]}],
        "database_specific": {"severity": "MODERATE"},
        "affected": [
            {"severity": [{"type": "Ubuntu", "score": "low"}], "database_specific": {"cvss": vector}},
            {"ecosystem_specific": {"severity": "HIGH"}},
        ],
    }
    [made, _] = read(document, **reports.DETAILS["osv"]).predicate["scanner"]["result"]
    assert [(one["method"], one["score"]) for one in made["severity"]] == [
        ("cvss_v3", "not understood"),
        ("database_specific", "MODERATE"),
        ("ubuntu", "low"),
        ("cvss", vector),
        ("ecosystem_specific", "HIGH"),
        ("osv-scanner:max_severity", "9.8"),
    ]


def test_the_id_of_an_image_is_not_its_digest() -> None:
    found = read(trivy(Metadata={"ImageID": IMAGE}), scanStartedOn=STARTED, lastUpdate=UPDATED)
    assert found.subjects == ()
    with pytest.raises(InputError, match=f"the image ID {IMAGE}, which is not a digest"):
        found.statement()


def test_that_nothing_was_found_counts_only_where_something_was_looked_for() -> None:
    given = {"scanStartedOn": STARTED, "lastUpdate": UPDATED}
    clean = read(trivy(Results=[{"Target": "app", "Class": "lang-pkgs", "Type": "gobinary"}]), **given)
    assert (clean.predicate["scanner"]["result"], clean.notes) == ([], ())
    empty = trivy()
    del empty["Results"]
    assert read(empty, **given).notes == ("trivy found no packages to scan",)
    with pytest.raises(InputError, match="did not look for vulnerabilities") as caught:
        read(trivy(Results=[{"Target": "Dockerfile", "Class": "config"}]), **given)
    assert caught.value.code == "report-invalid"


def test_osv_scanner() -> None:
    found = read(osv(), **reports.DETAILS["osv"])
    assert found.predicate == {
        "scanner": {
            "uri": "pkg:github/google/osv-scanner",
            "version": "2.3.0",
            "db": {"lastUpdate": UPDATED},
            "result": [
                {
                    "id": "GO-2026-0001",
                    "severity": [
                        {"method": "cvss_v3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                        {"method": "osv-scanner:max_severity", "score": "9.8"},
                    ],
                    "annotations": [{"name": "example.com/lib", "version": "1.3.1", "ecosystem": "Go"}],
                },
                {
                    "id": "GO-2026-0002",
                    "severity": [],
                    "annotations": [{"name": "example.com/lib", "version": "1.3.1", "ecosystem": "Go"}],
                },
            ],
        },
        "metadata": {"scanStartedOn": STARTED, "scanFinishedOn": FINISHED},
    }
    assert found.subjects == ()


def test_osv_scanner_that_found_nothing() -> None:
    found = read(osv(results=[]), **reports.DETAILS["osv"])
    assert found.predicate["scanner"]["result"] == []
    bare = evidence.read(b'{"results": []}', form="osv", details=reports.DETAILS["osv"])
    assert bare.predicate["scanner"]["result"] == []


@pytest.mark.parametrize(
    ("document", "lacks"),
    [
        (grype(), "scanStartedOn"),
        (trivy(), "lastUpdate nor scanStartedOn"),
        (osv(), "lastUpdate nor scanStartedOn nor scanFinishedOn"),
        (grype(descriptor={"name": "grype"}), "lastUpdate nor scanStartedOn nor scanFinishedOn"),
        (trivy(CreatedAt="0001-01-01T00:00:00Z"), "lastUpdate nor scanStartedOn nor scanFinishedOn"),
    ],
)
def test_a_time_that_the_report_lacks_is_asked_for(document: dict[str, Any], lacks: str) -> None:
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.code == "report-incomplete"
    assert f"the report does not have {lacks.replace(' nor ', ' or ')}," in caught.value.message
    assert all(f"--detail {name}=TIME" in (caught.value.hint or "") for name in lacks.split(" nor "))


def test_what_the_report_says_itself_may_be_given_and_is_not_replaced() -> None:
    said = {"version": "0.116.1", "lastUpdate": "2026-05-31T04:00:00+02:00", "scanFinishedOn": FINISHED_EXACTLY}
    plain = read(grype(), scanStartedOn=STARTED)
    assert read(grype(), scanStartedOn=STARTED, **said) == plain
    for name in said:
        with pytest.raises(InputError, match=f"the report has another {name}") as caught:
            read(grype(), scanStartedOn=STARTED, **{name: STARTED})
        assert caught.value.code == "option-invalid"


def trivy_suppressed(**finding: Any) -> dict[str, Any]:
    modified = {"Type": "vulnerability", "Status": "not_affected", "Statement": "x", "Source": "vex.json"}
    document = trivy()
    document["Results"][0]["ExperimentalModifiedFindings"] = [
        {**modified, "Finding": {"VulnerabilityID": "CVE-2026-0009", "Severity": "CRITICAL", "PkgName": "zlib"}},
        {"Type": "secret", "Status": "ignored", "Finding": {}},
    ]
    return document


def test_what_trivy_suppresses_is_a_result_and_marked() -> None:
    found = read(trivy_suppressed(), scanStartedOn=STARTED, lastUpdate=UPDATED)
    _, ignored = found.predicate["scanner"]["result"]
    assert ignored == {
        "id": "CVE-2026-0009",
        "severity": [{"method": "trivy", "score": "CRITICAL"}],
        "annotations": [
            {"name": "zlib"},
            {"ignored": {"status": "not_affected", "statement": "x", "source": "vex.json"}},
        ],
    }
    assert IGNORED_NOTE in found.notes


def cluster(**fields: Any) -> dict[str, Any]:
    image = trivy()
    resource = {"Namespace": "default", "Kind": "Deployment", "Name": "app", "Results": image["Results"][:1]}
    other = {"Kind": "Pod", "Name": "b", "Results": [{"Class": "config", "Misconfigurations": [{"ID": "KSV014"}]}]}
    return {
        "ClusterName": "test",
        "Resources": [
            {**resource, "Metadata": [image["Metadata"]]},
            {**resource, "Name": "again", "Metadata": image["Metadata"]},
            {**other, "Metadata": [{"RepoDigests": [f"registry.example.com/other@sha256:{'7' * 64}"]}]},
        ],
        **fields,
    }


def test_the_results_of_a_cluster_are_about_the_images_that_were_scanned() -> None:
    details = {**reports.DETAILS["osv"], "version": "0.70.0"}
    found = read(cluster(), **details)
    assert subjects(found) == IMAGE_SUBJECT
    assert [one["id"] for one in found.predicate["scanner"]["result"]] == ["CVE-2026-0001"] * 2
    assert read(cluster(ClusterName=""), **details).predicate == found.predicate
    assert found.predicate["scanner"]["result"][0]["annotations"][1] == {
        "resource": {"namespace": "default", "kind": "Deployment", "name": "app"}
    }
    assert "misconfigurations, secrets and licenses are left out: 1" in found.notes
    failed = cluster()
    failed["Resources"][2] = {"Kind": "Pod", "Name": "b", "Error": "unauthorized"}
    with pytest.raises(InputError, match="could not scan Pod/b") as caught:
        read(failed, **details)
    assert caught.value.where == "/Resources/2/Error"
    with pytest.raises(InputError, match="did not look for vulnerabilities"):
        read(cluster(Resources=cluster()["Resources"][2:]), **details)


def test_real_reports_of_scanners_have_all_their_findings(shared_data: Path) -> None:
    cases = json.loads((shared_data / "reports" / "cases.json").read_bytes())
    read_files = 0
    for case in cases:
        if case["format"] not in ("grype", "trivy", "trivy-k8s", "osv"):
            continue
        data = (shared_data / "reports" / case["file"]).read_bytes()
        if case["treatment"] not in ("accept", "refuse-by-name"):  # trivy k8s is read since it was written
            with pytest.raises(InputError) as caught:
                evidence.read(data)
            assert caught.value.code in ("report-invalid", "report-unsupported"), case["file"]
            continue
        results = scanned(data)["scanner"]["result"]
        counts = case["counts"]
        kept = [one for one in results if not any("ignored" in mark for mark in one.get("annotations", ()))]
        assert len(kept) == counts.get("matches", counts.get("vulnerabilities")), case["file"]
        assert len(results) - len(kept) == counts.get("ignored", counts.get("suppressed", 0)), case["file"]
        if "severity" in counts:
            words = Counter(one["severity"][0]["score"].lower() for one in kept)
            assert words == counts["severity"], case["file"]
        read_files += 1
    assert read_files > 10


def scanned(data: bytes) -> dict[str, Any]:
    """The predicate of a report, with all details that it lacks."""
    details: dict[str, Any] = {}
    while True:
        try:
            return dict(evidence.read(data, details=details).predicate)
        except InputError as error:
            missing = [name for name in ("lastUpdate", "scanStartedOn", "scanFinishedOn") if name in error.message]
            if error.code != "report-incomplete" or not missing:
                raise
            details |= dict.fromkeys(missing, STARTED)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        read(grype(), scanStartedOn="yesterday")
    assert (caught.value.code, caught.value.where) == ("time-invalid", "scanStartedOn")
