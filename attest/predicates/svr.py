"""in-toto Simple Verification Result (SVR) v0.2: the properties that a verifier found an artifact to have.

Rule: sections are those of spec/predicates/svr.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleVerifier(Record):
    """Who verified, and against what (Fields, verifier).

    id: URI of the verifier (Fields, verifier.id).
    policies: what it used; empty where none can be named, and never left out (Fields, verifier.policies).
    """

    id: str
    policies: Sequence[ResourceDescriptor]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleVerificationResult(Predicate):
    """That a verifier found properties at a point in time (Fields).

    verifier: who verified (Fields, verifier).
    time_created: when, a Timestamp (Fields, timeCreated).
    properties: that the artifact was found to have, such as SLSA_BUILD_LEVEL_3 (Fields, properties).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/svr/v0.2"

    verifier: SimpleVerifier
    time_created: str
    properties: Sequence[str]


BUILDER: Final = SimpleVerificationResult
