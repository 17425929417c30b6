"""JSON Schemas, the predicate types that have one, and rules that no schema can express.

Rule: a schema comes from this package or from a file that the user named, and never from the network.
"""

from __future__ import annotations

from attest.schema.compiled import (
    DATA,
    DEVIATION,
    LOOSER,
    MAX_FAULTS,
    MAX_NOTED,
    Purpose,
    Schema,
    Violation,
    directory,
    for_predicate,
    named,
    part,
    predicate_documents,
)

__all__ = [
    "DATA",
    "DEVIATION",
    "LOOSER",
    "MAX_FAULTS",
    "MAX_NOTED",
    "Purpose",
    "Schema",
    "Violation",
    "directory",
    "for_predicate",
    "named",
    "part",
    "predicate_documents",
]
