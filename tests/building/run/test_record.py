"""What is said of a command that ran: valid predicates, and a failure that can't be taken for a success."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from attest.building.ci import Build, detect
from attest.building.run import record
from attest.building.run.masking import Masker
from attest.building.run.process import CommandResult
from attest.building.run.strace import Trace
from attest.building.run.tracing import Tracer
from attest.errors import InputError
from attest.statement import ResourceDescriptor, Statement

if TYPE_CHECKING:
    from pathlib import Path

STARTED, FINISHED = datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 1, 10, tzinfo=UTC)
DIGEST = {"sha256": "a" * 64}
BUILDER = "https://example.com/builders/1"
BUILD = Build("", BUILDER, {}, [])
RUN = {"step": "build", "command": ["make", "all"], "environment": {"CC": "gcc"}}


def step(
    status: int = 0, signal: str | None = None, materials: int = 1, products: int = 1, folder: str = "src"
) -> record.RunRecord:
    ran = CommandResult(("make", "all"), status, signal, STARTED, FINISHED)
    given = [ResourceDescriptor(f"{folder}/{number}.c", DIGEST) for number in range(materials)]
    made = [ResourceDescriptor(f"dist/{number}", DIGEST) for number in range(products)]
    return record.RunRecord("build", ran, given, made, {"CC": "gcc"}, Masker({}))


def trace_of(done: record.RunRecord) -> Statement:
    return record.runtime_trace(done, host=BUILDER, tracer=Tracer("", "6.1"), trace=Trace(), read={}, written={})


def predicate(statement: Statement) -> Any:
    assert statement.check_predicate()
    return statement.predicate


def test_a_link_says_it_as_in_toto_does() -> None:
    statement = record.link(step())
    assert [subject.name for subject in statement.subjects] == ["dist/0"]
    assert predicate(statement) == {
        "name": "build",
        "command": ["make", "all"],
        "materials": [{"name": "src/0.c", "digest": DIGEST}],
        "byproducts": {"return-value": 0, "startedOn": "2026-01-01T09:00:00Z", "finishedOn": "2026-01-01T10:00:00Z"},
        "environment": {"variables": {"CC": "gcc"}},
    }


def test_provenance_says_it_as_slsa_does() -> None:
    said = predicate(record.provenance(step(), BUILD))
    definition, details = said["buildDefinition"], said["runDetails"]
    assert definition["buildType"] == "urn:attest:buildtype:run:v1"
    assert definition["externalParameters"] == {"run": RUN}
    assert definition["resolvedDependencies"] == [{"name": "src/0.c", "digest": DIGEST}]
    assert details["builder"] == {"id": BUILDER}
    assert details["metadata"]["finishedOn"] == "2026-01-01T10:00:00Z"
    assert details["metadata"]["invocationId"].startswith("urn:uuid:")


def test_what_a_ci_system_says_stands_beside_what_we_say(tmp_path: Path) -> None:
    environ = {
        "BUILDKITE": "true",
        "BUILDKITE_COMMIT": "b" * 40,
        "BUILDKITE_REPO": "https://example.com/app",
        "BUILDKITE_BRANCH": "main",
        "BUILDKITE_ORGANIZATION_SLUG": "acme",
        "BUILDKITE_ORGANIZATION_ID": "0192",
        "BUILDKITE_BUILD_ID": "0194",
        "BUILDKITE_PIPELINE_ID": "0193",
        "BUILDKITE_PIPELINE_SLUG": "app",
        "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/app/builds/7",
        "BUILDKITE_BUILD_NUMBER": "7",
        "BUILDKITE_JOB_ID": "0190",
        "BUILDKITE_STEP_ID": "0191",
        "BUILDKITE_COMPUTE_TYPE": "hosted",
    }
    build = detect(environ, str(tmp_path))
    assert build is not None
    said = predicate(record.provenance(step(), build))
    definition = said["buildDefinition"]
    assert definition["buildType"] == "urn:attest:buildtype:run:v1"
    assert definition["externalParameters"] == {**build.external_parameters, "run": RUN}
    assert definition["internalParameters"]["attest_doubts"]
    assert definition["resolvedDependencies"][-1] == {"name": "src/0.c", "digest": DIGEST}
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": "b" * 40}
    assert said["runDetails"]["builder"]["id"] == build.builder_id
    assert said["runDetails"]["metadata"]["invocationId"] == build.invocation_id
    assert said["runDetails"]["metadata"]["startedOn"] == "2026-01-01T09:00:00Z"


@pytest.mark.parametrize(("status", "signal"), [(5, None), (143, "SIGTERM")])
def test_a_failure_can_not_be_taken_for_a_success(status: int, signal: str | None) -> None:
    failed = step(status, signal)
    outcome = {"return-value": status, **({"signal": signal} if signal else {})}
    link = predicate(record.link(failed))
    assert outcome.items() <= link["byproducts"].items()
    provenance = predicate(record.provenance(failed, BUILD))
    assert provenance["buildDefinition"]["buildType"] == "urn:attest:buildtype:run-failed:v1"
    [byproduct] = provenance["runDetails"]["byproducts"]
    assert json.loads(b64decode(byproduct["content"])) == outcome
    assert predicate(trace_of(failed))["monitoredProcess"]["type"] == "urn:attest:buildtype:run-failed:v1"


def test_a_trace_names_the_monitor_and_the_host() -> None:
    said = predicate(trace_of(step()))
    assert said["monitor"]["type"] == "urn:attest:monitor:strace:v2"
    assert said["monitoredProcess"] == {"hostID": BUILDER, "type": "urn:attest:buildtype:run:v1", "event": "build"}
    assert said["monitorLog"] == {"process": [], "network": [], "fileAccess": []}


def test_a_statement_without_a_product_is_none() -> None:
    with pytest.raises(InputError) as caught:
        record.link(step(products=0))
    assert caught.value.code == "subject-missing"


def test_what_no_verifier_would_read_is_not_stated() -> None:
    with pytest.raises(InputError) as caught:
        record.link(step(products=1025))
    assert caught.value.code == "too-many-subjects"
    with pytest.raises(InputError) as caught:
        record.link(step(materials=16_000, folder="s" * 1000))
    assert caught.value.code == "envelope-too-large"
