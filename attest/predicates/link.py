"""in-toto Link v0.3: one step of a supply chain, what it was given and what was run.

Rule: sections are those of spec/predicates/link.md; the products of the step are the statement's subjects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from attest.predicates._base import Predicate
from attest.statement import ResourceDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Predicate):
    """A step that was carried out (Fields).

    name: of the step, as a layout calls it (Fields, name).
    command: the command and its arguments (Fields, command).
    materials: what the step was given, each with a `digest` and a `name` of its own (Fields, materials).
    byproducts: anything else about what it did, such as its output (Fields, byproducts).
    environment: what it was carried out in (Fields, environment).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/link/v0.3"

    name: str
    command: Sequence[str] | None = None
    materials: Sequence[ResourceDescriptor] | None = None
    byproducts: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None


BUILDER: Final = Link
