"""Typed builders: one file in this folder a predicate type, named as its schema in schemas/predicates.

Rule: a predicate that goes through its builder comes out equal, unknown fields included.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from attest import _plugins
from attest.errors import InputError
from attest.predicate_schemas import OURS

if TYPE_CHECKING:
    from attest.predicates._base import Predicate, timestamp
    from attest.predicates._official import Official, from_official, to_official
    from attest.predicates.link import Link
    from attest.predicates.reference import Attester, Reference
    from attest.predicates.release import Release
    from attest.predicates.runtime_trace import Monitor, MonitoredProcess, MonitorLog, RuntimeTrace, TraceMetadata
    from attest.predicates.scai import AttributeAssertion, AttributeReport
    from attest.predicates.slsa_provenance import BuildDefinition, Builder, BuildMetadata, Provenance, RunDetails
    from attest.predicates.svr import SimpleVerificationResult, SimpleVerifier
    from attest.predicates.test_result import TestResult
    from attest.predicates.vsa import VerificationSummary, Verifier
    from attest.predicates.vulns import (
        ScanMetadata,
        Scanner,
        Severity,
        Vulnerabilities,
        Vulnerability,
        VulnerabilityDatabase,
    )
    from attest.statement import Statement

_HOMES = {
    "_base": ["Predicate", "timestamp"],
    "_official": ["Official", "from_official", "to_official"],
    "link": ["Link"],
    "reference": ["Attester", "Reference"],
    "release": ["Release"],
    "runtime_trace": ["Monitor", "MonitorLog", "MonitoredProcess", "RuntimeTrace", "TraceMetadata"],
    "scai": ["AttributeAssertion", "AttributeReport"],
    "slsa_provenance": ["BuildDefinition", "BuildMetadata", "Builder", "Provenance", "RunDetails"],
    "svr": ["SimpleVerificationResult", "SimpleVerifier"],
    "test_result": ["TestResult"],
    "vsa": ["VerificationSummary", "Verifier"],
    "vulns": ["ScanMetadata", "Scanner", "Severity", "Vulnerabilities", "Vulnerability", "VulnerabilityDatabase"],
}

__all__ = [
    "Attester",
    "AttributeAssertion",
    "AttributeReport",
    "BuildDefinition",
    "BuildMetadata",
    "Builder",
    "Link",
    "Monitor",
    "MonitorLog",
    "MonitoredProcess",
    "Official",
    "Predicate",
    "Provenance",
    "Reference",
    "Release",
    "RunDetails",
    "RuntimeTrace",
    "ScanMetadata",
    "Scanner",
    "Severity",
    "SimpleVerificationResult",
    "SimpleVerifier",
    "TestResult",
    "TraceMetadata",
    "VerificationSummary",
    "Verifier",
    "Vulnerabilities",
    "Vulnerability",
    "VulnerabilityDatabase",
    "builder_for",
    "from_official",
    "from_statement",
    "timestamp",
    "to_official",
]


def builder_for(name: str) -> type[Predicate] | None:
    """The builder for a short name, an alias or a predicateType URI, or None where there is none.

    Raises InputError `predicate-type-unknown` for what is neither a known name nor a known URI.
    """
    short, _ = OURS.find(name)
    module = _plugins.load(__name__, short.replace("-", "_"))
    return None if module is None else module.BUILDER


def from_statement(statement: Statement) -> Predicate:
    """The predicate of a statement in its builder. Nothing is verified by that: take a `Verified`'s statement.

    Raises InputError `predicate-invalid`, or `predicate-type-unknown` for a type that there is no builder for.
    """
    builder = builder_for(statement.predicate_type)
    if builder is None:
        raise InputError("predicate-type-unknown", f"there is no builder for {statement.predicate_type}")
    return builder.from_dict(statement.predicate, where="/predicate")


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
