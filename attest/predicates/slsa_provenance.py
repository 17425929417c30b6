"""SLSA Build Provenance v1: how and by whom an artifact was built.

Rule: sections are those of build-provenance.md in the SLSA specification 1.2; 1.0 and 1.1 have the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDefinition(Record):
    """The inputs of a build (BuildDefinition).

    build_type: URI of the template that says how to build and what the parameters mean (BuildDefinition, buildType).
    external_parameters: what users or tenants set, and verifiers must expect (BuildDefinition, externalParameters).
    internal_parameters: what the platform set itself, for debugging (BuildDefinition, internalParameters).
    resolved_dependencies: artifacts that the build needed, as complete as it goes (BuildDefinition,
        resolvedDependencies).
    """

    build_type: str
    external_parameters: Mapping[str, Any]
    internal_parameters: Mapping[str, Any] | None = None
    resolved_dependencies: Sequence[ResourceDescriptor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder(Record):
    """The build platform (Builder).

    id: URI of the platform, on which alone the SLSA Build level depends (Builder, id).
    builder_dependencies: what the orchestrator itself needed, outside of the build (Builder, builderDependencies).
    version: versions of the platform's components, by their names (Builder, version).
    """

    id: str
    builder_dependencies: Sequence[ResourceDescriptor] | None = None
    version: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildMetadata(Record):
    """Facts about one run (BuildMetadata).

    invocation_id: names the run, as the builder does; opaque (BuildMetadata, invocationId).
    started_on: when it began, a Timestamp (BuildMetadata, startedOn).
    finished_on: when it ended, a Timestamp (BuildMetadata, finishedOn).
    """

    invocation_id: str | None = None
    started_on: str | None = None
    finished_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails(Record):
    """One run of a build (RunDetails).

    builder: the platform that ran the build and is trusted for all of it (RunDetails, builder).
    metadata: facts about the run (RunDetails, metadata).
    byproducts: what came out and is not the output, such as logs (RunDetails, byproducts).
    """

    builder: Builder
    metadata: BuildMetadata | None = None
    byproducts: Sequence[ResourceDescriptor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(Predicate):
    """How an artifact was built (Provenance).

    build_definition: what went in (Provenance, buildDefinition).
    run_details: the run that made it (Provenance, runDetails).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://slsa.dev/provenance/v1"

    build_definition: BuildDefinition
    run_details: RunDetails


BUILDER: Final = Provenance
