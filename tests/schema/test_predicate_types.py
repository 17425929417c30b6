"""The predicate schemas: sound in themselves, and right about examples and published attestations."""

import base64
import copy
import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import jsonschema_rs
import pytest

FOLDER = Path(__file__).parents[2] / "schemas" / "predicates"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
DELETE = object()

# Types that may have no field but those they name, and the sentence that says so.
CLOSED = {"pypi-publish": "The `predicate` body itself **MUST** be either empty or not supplied."}


class Refusal(NamedTuple):
    """Why a published predicate is refused: the places at fault, and the sentence that makes them one."""

    at: set[str]
    sentence: str


_TYPE_URI = "TypeURI (string): Uniform Resource Identifier as specified in RFC 3986"
EXPECTED_REFUSALS = {
    "carabiner-signer-003.json": Refusal(
        {"$"},
        "OpenVEX, Document Struct Fields: @context, @id are required; "
        "A VEX document consists of two parts: The document metadata and a collection of statements.",
    ),
    "conforma-001.json": Refusal({"$.buildType"}, f"`buildType` string (TypeURI), required. {_TYPE_URI}"),
    "docker-attest-001.json": Refusal({"$.builder.id"}, f"`builder.id` string (TypeURI), required. {_TYPE_URI}"),
    "docker-attest-002.json": Refusal(
        {"$"},
        "`time_verified` string (Timestamp), required; `verification_result` string, required; "
        "`policy_level` string (SlsaResult), required; `dependency_levels` object, required",
    ),
    "guac-001.json": Refusal({"$.buildType"}, f"`buildType` string (TypeURI), required. {_TYPE_URI}"),
    "in-toto-java-001.json": Refusal(
        {"$.metadata.buildStartedOn", "$.metadata.buildFinishedOn"},
        'A point in time, represented as a string in RFC 3339 format in the UTC timezone ("Z").',
    ),
    "trivy-004.json": Refusal({"$"}, "The `predicate` contains a JSON-encoded CycloneDX BOM."),
}

# A schema, a place in its first example, what to put there: the result breaks a MUST or a "required".
BROKEN: list[tuple[str, str, Any]] = [
    ("slsa-provenance", "buildDefinition.buildType", DELETE),
    ("slsa-provenance", "buildDefinition.buildType", ""),
    ("slsa-provenance", "buildDefinition.buildType", "example.com/no-scheme"),
    ("slsa-provenance", "buildDefinition.externalParameters", DELETE),
    ("slsa-provenance", "buildDefinition.externalParameters", None),
    ("slsa-provenance", "buildDefinition.externalParameters", {}),
    ("slsa-provenance", "buildDefinition.resolvedDependencies", [{"name": "a"}]),
    ("slsa-provenance", "buildDefinition.resolvedDependencies", [{"name": "a", "digest": {}, "uri": None}]),
    ("slsa-provenance", "buildDefinition.resolvedDependencies", [{"digest": {"sha256": ""}}]),
    ("slsa-provenance", "buildDefinition.resolvedDependencies", [{"digest": {"sha256": None}}]),
    ("slsa-provenance", "runDetails.builder", DELETE),
    ("slsa-provenance", "runDetails.builder.id", DELETE),
    ("slsa-provenance", "runDetails.builder.id", "https://Example.com/builder"),
    ("slsa-provenance", "runDetails.builder.version", {"a": 1}),
    ("slsa-provenance", "runDetails.metadata.startedOn", "2023-01-01T12:34:56+01:00"),
    ("slsa-provenance-v0.2", "builder.id", DELETE),
    ("slsa-provenance-v0.2", "materials", [{"uri": "no scheme"}]),
    ("slsa-provenance-v0.1", "builder.id", DELETE),
    ("slsa-provenance-v0.1", "recipe.type", DELETE),
    ("slsa-provenance-v0.1", "recipe.definedInMaterial", -1),
    ("vsa", "verifier.id", DELETE),
    ("vsa", "policy.uri", DELETE),
    ("vsa", "inputAttestations", [{"uri": "https://example.com/a"}]),
    ("vsa", "verificationResult", "passed"),
    ("vsa", "verifiedLevels", ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"]),
    ("vsa", "verifiedLevels", ["SLSA_SOURCE_LEVEL_3", "X", "SLSA_SOURCE_LEVEL_2"]),
    ("vsa", "dependencyLevels", {"SLSA_BUILD_LEVEL_3": "5"}),
    ("vsa", "slsaVersion", "v1"),
    ("vsa-v0.2", "policy.uri", DELETE),
    ("vsa-v0.2", "policy_level", "SLSA_BUILD_LEVEL_3"),
    ("vsa-v0.2", "input_attestations", [{"uri": "https://example.com/a"}]),
    ("vsa-v0.1", "dependency_levels", {"LEVEL_1": 1}),
    ("link", "materials", [{"name": "src/foo.c"}]),
    ("link", "materials", [{"digest": {"sha256": "00"}}]),
    ("link", "materials", [{"name": "src/foo.c", "digest": {}}]),
    ("link", "command", "make"),
    ("scai", "attributes", []),
    ("scai", "attributes", [{"conditions": {}}]),
    ("scai", "producer", {"name": "gcc"}),
    ("test-result", "result", "SKIPPED"),
    ("test-result", "configuration", [{"name": "ci.yml"}]),
    ("vulns", "scanner.uri", DELETE),
    ("vulns", "scanner.db", DELETE),
    ("vulns", "scanner.db.lastUpdate", DELETE),
    ("vulns", "scanner.result", DELETE),
    ("vulns", "scanner.result", None),
    ("vulns", "scanner.result", [{"id": "CVE-123"}]),
    ("vulns", "scanner.result", [{"id": "CVE-123", "severity": [{"method": "nvd"}]}]),
    ("vulns", "metadata.scanStartedOn", DELETE),
    ("vulns", "metadata.scanFinishedOn", "yesterday"),
    ("vulns-v0.1", "scanner.result", [{"vulnerability": {"id": "CVE-123"}}]),
    ("cosign-vuln", "scanner", DELETE),
    ("cosign-vuln", "metadata", {"scanStartedOn": "2021-08-06T17:45:50.52Z"}),
    ("cosign-custom", "Data", DELETE),
    ("cosign-custom", "Timestamp", DELETE),
    ("release", "purl", "pkg:npm/@angular/http"),
    ("release", "purl", "pkg:npm/http?vcs_url=git@example.com"),
    ("release", "purl", "pkg:npm/http@"),
    ("release", "purl", "https://example.com/http@1"),
    ("release-v0.1", "purl", "pkg:npm/%40angular/http"),
    ("runtime-trace", "monitor.type", DELETE),
    ("runtime-trace", "monitor.configSource", {"name": "config"}),
    ("runtime-trace", "monitoredProcess.hostID", DELETE),
    ("runtime-trace", "monitoredProcess.type", DELETE),
    ("runtime-trace", "monitoredProcess.event", DELETE),
    ("runtime-trace", "monitorLog", {}),
    ("runtime-trace", "monitorLog", {"process": None}),
    ("runtime-trace", "monitorLog", {"fileAccess": [{"name": "a"}]}),
    ("reference", "attester.id", DELETE),
    ("reference", "references", [{"downloadLocation": "https://example.com/a", "digest": {"sha256": "00"}}]),
    ("reference", "references", [{"mediaType": "text/plain", "digest": {"sha256": "00"}}]),
    ("reference", "references", [{"downloadLocation": "https://example.com/a", "mediaType": "text/plain"}]),
    ("svr", "verifier.id", DELETE),
    ("svr", "verifier.policies", DELETE),
    ("svr", "verifier.policies", None),
    ("svr", "verifier.policies", [{"name": "policy"}]),
    ("svr", "timeCreated", "2024-03-15"),
    ("svr-v0.1", "verifier.id", DELETE),
    ("spdx", "spdxVersion", "SPDX-3.0"),
    ("spdx", "creationInfo.created", DELETE),
    ("spdx3", "@graph", DELETE),
    ("spdx3", "@context", [{"spdx": "https://spdx.org/rdf/3.0.1/"}]),
    ("spdx3", "@context", ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld", None]),
    ("cyclonedx", "bomFormat", "SPDX"),
    ("openvex", "statements", []),
    ("openvex", "statements", [{"vulnerability": {"name": "CVE-2023-12345"}, "status": "safe"}]),
    ("openvex", "statements", [{"vulnerability": {"name": "CVE-2023-12345"}, "status": "not_affected"}]),
    ("openvex", "statements", [{"vulnerability": {"name": "CVE-2023-12345"}, "status": "affected"}]),
    ("openvex", "statements", [{"vulnerability": {}, "status": "fixed"}]),
    ("model-signing", "serialization.method", DELETE),
    ("model-signing", "resources", [{"name": "a", "algorithm": "sha256"}]),
]

# As above, but the result is what a specification allows.
ALLOWED: list[tuple[str, str, Any]] = [
    ("slsa-provenance", "buildDefinition.resolvedDependencies", None),
    ("slsa-provenance", "buildDefinition.resolvedDependencies", [{"uri": "", "digest": {"sha256": "00"}}]),
    ("slsa-provenance", "runDetails.metadata", {}),
    ("slsa-provenance", "runDetails.byproducts", [{"name": "log", "content": "bG9n"}]),
    ("slsa-provenance-v0.2", "invocation", None),
    ("slsa-provenance-v0.2", "materials", [{}]),
    ("slsa-provenance-v0.1", "recipe", None),
    ("slsa-provenance-v0.1", "recipe.definedInMaterial", None),
    ("vsa", "timeVerified", DELETE),
    ("vsa", "dependencyLevels", None),
    ("vsa", "dependencyLevels", {}),
    ("vsa", "verifiedLevels", ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_2", "SLSA_BUILD_REPRODUCED", "OWN"]),
    ("vsa", "verifiedLevels", ["SLSA_BUILD_LEVEL_UNEVALUATED"]),
    ("vsa-v0.2", "input_attestations", DELETE),
    ("link", "command", DELETE),
    ("vulns", "scanner.result", [{"id": "CVE-123", "severity": {"method": "nvd", "score": "medium"}}]),
    ("cosign-vuln", "metadata.scanStartedOn", "2022-07-24T17:14:04.864682+09:00"),
    ("release", "purl", "pkg:github/example/mono@module/v1.0.0"),
    ("release-v0.1", "releaseId", "1234567890"),
    ("runtime-trace", "monitorLog", {"network": []}),
    ("runtime-trace", "metadata", None),
    ("spdx3", "@context", "https://spdx.org/rdf/3.0/spdx-context.jsonld"),
    ("spdx3", "@context", ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld", {"p": "https://example.com/"}]),
    ("openvex", "@context", "https://openvex.dev/ns"),
    ("model-signing", "serialization", {"method": "shards", "hash_type": "sha256", "shard_size": 1000000}),
]


@functools.cache
def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


@functools.cache
def validators(name: str) -> tuple[jsonschema.Draft202012Validator, jsonschema_rs.Draft202012Validator]:
    explaining = jsonschema.Draft202012Validator(load(name), format_checker=jsonschema.FormatChecker())
    return explaining, jsonschema_rs.Draft202012Validator(load(name), validate_formats=True)


def faults(name: str, predicate: Any) -> set[str]:
    """The places where a predicate breaks its schema, having made sure that both validators see them."""
    explaining, deciding = validators(name)
    found = {error.json_path for error in explaining.iter_errors(predicate)}
    assert deciding.is_valid(predicate) is not bool(found), (name, predicate, found)
    return found


def edited(name: str, place: str, value: Any) -> Any:
    """The first example of a schema with the value at a place replaced or, for DELETE, taken away."""
    predicate = copy.deepcopy(load(name)["examples"][0])
    *parents, last = place.split(".")
    target = predicate
    for key in parents:
        target = target[key]
    if value is DELETE:
        del target[last]
    else:
        target[last] = value
    return predicate


def types() -> dict[str, str]:
    """Every predicateType covered, aliases too, and the name of its schema."""
    return {uri: name for name in NAMES for uri in [load(name)["$id"], *load(name).get("x-aliases", [])]}


def published(field: Path) -> list[tuple[str, str, Any]]:
    """File name, schema name and predicate of every published statement in `field` whose type is covered."""
    covered = types()
    found = []
    for path in sorted([*field.glob("statements/*.json"), *field.glob("envelopes/*.json")]):
        statement = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(statement, dict) and "payload" in statement:
            payload = statement["payload"].translate(str.maketrans("-_", "+/"))
            try:
                statement = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))
            except ValueError:
                continue
        if isinstance(statement, dict) and statement.get("predicateType") in covered:
            found.append((path.name, covered[statement["predicateType"]], statement.get("predicate")))
    return found


def test_there_are_schemas() -> None:
    assert {"slsa-provenance", "vsa", "link", "spdx", "cyclonedx"} <= set(NAMES)


def test_no_type_is_claimed_twice() -> None:
    claimed = [uri for name in NAMES for uri in [load(name)["$id"], *load(name).get("x-aliases", [])]]
    assert len(claimed) == len(set(claimed))


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_one_and_is_described(name: str) -> None:
    schema = load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert all(schema[key] for key in ("title", "description", "examples"))
    assert all(isinstance(alias, str) for alias in schema.get("x-aliases", []))
    assert list(schema)[:4] == ["$schema", "$id", "title", "description"]
    assert list(schema)[-1] == "examples"


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_formatted(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_references_stay_in_the_file_and_definitions_are_used(name: str) -> None:
    schema = load(name)
    used: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            used.update(value for key, value in node.items() if key == "$ref")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk({key: value for key, value in schema.items() if key != "examples"})
    assert used == {f"#/$defs/{key}" for key in schema.get("$defs", {})}


@pytest.mark.parametrize("name", NAMES)
def test_its_examples_are_valid(name: str) -> None:
    for example in load(name)["examples"]:
        assert not faults(name, example)


@pytest.mark.parametrize("name", NAMES)
def test_a_required_property_is_missed(name: str) -> None:
    for example in load(name)["examples"]:
        for key in load(name).get("required", []):
            assert faults(name, {k: v for k, v in example.items() if k != key}) == {"$"}, key


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_property_passes(name: str) -> None:
    for example in load(name)["examples"]:
        if isinstance(example, dict):
            assert bool(faults(name, {**example, "example_unknownField": [1]})) is (name in CLOSED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["text", 1, True, []], ids=repr)
def test_a_predicate_is_an_object(name: str, value: object) -> None:
    assert faults(name, value)


@pytest.mark.parametrize(("name", "place", "value"), BROKEN)
def test_what_a_specification_forbids_is_refused(name: str, place: str, value: Any) -> None:
    assert faults(name, edited(name, place, value))


@pytest.mark.parametrize(("name", "place", "value"), ALLOWED)
def test_what_a_specification_allows_is_accepted(name: str, place: str, value: Any) -> None:
    assert not faults(name, edited(name, place, value))


def test_published_predicates_are_refused_only_for_what_a_specification_says(shared_data: Path) -> None:
    documents = published(shared_data / "field")
    assert len(documents) > 45
    refused = {file: found for file, name, predicate in documents if (found := faults(name, predicate))}
    assert refused == {file: refusal.at for file, refusal in EXPECTED_REFUSALS.items()}
