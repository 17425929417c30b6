"""The base of every builder: a record with a predicateType, checked as a verifier checks it.

Rule: a predicate that is read is valid; one that is built is checked when it becomes a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from attest._base.json import dumps, loads_object
from attest._base.records import Record
from attest._base.times import format_time
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Predicate(Record):
    """A predicate of one type, which `attest.Statement.build` takes as it is."""

    __slots__ = ()

    PREDICATE_TYPE: ClassVar[str]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, where: str = "") -> Self:
        """The builder for a predicate as JSON, a copy of it: `to_dict` gives an equal value, unknown fields included.

        Raises InputError `predicate-invalid` for one that breaks the schema or the rules of its type, at its JSON
        pointer behind `where`, and `json-invalid` for what is not JSON.
        """
        copy = loads_object(dumps(document), what="the predicate")
        check = OURS.for_type(cls.PREDICATE_TYPE)
        fault = None if check is None else check.first(copy)
        if fault is not None:
            pointer = fault.pointer.removeprefix("/predicate")
            raise InputError("predicate-invalid", fault.message, where=where + pointer or "/")
        return super().from_dict(copy, where=where)


def timestamp(moment: datetime) -> str:
    """A Timestamp (field_types.md): RFC 3339 in UTC, whole seconds.

    Builders have times as text, because 12:00:00Z and 12:00:00.000Z are one time and two documents. Raises InputError
    `time-invalid` for a time without a time zone.
    """
    if moment.tzinfo is None:
        raise InputError("time-invalid", "the time has no time zone", hint="Use datetime.now(UTC).")
    return format_time(moment)
