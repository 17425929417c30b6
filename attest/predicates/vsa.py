"""SLSA Verification Summary Attestation v1: what a verifier found an artifact to meet.

Rule: sections are those of verification_summary.md in the SLSA specification 1.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier(Record):
    """Who verified (Fields, verifier).

    id: URI of the verifier, which consumers pair with a signer (Fields, verifier.id).
    version: versions of the verifier's components, by their names (Fields, verifier.version).
    """

    id: str
    version: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSummary(Predicate):
    """That an artifact met a policy, or did not (Fields).

    verifier: who verified (Fields, verifier).
    time_verified: when, a Timestamp (Fields, timeVerified).
    resource_uri: the resource that the artifact is, by the URI it is fetched from (Fields, resourceUri).
    policy: what it was verified against; needs a `uri`, and should have a `digest` (Fields, policy).
    input_attestations: all attestations that were used; each needs a `digest` (Fields, inputAttestations).
    verification_result: PASSED or FAILED (Fields, verificationResult).
    verified_levels: SlsaResults: the highest level of each track, and properties; or FAILED (Fields, verifiedLevels).
    dependency_levels: how many transitive dependencies have each SlsaResult; none at all if it is empty, and nothing is
        claimed if it is unset (Fields, dependencyLevels).
    slsa_version: of the specification, as MAJOR.MINOR (Fields, slsaVersion).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://slsa.dev/verification_summary/v1"

    verifier: Verifier
    time_verified: str | None = None
    resource_uri: str
    policy: ResourceDescriptor
    input_attestations: Sequence[ResourceDescriptor] | None = None
    verification_result: str
    verified_levels: Sequence[str]
    dependency_levels: Mapping[str, int] | None = None
    slsa_version: str | None = None


BUILDER: Final = VerificationSummary
