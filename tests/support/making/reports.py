"""Reports in the shape that each tool gives them, with content of our own; whole documents, small."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

IMAGE = "sha256:" + "c" * 64
SHA256 = "a" * 64
SHA512 = "b" * 128
STARTED, FINISHED, UPDATED = "2026-06-01T10:00:00Z", "2026-06-01T10:05:00Z", "2026-05-31T02:00:00Z"

JUNIT = {
    # Maven surefire: one suite a file; flaky tests passed when they were tried again.
    "surefire": """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" name="com.example.AppTest" time="0.1"
    tests="4" errors="0" skipped="1" failures="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="com.example.AppTest" time="0.01"/>
  <testcase name="waits" classname="com.example.AppTest" time="0.01">
    <flakyFailure message="timed out" type="java.lang.AssertionError"><stackTrace>...</stackTrace></flakyFailure>
  </testcase>
  <testcase name="later" classname="com.example.AppTest" time="0"><skipped message="not yet"/></testcase>
  <testcase name="divides" classname="com.example.AppTest" time="0.02">
    <failure message="expected: 1" type="AssertionFailedError"><![CDATA[<failure> is <only> text]]></failure>
    <system-out><![CDATA[<testcase name="not one"/>]]></system-out>
  </testcase>
</testsuite>
""",
    # Gradle: the same shape, with a host name and output behind the tests.
    "gradle": """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.example.GreetTest" tests="1" skipped="0" failures="0" errors="0" timestamp="2026-06-01T10:00:00"
    hostname="ci" time="0.02"><properties/><testcase name="greets()" classname="com.example.GreetTest" time="0.02"/>
  <system-out><![CDATA[hello]]></system-out><system-err><![CDATA[]]></system-err></testsuite>
""",
    # go-junit-report: a suite a package, a subtest behind a slash.
    "go": """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
  <testsuite name="example.com/app" tests="2" failures="1" errors="0" id="0" hostname="ci" time="0.002">
    <properties><property name="go.version" value="go1.24"></property></properties>
    <testcase name="TestAdd/small" classname="example.com/app" time="0.000"></testcase>
    <testcase name="TestDiv" classname="example.com/app" time="0.000"><failure message="Failed"></failure></testcase>
  </testsuite>
</testsuites>
""",
    # jest-junit: its counts may be missing, and suites lie flat.
    "jest": """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="1" failures="0" errors="0" time="0.5">
  <testsuite name="sum" errors="0" failures="0" skipped="0" timestamp="2026-06-01T10:00:00" time="0.4" tests="1">
    <testcase classname="sum adds" name="sum adds" time="0.004"></testcase>
  </testsuite>
</testsuites>
""",
    # GoogleTest: what didn't run says so in an attribute; suites may be nested elsewhere.
    "gtest": """<testsuites tests="2" failures="0" disabled="1" errors="0" name="AllTests"><testsuite name="Outer">
  <testsuite name="Math" tests="2"><testcase name="Adds" status="run" result="completed" classname="Math"/>
  <testcase name="Divides" status="notrun" result="suppressed" classname="Math"/></testsuite></testsuite></testsuites>
""",
}


def grype(**fields: Any) -> dict[str, Any]:
    """What grype writes of an image with version 6 of its database."""
    return {
        "matches": [
            {
                "vulnerability": {
                    "id": "CVE-2026-0001",
                    "namespace": "nvd:cpe",
                    "severity": "High",
                    "cvss": [
                        {"source": "nvd@nist.gov", "type": "Primary", "version": "3.1", "metrics": {"baseScore": 7.5}},
                        {"type": "Secondary", "version": "2.0", "metrics": {"baseScore": 5}},
                    ],
                    "fix": {"versions": [], "state": "unknown"},
                },
                "relatedVulnerabilities": [],
                "matchDetails": [{"type": "cpe-match"}],
                "artifact": {
                    "name": "libcrypto3",
                    "version": "3.6.3-r3",
                    "type": "apk",
                    "purl": "pkg:apk/a/l@3.6.3-r3",
                },
            }
        ],
        "ignoredMatches": [
            {
                "vulnerability": {"id": "CVE-2026-0002", "namespace": "nvd:cpe", "severity": "Critical"},
                "artifact": {"name": "zlib", "version": "1.3"},
                "appliedIgnoreRules": [{"vulnerability": "CVE-2026-0002", "reason": "not reachable", "namespace": ""}],
            }
        ],
        "source": {
            "type": "image",
            "target": {
                "userInput": "registry.example.com/app:1",
                "imageID": "sha256:" + "d" * 64,
                "manifestDigest": "sha256:" + "e" * 64,
                "repoDigests": [f"registry.example.com/app@{IMAGE}"],
            },
        },
        "descriptor": {
            "name": "grype",
            "version": "0.116.1",
            "db": {
                "status": {
                    "schemaVersion": "v6.1.9",
                    "from": "https://grype.example.com/databases/v6/db.tar.zst?checksum=sha256%3Aaa",
                    "built": UPDATED,
                    "valid": True,
                }
            },
            "timestamp": "2026-06-01T12:05:00.18595+02:00",
        },
        **fields,
    }


def trivy(**fields: Any) -> dict[str, Any]:
    """What trivy writes of an image."""
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2026-06-01T10:05:00.964726549Z",
        "ArtifactName": "registry.example.com/app:1",
        "ArtifactType": "container_image",
        "Trivy": {"Version": "0.70.0"},
        "Metadata": {
            "ImageID": "sha256:" + "d" * 64,
            "RepoDigests": [f"registry.example.com/app@{IMAGE}"],
            "OS": {"Family": "alpine", "Name": "3.22"},
        },
        "Results": [
            {
                "Target": "app (alpine 3.22)",
                "Class": "os-pkgs",
                "Type": "alpine",
                "Vulnerabilities": [
                    {
                        "VulnerabilityID": "CVE-2026-0001",
                        "PkgName": "musl",
                        "PkgIdentifier": {"PURL": "pkg:apk/alpine/musl@1.2.5-r1"},
                        "InstalledVersion": "1.2.5-r1",
                        "SeveritySource": "nvd",
                        "Severity": "CRITICAL",
                        "CVSS": {"nvd": {"V2Score": 7.5, "V3Score": 9.8}, "redhat": {"V3Score": 7, "V40Score": 8.1}},
                    }
                ],
            },
            {"Target": "Dockerfile", "Class": "config", "Misconfigurations": [{"ID": "DS-0001"}, {"ID": "DS-0002"}]},
        ],
        **fields,
    }


def osv(**fields: Any) -> dict[str, Any]:
    """What osv-scanner writes of a lock file."""
    return {
        "results": [
            {
                "source": {"path": "/src/go.mod", "type": "lockfile"},
                "packages": [
                    {
                        "package": {"name": "example.com/lib", "version": "1.3.1", "ecosystem": "Go"},
                        "vulnerabilities": [
                            {
                                "id": "GO-2026-0001",
                                "severity": [
                                    {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}
                                ],
                            },
                            {"id": "GO-2026-0002"},
                        ],
                        "groups": [{"ids": ["GO-2026-0001"], "aliases": ["CVE-2026-0001"], "max_severity": "9.8"}],
                    },
                    {"package": {"name": "left-pad", "version": "1.0", "ecosystem": "npm"}, "licenses": ["MIT"]},
                ],
            }
        ],
        "experimental_config": {"licenses": {"summary": False, "allowlist": None}},
        **fields,
    }


def cyclonedx(spec: str = "1.6", **fields: Any) -> dict[str, Any]:
    """A CycloneDX document about a wheel."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": spec,
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": "app",
                "name": "app.whl",
                "version": "1.0",
                "purl": "pkg:pypi/app@1.0",
                "hashes": [{"alg": "SHA-256", "content": SHA256.upper()}, {"alg": "SHA-512", "content": SHA512}],
            }
        },
        "components": [{"type": "library", "name": "lib", "version": "2.0", "purl": "pkg:pypi/lib@2.0"}],
        **fields,
    }


def spdx(**fields: Any) -> dict[str, Any]:
    """An SPDX 2.3 document about a wheel."""
    common = {"downloadLocation": "NOASSERTION", "filesAnalyzed": False}
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "dataLicense": "CC0-1.0",
        "name": "app-1.0",
        "documentNamespace": "https://example.com/spdx/app-1.0",
        "creationInfo": {"created": "2026-06-01T10:00:00Z", "creators": ["Tool: example-1.0"]},
        "packages": [
            {
                "SPDXID": "SPDXRef-app",
                "name": "app",
                "versionInfo": "1.0",
                "packageFileName": "app.whl",
                "checksums": [
                    {"algorithm": "SHA1", "checksumValue": "c" * 40},
                    {"algorithm": "SHA256", "checksumValue": SHA256},
                ],
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": "pkg:pypi/app@1.0",
                    }
                ],
                **common,
            },
            {
                "SPDXID": "SPDXRef-lib",
                "name": "lib",
                "checksums": [{"algorithm": "SHA256", "checksumValue": "9" * 64}],
                **common,
            },
        ],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": "SPDXRef-app",
            },
            {"spdxElementId": "SPDXRef-app", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-lib"},
        ],
        **fields,
    }


def spdx3(**fields: Any) -> dict[str, Any]:
    """An SPDX 3 document about a wheel, by way of an SBOM."""
    made = {"creationInfo": "_:made"}
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {
                "type": "CreationInfo",
                "@id": "_:made",
                "specVersion": "3.0.1",
                "created": "2026-06-01T10:00:00Z",
                "createdBy": ["https://example.com/acme"],
            },
            {"type": "Organization", "spdxId": "https://example.com/acme", "name": "acme", **made},
            {
                "type": "SpdxDocument",
                "spdxId": "https://example.com/document",
                "profileConformance": ["core", "software"],
                "rootElement": ["https://example.com/sbom"],
                **made,
            },
            {
                "type": "software_Sbom",
                "spdxId": "https://example.com/sbom",
                "rootElement": ["https://example.com/app"],
                **made,
            },
            {
                "type": "software_Package",
                "spdxId": "https://example.com/app",
                "name": "app.whl",
                "software_packageUrl": "pkg:pypi/app@1.0",
                "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": SHA256}],
                **made,
            },
            {
                "type": "software_Package",
                "spdxId": "https://example.com/lib",
                "name": "lib",
                "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "9" * 64}],
                **made,
            },
        ],
        **fields,
    }


def openvex(**changes: Any) -> dict[str, Any]:
    """As vexctl writes it, with hashes beside the purl."""
    product = {"@id": "pkg:pypi/app@1.0", "hashes": {"sha-256": SHA256}}
    statement = {"vulnerability": {"name": "CVE-2026-1"}, "products": [product], "status": "fixed"}
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "Example",
        "timestamp": STARTED,
        "version": 1,
        "statements": [statement],
        **changes,
    }


DOCUMENTS = {
    "grype": grype,
    "trivy": trivy,
    "osv": osv,
    "cyclonedx": cyclonedx,
    "spdx": spdx,
    "spdx3": spdx3,
    "openvex": openvex,
}
# What each scanner doesn't say.
DETAILS = {
    "grype": {"scanStartedOn": STARTED},
    "trivy": {"scanStartedOn": STARTED, "lastUpdate": UPDATED},
    "osv": {"scanStartedOn": STARTED, "scanFinishedOn": FINISHED, "lastUpdate": UPDATED, "version": "2.3.0"},
}


def data(form: str) -> bytes:
    """The specimen of a format as bytes."""
    return JUNIT["surefire"].encode() if form == "junit" else json.dumps(DOCUMENTS[form]()).encode()


def hide_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing of the extra `attest-dsse[sbom]` be there to import."""
    for name in ["cyclonedx", "spdx_tools", "spdx_python_model", *sys.modules]:
        if name.partition(".")[0] in ("cyclonedx", "spdx_tools", "spdx_python_model"):
            monkeypatch.setitem(sys.modules, name, None)
