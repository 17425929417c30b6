"""in-toto Reference v0.1: documents that belong to an artifact and are kept elsewhere.

Rule: sections are those of spec/predicates/reference.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from attest._base.records import Record
from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Attester(Record):
    """Who provides the documents (Fields, attester.id).

    id: URI of the system that does (Fields, attester.id).
    """

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Predicate):
    """Documents about the subjects as a whole (Fields).

    attester: who provides them (Fields, attester.id).
    references: the documents, each with `download_location` and `media_type` (Fields, references).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/reference/v0.1"

    attester: Attester
    references: Sequence[ResourceDescriptor]


BUILDER: Final = Reference
