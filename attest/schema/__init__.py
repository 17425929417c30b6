"""JSON Schemas: `compiled` ones, `predicate_types` and their schemas, and `rules` that no schema can say.

Rule: a schema comes from this package or from a file that somebody named, and never from the network.
"""

from __future__ import annotations

from attest.schema.compiled import (
    MAX_FAULTS,
    Schema,
    Violation,
    directory,
    for_predicate,
    named,
    part,
    predicate_documents,
)

__all__ = ["MAX_FAULTS", "Schema", "Violation", "directory", "for_predicate", "named", "part", "predicate_documents"]
