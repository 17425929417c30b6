"""Finds the builder of a predicate type.

Rule: a builder is found by the type's name or URI, and never by what a predicate looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base import registry
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from attest.predicates._base import Predicate
    from attest.statement import Statement

_ROOM: Final = "attest.predicates"


def builder_for(name: str) -> type[Predicate] | None:
    """The builder for a short name, an alias or a predicateType URI, or None where there is none.

    Raises InputError `predicate-type-unknown` for what is neither a known name nor a known URI.
    """
    short, _ = OURS.find(name)
    module = registry.load(_ROOM, short)
    return None if module is None else module.BUILDER


def from_statement(statement: Statement) -> Predicate:
    """The predicate of a statement in its builder. This verifies nothing: use the statement of a `Verified`.

    Raises InputError `predicate-invalid`, or `predicate-type-unknown` for a type that there is no builder for.
    """
    builder = builder_for(statement.predicate_type)
    if builder is None:
        raise InputError("predicate-type-unknown", f"predicate type {statement.predicate_type} has no builder")
    return builder.from_dict(statement.predicate, where="/predicate")
