"""A predicate type in a result object.

Rule: what is printed about a type comes from its schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest import predicates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.schema.predicate_types import PredicateSchemas


def describe(name: str, document: Mapping[str, Any], schemas: PredicateSchemas) -> dict[str, Any]:
    builder = None if name in schemas.own else predicates.builder_for(name)
    return {
        "name": name,
        "uri": document["$id"],
        "aliases": list(document.get("x-aliases", ())),
        "title": document.get("title"),
        "own": name in schemas.own,
        "builder": None if builder is None else f"attest.predicates.{builder.__name__}",
    }
