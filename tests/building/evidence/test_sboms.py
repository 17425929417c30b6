"""SBOMs: their bytes are the predicate, what they describe is the subject, and it is said how far they were checked."""

from __future__ import annotations

import copy
import importlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from attest import InputError, ResourceDescriptor, schema
from attest._base import large_json
from attest.building import evidence
from attest.building.evidence import _libraries
from tests.support.making import reports
from tests.support.making.reports import SHA256, SHA512, cyclonedx, spdx, spdx3
from tests.support.missing import missing

MODULES = {"cyclonedx": "cyclonedx", "spdx": "spdx_tools", "spdx3": "spdx_python_model"}
WHOLE = {
    "cyclonedx": "the SBOM is checked with the schema of cyclonedx-python-lib",
    "spdx": "the SBOM is checked with spdx-tools",
    "spdx3": "the SBOM is checked with spdx-python-model",
}


def read(document: dict[str, Any], **settings: Any) -> evidence.ReportPredicate:
    return evidence.read(json.dumps(document).encode(), **settings)


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.code == "predicate-invalid"
    return str(caught.value)


def noted(document: dict[str, Any]) -> str:
    """What is noted of a document, and is no reason to refuse it."""
    found = read(document).deviations
    assert 0 < len(found) <= 2 * schema.MAX_NOTED + 1
    return "\n".join(map(str, found))


@pytest.fixture
def library(form: str) -> None:
    """The library that checks `form`."""
    try:
        importlib.import_module(MODULES[form])
    except ImportError:
        missing(f"{MODULES[form]} is not here: pip install 'attest-dsse[sbom]'")


@pytest.fixture
def _no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    reports.hide_libraries(monkeypatch)


@pytest.mark.parametrize("form", MODULES)
def test_the_subject_is_what_the_document_describes(form: str) -> None:
    found = read(reports.DOCUMENTS[form]())
    [subject] = found.subjects
    assert (subject.name, subject.uri) == ("app.whl", "pkg:pypi/app@1.0")
    assert subject.digest["sha256"] == SHA256
    assert found.statement().document["predicate"] == reports.DOCUMENTS[form]()


@pytest.mark.parametrize("form", MODULES)
def test_the_document_stays_byte_for_byte_as_it_is(form: str) -> None:
    data = json.dumps(reports.DOCUMENTS[form](), indent=3).encode().replace(b'"app', b'"\\u0061pp')
    assert evidence.read(data).statement().raw.endswith(b'"predicate":' + data + b"}")


@pytest.mark.parametrize("form", MODULES)
def test_what_is_only_made_of_other_things_names_no_subject(form: str) -> None:
    """A document that doesn't say what it describes, or describes what has no digest or a weak one only."""
    weak = {"algorithm": "SHA1", "checksumValue": "c" * 40}
    documents = {
        "cyclonedx": [
            cyclonedx(metadata={}),
            cyclonedx(metadata={"component": {"type": "library", "name": "app"}}),
            cyclonedx(
                metadata={
                    "component": {"type": "library", "name": "app", "hashes": [{"alg": "MD5", "content": "c" * 32}]}
                }
            ),
        ],
        "spdx": [
            spdx(relationships=[]),
            spdx(
                packages=[
                    {key: value for key, value in item.items() if key != "checksums"} for item in spdx()["packages"]
                ]
            ),
            spdx(packages=[{**item, "checksums": [weak]} for item in spdx()["packages"]]),
        ],
        "spdx3": [
            spdx3(**{"@graph": [item for item in spdx3()["@graph"] if item["type"] != "SpdxDocument"]}),
            spdx3(**{"@graph": [{**item, "verifiedUsing": []} for item in spdx3()["@graph"]]}),
        ],
    }
    for document in documents[form]:
        found = read(document, check=False)
        assert found.subjects == ()
        with pytest.raises(InputError) as caught:
            found.statement()
        assert caught.value.code == "subject-missing"
        assert found.unnamed
        assert found.unnamed in caught.value.message


def test_the_digests_are_named_as_in_a_digest_set() -> None:
    assert read(cyclonedx()).subjects[0].digest == {"sha256": SHA256, "sha512": SHA512}
    assert read(spdx()).subjects[0].digest == {"sha1": "c" * 40, "sha256": SHA256}


@pytest.mark.parametrize("value", ["", "abc", "g" * 64, SHA512, None, 7])
def test_a_digest_that_is_none_is_refused(value: Any) -> None:
    document = cyclonedx()
    document["metadata"]["component"]["hashes"][0]["content"] = value
    with pytest.raises(InputError) as caught:
        read(document, check=False)
    assert (caught.value.code, caught.value.where) == ("report-invalid", "/metadata/component/hashes")


def test_two_digests_that_differ_are_refused() -> None:
    document = cyclonedx()
    document["metadata"]["component"]["hashes"].append({"alg": "SHA-256", "content": "d" * 64})
    with pytest.raises(InputError, match="two different sha256"):
        read(document, check=False)


@pytest.mark.parametrize(
    "component",
    [
        {"type": "container", "name": "app:1", "version": "sha256:" + SHA256},
        {"type": "container", "name": "app:1", "purl": f"pkg:oci/app@sha256:{SHA256}?arch=amd64"},
        {"type": "container", "name": "app:1", "purl": f"pkg:oci/app@sha256%3A{SHA256}?repository_url=example.com/app"},
    ],
)
def test_an_image_has_its_digest_for_a_version(component: dict[str, Any]) -> None:
    [subject] = read(cyclonedx(metadata={"component": component})).subjects
    assert (subject.name, subject.digest) == ("app:1", {"sha256": SHA256})


def test_all_ways_to_describe_something_in_spdx_2() -> None:
    described_by = {
        "spdxElementId": "SPDXRef-lib",
        "relationshipType": "DESCRIBED_BY",
        "relatedSpdxElement": "SPDXRef-DOCUMENT",
    }
    reversed_ = {**described_by, "relationshipType": "DESCRIBES"}
    for fields, names in (
        ({"documentDescribes": ["SPDXRef-lib"], "relationships": []}, ["lib"]),
        ({"relationships": [described_by]}, ["lib"]),
        ({"relationships": [reversed_]}, []),
        ({"relationships": [described_by, *spdx()["relationships"]]}, ["app.whl", "lib"]),
    ):
        assert [subject.name for subject in read(spdx(**fields), check=False).subjects] == names
    file = {"SPDXID": "SPDXRef-f", "fileName": "./app", "checksums": [{"algorithm": "SHA256", "checksumValue": SHA256}]}
    found = read(spdx(files=[file], documentDescribes=["SPDXRef-f"], relationships=[]), check=False)
    assert [subject.name for subject in found.subjects] == ["./app"]


def test_a_hash_in_spdx_3_may_stand_elsewhere() -> None:
    document = spdx3()
    *_, package, _ = document["@graph"]
    document["@graph"].append({"@id": "_:hash", **package["verifiedUsing"][0]})
    package["verifiedUsing"] = ["_:hash"]
    assert read(document, check=False).subjects[0].digest == {"sha256": SHA256}


def test_roots_that_lead_in_a_circle_are_followed_once() -> None:
    document = spdx3()
    document["@graph"][4]["rootElement"] = ["https://example.com/sbom"]
    assert len(read(document, check=False).subjects) == 1


@pytest.mark.parametrize("form", MODULES)
@pytest.mark.usefixtures("_no_libraries")
def test_without_the_extra_the_essential_fields_are_checked_and_it_is_said(form: str) -> None:
    document = reports.DOCUMENTS[form]()
    assert read(document).notes == (
        "only the essential fields of the SBOM are checked; pip install 'attest-dsse[sbom]' to check the rest",
    )
    name = "@graph" if form == "spdx3" else "components" if form == "cyclonedx" else "packages"
    document[name].append("text")
    assert f"/{name}/{len(document[name]) - 1}: " in refused(document)


@pytest.mark.parametrize("form", MODULES)
def test_a_document_is_not_checked_if_that_is_not_wanted(form: str) -> None:
    document = reports.DOCUMENTS[form]()
    document["typo"] = True
    assert read(document, check=False).notes == ("the SBOM is not checked",)


@pytest.mark.parametrize("form", MODULES)
@pytest.mark.usefixtures("library")
def test_with_the_extra_all_of_it_is_checked_and_it_is_said(form: str) -> None:
    assert read(reports.DOCUMENTS[form]()).notes == (WHOLE[form],)


@pytest.mark.parametrize("form", ["cyclonedx"])
@pytest.mark.usefixtures("library")
def test_cyclonedx_is_checked_by_the_schema_of_its_version() -> None:
    for version in ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7"):
        assert read(cyclonedx(version)).notes == (WHOLE["cyclonedx"],)
        assert "/predicate/components/0: " in noted(
            cyclonedx(version, components=[{"type": "library", "name": "x", "typo": 1}])
        )
    newer = read(cyclonedx("1.99")).notes
    assert newer == (
        "only the essential fields of the SBOM are checked: "
        "the installed cyclonedx-python-lib has no schema for version 1.99",
    )


@pytest.mark.parametrize("form", ["cyclonedx"])
@pytest.mark.usefixtures("library")
def test_what_the_librarys_own_validator_refuses_is_noted() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    changes: list[dict[str, Any]] = [
        {},
        {"typo": 1},
        {"serialNumber": "urn:uuid:no"},
        {"version": 0},
        {"components": [{"name": "x"}]},
        {"components": [{"type": "library", "name": "x"}] * 2},
        {"components": [{"type": "library", "name": "x", "licenses": [{"license": {"id": "NOPE"}}]}]},
        {"components": [{"type": "library", "name": "x", "licenses": [{"license": {"id": "MIT"}}]}]},
        {"metadata": {"timestamp": "yesterday"}},
        {"metadata": {"timestamp": "2026-06-01T10:00:00Z"}},
        {"dependencies": [{"ref": "a"}, {"ref": "a"}]},
        {"externalReferences": [{"type": "website", "url": "https://example.com/a b"}]},
    ]
    for version in ("1.3", "1.5", "1.7"):
        theirs = JsonStrictValidator(SchemaVersion.from_version(version))
        for change in changes:
            document = cyclonedx(version, **change)
            accepted = theirs.validate_str(json.dumps(document)) is None
            found = read(document)
            assert found.notes == (WHOLE["cyclonedx"],), change
            assert bool(found.deviations) is not accepted


@pytest.mark.parametrize("form", ["cyclonedx"])
@pytest.mark.usefixtures("library")
def test_a_library_that_keeps_its_schemas_elsewhere_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from cyclonedx.schema import _res

    _libraries._cyclonedx_validator.cache_clear()
    monkeypatch.delattr(_res, "BOM_JSON_STRICT")
    assert "has no schema for version 1.6" in read(cyclonedx()).notes[0]


@pytest.mark.parametrize("form", ["spdx"])
@pytest.mark.usefixtures("library")
def test_spdx_2_is_checked_by_its_model() -> None:
    package = copy.deepcopy(spdx()["packages"][0])
    assert "version" in noted(spdx(spdxVersion="SPDX-2.9"))
    for change in (
        {"downloadLocation": 7},
        {"filesAnalyzed": "no"},
        {"checksums": [{"algorithm": "SHA9", "checksumValue": "00"}]},
    ):
        noted(spdx(packages=[{**package, **change}], relationships=spdx()["relationships"][:1]))
    twice = noted(spdx(packages=[package, package, *spdx()["packages"][1:]]))
    assert "SPDXRef-app" in twice
    assert "DESCRIBES" in noted(spdx(relationships=[]))
    fraction = {**spdx()["creationInfo"], "created": "2026-06-01T10:00:00.123Z"}
    assert "spdx-tools" not in noted(spdx(creationInfo=fraction))
    assert "spdx-tools" in noted(spdx(creationInfo=fraction, packages=[package, package]))
    many = noted(
        spdx(packages=[{**package, "SPDXID": f"SPDXRef-{i}", "downloadLocation": f"no {i}"} for i in range(50)])
    )
    assert "others" in many


@pytest.mark.parametrize("form", ["spdx3"])
@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "change",
    [
        {"typo": 1},
        {"type": "software_Nothing"},
        {"name": 7},
        {"creationInfo": None},
        {"verifiedUsing": [{"type": "Hash", "algorithm": "sha256"}]},
    ],
    ids=repr,
)
def test_spdx_3_is_checked_by_its_model(change: dict[str, Any]) -> None:
    document = spdx3()
    document["@graph"][5].update(change)
    noted(document)


@pytest.mark.parametrize("form", ["spdx3"])
@pytest.mark.usefixtures("library")
def test_a_version_of_spdx_3_that_the_library_lacks_is_said() -> None:
    document = spdx3(**{"@context": "https://spdx.org/rdf/3.0.0/spdx-context.jsonld"})
    assert "does not have its version" in read(document).notes[0]


@pytest.mark.parametrize("form", MODULES)
@pytest.mark.usefixtures("library")
def test_what_is_too_large_for_the_library_is_checked_for_the_essentials_and_it_is_said(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_CYCLONEDX", "MAX_SPDX", "MAX_SPDX3"):
        monkeypatch.setattr(_libraries, name, 100)
    assert read(reports.DOCUMENTS[form]()).notes == (
        "only the essential fields of the SBOM are checked: the SBOM is larger than 100 bytes",
    )


def test_our_schemas_of_sboms_look_no_deeper_into_lists_than_at_the_kind_of_their_elements() -> None:
    """What makes it right to check a document's outline in place of all of it."""
    for form in MODULES:
        for field in schema.predicate_documents()[form]["properties"].values():
            for keyword in ("items", "contains"):
                assert field.get(keyword, {}).keys() <= {"type", "pattern", "x-when-building"}


def test_a_large_document_is_read_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    component = {"type": "library", "name": "lib", "version": "2.0", "purl": "pkg:pypi/lib@2.0", "licenses": []}
    data = json.dumps(cyclonedx(components=[{**component, "bom-ref": str(n)} for n in range(20_000)])).encode()
    monkeypatch.setattr(large_json, "_PIECE", 1 << 16)
    began = time.monotonic()
    tracemalloc.start()
    found = evidence.read(data, check=False)
    statement = found.statement()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(statement.raw) > len(data) > 2_000_000
    assert peak < 3 * len(data)
    assert time.monotonic() - began < 30


REPORTS = Path(__file__).parents[4] / "shared" / "data" / "reports"
CASES: list[dict[str, Any]] = json.loads((REPORTS / "cases.json").read_bytes()) if REPORTS.is_dir() else []
FORMS = ("spdx", "spdx3", "cyclonedx", "openvex")
SBOMS = [case for case in CASES if case["format"] in FORMS]
OTHERS = {
    "spdx-tag-value": "SPDX tag-value",
    "cyclonedx-xml": "CycloneDX XML",
    "csaf": "CSAF",
    "sarif": "SARIF",
    "syft-json": "syft JSON",
    "snyk": "Snyk JSON",
    "clair": "Clair JSON",
}
ABOUT = [ResourceDescriptor("x", {"sha256": SHA256})]


def by_file(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["file"] for case in cases])


def counts(document: dict[str, Any], form: str) -> dict[str, int]:
    """What cases.json counts of a document, counted in the predicate."""
    if form == "openvex":
        return {"statements": len(document["statements"])}
    if form == "spdx3":
        return {"elements": len(document["@graph"])}
    if form == "spdx":
        return {name: len(document.get(name) or []) for name in ("packages", "files", "relationships")}
    return {"vulnerabilities": len(document.get("vulnerabilities") or [])}


@pytest.mark.parametrize("hidden", [False, True], ids=["with-libraries", "without"])
@by_file(SBOMS)
def test_real_documents(case: dict[str, Any], hidden: bool, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed, the same documents are taken; only the notes differ."""
    if hidden:
        reports.hide_libraries(monkeypatch)
    data = (shared_data / "reports" / case["file"]).read_bytes()
    if case["treatment"] in ("refuse", "accept-or-hint"):
        with pytest.raises(InputError) as caught:
            evidence.read(data)
        assert caught.value.code == (
            "report-unsupported" if case["treatment"] == "accept-or-hint" else "predicate-invalid"
        )
        assert case["treatment"] == "refuse" or "jq .sbom" in (caught.value.hint or "")
        return
    found = evidence.read(data)
    statement = found.statement(found.subjects or ABOUT)
    document = json.loads(data)
    assert statement.document["predicate"] == document
    counted = counts(document, case["format"])
    assert {name: case["counts"].get(name, number) for name, number in counted.items()} == counted
    # Whoever signs it, and whoever verifies it, has no more to object to.
    noted_there = statement.examine_predicate()
    assert noted_there == statement.examine_predicate(foreign=True)
    if case["treatment"] == "accept-with-note" and case["why"]:
        said = [str(deviation) for deviation in found.deviations]
        assert said or (hidden and "essential" in found.notes[0])
    if case["treatment"] == "accept" and case["format"] != "openvex":
        assert found.deviations == ()


@by_file([case for case in CASES if case["treatment"] == "refuse-by-name" and case["format"] in OTHERS])
def test_a_format_without_a_predicate_is_refused_by_its_name(case: dict[str, Any], shared_data: Path) -> None:
    with pytest.raises(InputError) as caught:
        evidence.read((shared_data / "reports" / case["file"]).read_bytes())
    assert caught.value.code == "report-unsupported"
    assert OTHERS[case["format"]] in caught.value.message
    assert caught.value.hint


def test_the_products_of_a_vex_document_are_its_subjects() -> None:
    found = read(reports.openvex())
    assert found.subjects == (ResourceDescriptor(None, {"sha256": SHA256}, "pkg:pypi/app@1.0"),)
    assert (found.deviations, found.notes) == ((), ())
    [statement] = reports.openvex()["statements"]
    image = {"@id": "pkg:oci/app@sha256%3A" + "c" * 64}
    products = [*statement["products"], image, {"@id": "pkg:generic/other"}, {"hashes": {"md5": "d" * 32}}]
    found = read(reports.openvex(statements=[{**statement, "products": products}] * 2))
    assert [one.digest for one in found.subjects] == [{"sha256": SHA256}, {"sha256": "c" * 64}]
    assert found.notes == ("products left out, because they have no strong digest: 4",)
    with pytest.raises(InputError) as caught:
        read(reports.openvex(statements=[{**statement, "products": [{"hashes": {"sha-256": "no"}}]}]))
    assert caught.value.where == "/statements/0/products/0/hashes"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        # As govulncheck writes all that is affected, and as vexctl wrote version 0.0.1.
        (
            {"statements": [{"vulnerability": {"name": "GO-2025-3553"}, "status": "affected"}]},
            "/predicate/statements/0",
        ),
        ({"version": "1"}, "/predicate/version"),
    ],
    ids=["govulncheck", "vexctl"],
)
def test_what_a_tool_for_vex_always_writes_is_noted(fields: dict[str, Any], where: str) -> None:
    found = read(reports.openvex(**fields))
    assert [deviation.pointer for deviation in found.deviations] == [where]
    assert json.loads(found.statement(ABOUT).raw)["predicate"] == reports.openvex(**fields)


def test_an_spdx_3_context_may_have_namespaces_beside_it() -> None:
    """As the sbom tool of the Linux kernel writes it; Microsoft's sbom-tool writes a list of the one."""
    document = spdx3()
    for context in ([document["@context"], {"p": "https://example.com/"}], [document["@context"]]):
        found = read(spdx3(**{"@context": context}))
        assert found.subjects == read(document).subjects
        assert found.deviations == ()


@pytest.mark.parametrize("version", ["", "SPDX-1.2", "SPDX-3.0"])
def test_a_version_of_spdx_that_is_not_read_is_named(version: str) -> None:
    assert "/spdxVersion: " in refused(spdx(spdxVersion=version))
    assert read(spdx3(spdxVersion=version)).predicate_types == read(spdx3()).predicate_types
