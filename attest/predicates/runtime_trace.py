"""in-toto Runtime Trace v0.1: what a monitor saw a process do.

Rule: sections are those of spec/predicates/runtime-trace.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor(Record):
    """The instance of a tool that watched (Fields, monitor).

    type: URI of the kind of monitor (Fields, monitor.type).
    config_source: its configuration (Fields, monitor.configSource).
    trace_policy: what it was told to trace, in its own format (Fields, monitor.tracePolicy).
    """

    type: str
    config_source: ResourceDescriptor | None = None
    trace_policy: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredProcess(Record):
    """What was watched (Fields, monitoredProcess).

    host_id: URI of the host (Fields, monitoredProcess.hostID).
    type: URI of the kind of process, such as a build type (Fields, monitoredProcess.type).
    event: the job or task that it was (Fields, monitoredProcess.event).
    """

    host_id: str = field(metadata={"json": "hostID"})
    type: str
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorLog(Record):
    """What was seen; at least one of the three must be set, and one that is empty saw nothing (Fields, monitorLog).

    process: processes, as the monitor describes them (Fields, monitorLog.process).
    network: network activity, as the monitor describes it (Fields, monitorLog.network).
    file_access: files, each time they were used (Fields, monitorLog.fileAccess).
    """

    process: Sequence[Mapping[str, Any]] | None = None
    network: Sequence[Mapping[str, Any]] | None = None
    file_access: Sequence[ResourceDescriptor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceMetadata(Record):
    """When it was watched (Fields, metadata).

    build_started_on: when it began, a Timestamp (Fields, metadata.buildStartedOn).
    build_finished_on: when it ended, a Timestamp (Fields, metadata.buildFinishedOn).
    """

    build_started_on: str | None = None
    build_finished_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTrace(Predicate):
    """What a process did, as a monitor saw it (Fields).

    monitor: who watched (Fields, monitor).
    monitored_process: what was watched (Fields, monitoredProcess).
    monitor_log: what was seen (Fields, monitorLog).
    metadata: when (Fields, metadata).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/runtime-trace/v0.1"

    monitor: Monitor
    monitored_process: MonitoredProcess
    monitor_log: MonitorLog
    metadata: TraceMetadata | None = None


BUILDER: Final = RuntimeTrace
