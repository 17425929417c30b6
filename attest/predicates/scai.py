"""Software Supply Chain Attribute Integrity (SCAI) v0.3: attributes of an artifact or its producer, with evidence.

Rule: sections are those of spec/predicates/scai.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAssertion(Record):
    """One attribute that is asserted (Fields, predicate.attributes).

    attribute: what is asserted, in words that producer and consumer share (Fields, predicate.attributes[*].attribute).
    target: the artifact that it applies to, if not the subject (Fields, predicate.attributes[*].target).
    conditions: under which it arises (Fields, predicate.attributes[*].conditions).
    evidence: what shows it (Fields, predicate.attributes[*].evidence).
    """

    attribute: str
    target: ResourceDescriptor | None = None
    conditions: Mapping[str, Any] | None = None
    evidence: ResourceDescriptor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeReport(Predicate):
    """The attributes of a subject (Fields).

    attributes: one assertion or more (Fields, predicate.attributes).
    producer: who or what made the subject (Fields, predicate.producer).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/scai/v0.3"

    attributes: Sequence[AttributeAssertion]
    producer: ResourceDescriptor | None = None


BUILDER: Final = AttributeReport
