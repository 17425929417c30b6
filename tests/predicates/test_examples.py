"""Examples of the specifications that break their own text: what becomes of each, as docs/sign/predicates.md tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from attest import InputError, Statement, predicates, schema
from attest._base.json import dumps
from attest.statement import V0_1, V1
from tests.support.making.statements import DIGEST

DOCS = (Path(__file__).parents[2] / "docs" / "sign" / "predicates.md").read_text()


class Example(NamedTuple):
    """An example as it is printed, but for what it leaves out with `...`; or, where that isn't JSON, its text."""

    source: str
    section: str
    predicate_type: str
    predicate: Any
    code: str | None = None
    statement: str = V1
    digest: str = DIGEST


SCANNED = {"scanStartedOn": "2021-08-06T17:45:50.52Z", "scanFinishedOn": "2021-08-06T17:50:50.52Z"}
TRIVY = {
    "uri": "pkg:github/aquasecurity/trivy@244fd47e07d1004f0aed9",
    "version": "0.19.2",
    "db": {
        "uri": "pkg:github/aquasecurity/trivy-db/commit/4c76bb580b2736d67751410fa4ab66d2b6b9b27d",
        "version": "v1-2021080612",
        "lastUpdate": "2021-08-06T17:45:50.52Z",
    },
    "result": [
        {
            "id": "CVE-123",
            "severity": [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "5.2"}],
        }
    ],
}
VSA = {
    "verifier": {"id": "https://example.com/publication_verifier"},
    "timeVerified": "1985-04-12T23:20:50.52Z",
    "resourceUri": "https://example.com/example-1.2.3.tar.gz",
    "policy": {"uri": "https://example.com/example_tarball.policy", "digest": {"sha256": "1234..."}},
    "inputAttestations": [
        {
            "uri": "https://example.com/provenances/example-1.2.3.tar.gz.intoto.jsonl",
            "digest": {"sha256": "abcd..."},
        }
    ],
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
}
OLD_VSA = {
    "verifier": {"id": "https://example.com/publication_verifier"},
    "time_verified": "1985-04-12T23:20:50.52Z",
    "resource_uri": "https://example.com/example-1.2.3.tar.gz",
    "policy": {"uri": "https://example.com/example_tarball.policy", "digest": {"sha256": "1234..."}},
    "input_attestations": [{"uri": "https://example.com/a.intoto.jsonl", "digest": {"sha256": "abcd..."}}],
    "verification_result": "PASSED",
    "policy_level": "SLSA_LEVEL_3",
    "dependency_levels": {"SLSA_LEVEL_3": 5, "SLSA_LEVEL_2": 7, "SLSA_LEVEL_1": 1},
}
TRACE = {
    "monitor": {"type": "https://github.com/cilium/tetragon/v0.8.4", "configSource": {}},
    "monitoredProcess": {
        "hostID": "https://tekton.dev/chains/v2",
        "type": "https://tekton.dev/attestations/chains@v2",
        "event": "run-image-pipelinerun-build-trusted",
    },
    "monitorLog": {"process": [{"eventType": "process", "processBinary": "/bin/touch", "privileged": None}]},
}
VEX = {
    "@context": "https://openvex.dev/ns",
    "@id": "https://openvex.dev/docs/example/vex-9fb3463de1b57",
    "author": "Wolfi J Inkinson",
    "role": "Security Researcher",
    "timestamp": "2023-01-08T18:02:03.647787998-06:00",
    "version": "1",
    "statements": [{"vulnerability": {"name": "CVE-2023-12345"}, "status": "fixed"}],
}
SCANNERS = {
    "invocation": {"parameters": ["--format=json"], "uri": "https://github.com/developer-guy/alpine/actions/runs/1"},
    "scanners": [{"uri": TRIVY["uri"], "version": "0.19.2", "result": {"SchemaVersion": 2}}],
    "metadata": SCANNED,
}
BOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.4",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "components": [{"type": "library", "name": "acme-library", "version": "1.0.0"}],
}

EXAMPLES = [
    Example(
        "vulns_02.md", "Example", "https://in-toto.io/attestation/vulns/v0.2", {"scanner": TRIVY, "metadata": SCANNED}
    ),
    Example(
        "vuln.md",
        "Example",
        "https://in-toto.io/attestation/vulns/v0.1",
        {"invocation": {"parameters": [], "builder.id": "GitHub Actions"}, "scanner": TRIVY, "metadata": SCANNED},
    ),
    Example(
        "release.md",
        "Examples",
        "https://in-toto.io/attestation/release/v0.1",
        {"purl": "pkg:npm/@angular/http@7.2.16", "packageId": "1234567890"},
    ),
    Example("runtime-trace.md", "Example", "https://in-toto.io/attestation/runtime-trace/v0.1", TRACE),
    Example("cyclonedx.md", "Example", "https://cyclonedx.org/bom/v1.4", BOM, statement=V0_1),
    Example(
        "spdx2.md",
        "Example",
        "https://spdx.dev/Document/v2.3",
        {"SPDXID": "SPDXRef-DOCUMENT", "spdxVersion": "SPDX-2.3"},
        "predicate-invalid",
        statement=V0_1,
    ),
    Example(
        "spdx3.md",
        "Example",
        "https://spdx.dev/Document/v3",
        {"@context": "https://spdx.org/rdf/3.0/spdx-context.jsonld", "@graph": []},
        statement=V0_1,
    ),
    Example(
        "scai.md",
        "Attestation for binary attributes",
        "https://in-toto.io/attestation/scai/v0.3",
        {"attributes": [{"attribute": "WITH_STACK_PROTECTION", "conditions": {"flags": "-fstack-protector*"}}]},
        "statement-invalid",
        digest="78ab6a8...",
    ),
    Example(
        "scai.md",
        "Attestation for build on Intel(R) SGX hardware",
        "",
        b'{"predicateType": "https://in-toto.io/attestation/scai/v0.3" "predicate": {}}',
        "json-invalid",
    ),
    Example(
        "svr.md",
        "Basic Example",
        "https://in-toto.io/attestation/svr/v0.2",
        {
            "verifier": {"id": "https://example.com/publication_verifier/v2", "policies": []},
            "timeCreated": "1985-04-12T23:20:50.52Z",
            "properties": ["SLSA_BUILD_LEVEL_3"],
        },
        "statement-invalid",
        digest="3A244fd47e07d10...",
    ),
    Example("verification_summary.md, v1", "Example", "https://slsa.dev/verification_summary/v1", VSA),
    Example(
        "verification_summary.md, v0.2",
        "Example",
        "https://slsa.dev/verification_summary/v0.2",
        OLD_VSA,
        statement=V0_1,
    ),
    Example("OpenVEX ATTESTING.md", "The VEX Product", "text/vex", VEX, "statement-invalid", statement=V0_1),
    Example("OpenVEX ATTESTING.md", "its predicate", "https://openvex.dev/ns", VEX, statement=V0_1),
    Example(
        "COSIGN_PREDICATE_SPEC.md",
        "example",
        "cosign.sigstore.dev/attestation/v1",
        {"Data": "foo\n", "Timestamp": "2021-08-11T14:51:09Z"},
        "statement-invalid",
        statement=V0_1,
    ),
    Example(
        "COSIGN_PREDICATE_SPEC.md",
        "its predicate",
        "https://cosign.sigstore.dev/attestation/v1",
        {"Data": "foo\n", "Timestamp": "2021-08-11T14:51:09Z"},
        statement=V0_1,
    ),
    Example(
        "COSIGN_VULN_ATTESTATION_SPEC.md",
        "its predicate",
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        SCANNERS,
        statement=V0_1,
    ),
]


def verdict(example: Example) -> str | None:
    """The code that the statement around an example is refused with, or None."""
    document = {
        "_type": example.statement,
        "subject": [{"name": "example", "digest": {"sha256": example.digest}}],
        "predicateType": example.predicate_type,
        "predicate": example.predicate,
    }
    try:
        data = example.predicate if isinstance(example.predicate, bytes) else dumps(document)
        assert Statement.from_json(data, allow_v0_1=True).check_predicate()
    except InputError as error:
        return error.code
    return None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.source}-{example.section}")
def test_an_example_gets_its_verdict(example: Example) -> None:
    assert verdict(example) == example.code


def test_the_documents_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "app.whl").write_bytes(b"built")
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```python\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102
    assert names["statement"].predicate["runDetails"]["example_queue"] == "fast"


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading of the document, without its head."""
    text = re.split(r"^## ", DOCS.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]
    lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_document_names_each_of_them_and_no_other() -> None:
    told = [(row[0], row[1], row[3]) for row in rows("Examples against their own text")]
    assert told == [
        (example.source, example.section, "accepted" if example.code is None else f"`{example.code}`")
        for example in EXAMPLES
    ]


def test_the_document_lists_every_type_with_its_builder() -> None:
    listed = {row[0]: row[1:4] for row in rows("Types")}
    assert list(listed) == [f"`{name}`" for name in schema.predicate_documents()]
    for name, document in schema.predicate_documents().items():
        uris, builder, specification = listed[f"`{name}`"]
        assert uris == ", ".join(f"`{uri}`" for uri in (document["$id"], *document.get("x-aliases", ())))
        found = predicates.builder_for(name)
        assert builder == ("" if found is None else f"`{found.__name__}`")
        assert specification
