"""The predicate about a command that ran: an in-toto link, SLSA provenance, or a runtime trace.

Rule: a command that failed is never recorded so that it could be taken for one that succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from attest._base.json import b64encode, dumps
from attest._base.times import format_time
from attest.envelope import check_payload
from attest.limits import Limits
from attest.predicates._steps import BUILD_TYPE, FAILED_BUILD_TYPE
from attest.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.building.ci import Build
    from attest.building.run.masking import Masker
    from attest.building.run.process import CommandResult
    from attest.building.run.strace import Trace
    from attest.building.run.tracing import Tracer
    from attest.digest import DigestSet
    from attest.statement import ResourceDescriptor

TYPES: Final = ("link", "slsa-provenance", "runtime-trace")

# docs/sign/run.md describes it.
MONITOR_TYPE: Final = "urn:attest:monitor:strace:v2"


@dataclass(frozen=True)
class RunRecord:
    """A step of a supply chain: its name, what it was given, the command as it ran, and what came of it.

    `environment` holds the variables that were named, and no others; it is recorded as it is. In all else, `masker`
    masks secrets. `limits` are those of the statement.
    """

    name: str
    ran: CommandResult
    materials: Sequence[ResourceDescriptor]
    products: Sequence[ResourceDescriptor]
    environment: Mapping[str, str]
    masker: Masker
    limits: Limits = field(default_factory=Limits)

    @property
    def outcome(self) -> dict[str, Any]:
        """How it ended: its exit status, and the signal if one ended it."""
        return {"return-value": self.ran.status, **({"signal": self.ran.signal} if self.ran.signal else {})}

    @property
    def build_type(self) -> str:
        """The buildType of its provenance, which is another one for a command that failed."""
        return BUILD_TYPE if self.ran.succeeded else FAILED_BUILD_TYPE


def link(step: RunRecord) -> Statement:
    """An in-toto link v0.3: the products are the subjects, and byproducts say how the command ended and when it ran."""
    times = {"startedOn": format_time(step.ran.started), "finishedOn": format_time(step.ran.finished)}
    predicate = step.masker.document(
        {
            "name": step.name,
            "command": list(step.ran.command),
            "materials": [material.to_dict() for material in step.materials],
            "byproducts": {**step.outcome, **times},
        }
    )
    return _statement("link", step, {**predicate, "environment": {"variables": dict(step.environment)}})


def provenance(step: RunRecord, build: Build) -> Statement:
    """SLSA provenance v1 of a step of `build`, which says who the builder is and what else is known of it."""
    outcome = {"name": "outcome", "mediaType": "application/json", "content": b64encode(dumps(step.outcome))}
    if build.invocation_id is None:
        build = replace(build, invocation_id=f"urn:uuid:{uuid4()}")
    predicate = build.provenance(
        build_type=step.build_type,
        # By a name of its own, since a CI system's own parameters stand beside it.
        external={
            "run": {"step": step.name, "command": list(step.ran.command)},
        },
        dependencies=[material.to_dict() for material in step.materials],
        byproducts=[outcome],
        started_on=format_time(step.ran.started),
        finished_on=format_time(step.ran.finished),
    )
    predicate = step.masker.document(predicate)
    predicate["buildDefinition"]["externalParameters"]["run"]["environment"] = dict(step.environment)
    return _statement("slsa-provenance", step, predicate)


def runtime_trace(
    step: RunRecord,
    *,
    host: str,
    tracer: Tracer,
    trace: Trace,
    read: Mapping[str, DigestSet],
    written: Mapping[str, DigestSet],
) -> Statement:
    """A runtime trace v0.1 of what strace saw of the command on `host`, a URI.

    `read` has the digests of materials by their real paths, and `written` those of products: the former are told of
    files that were only read, the latter of those that were written.
    """
    predicate = {
        "monitor": {"type": MONITOR_TYPE, "tracePolicy": tracer.policy()},
        "monitoredProcess": {"hostID": host, "type": step.build_type, "event": step.name},
        "monitorLog": trace.monitor_log(read, written),
        "metadata": {
            "buildStartedOn": format_time(step.ran.started),
            "buildFinishedOn": format_time(step.ran.finished),
        },
    }
    return _statement("runtime-trace", step, step.masker.document(predicate))


def _statement(predicate_type: str, step: RunRecord, predicate: Mapping[str, Any]) -> Statement:
    statement = Statement.build(
        step.products, predicate_type=predicate_type, predicate=predicate, max_subjects=step.limits.subjects
    )
    check_payload(len(statement.raw), step.limits.envelope)
    return statement
