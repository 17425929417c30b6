"""Dataclasses that are JSON objects: Python names in the class, the names of the specification in JSON.

Rule: nothing is lost in either direction; unknown fields are kept and written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Self, Union, get_args, get_origin, get_type_hints

from attest._base.json import pointer
from attest.errors import InputError


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object with a field for each member that its specification names, and `extra` for the rest.

    A subclass is a frozen dataclass. Its annotations say it all: `build_type: str` is the required member `buildType`,
    `X | None = None` an optional one, a Record or a Sequence of Records what is nested, and
    `field(metadata={"json": NAME})` a member with another name. Lists become tuples. `extra` holds members by their
    JSON names: unknown ones, and known ones that were null or empty, which mean unset and are kept.
    """

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        for member in members(type(self)):
            if member.many and isinstance(value := getattr(self, member.name), list):
                object.__setattr__(self, member.name, tuple(value))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, where: str = "") -> Self:
        """The record that a JSON object is; `where` is the pointer of the object in errors.

        Raises InputError `predicate-invalid` for a member of the wrong type, or a missing one, at its JSON pointer.
        """
        _demand(document, dict, where)
        extra = dict(document)
        values = {}
        for member in members(cls):
            value = extra.get(member.json)
            if value is None or (not member.required and value == member.default):
                if member.required:
                    raise InputError("predicate-invalid", f"{member.json!r} is a required property", where=where or "/")
                continue
            values[member.name] = member.read(value, where + pointer(member.json))
            del extra[member.json]
        return cls(**values, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object: the fields that are set, in the order of the specification, and then `extra`.

        Raises InputError `option-invalid` where `extra` holds what a field says too.
        """
        document: dict[str, Any] = {}
        for member in members(type(self)):
            value = getattr(self, member.name)
            if member.required or value != member.default:
                document[member.json] = _plain(value)
        for name, value in self.extra.items():
            if name in document:
                raise InputError("option-invalid", f"{name!r} is in `extra` and is also a field")
            document[name] = value
        return document


class JsonField(NamedTuple):
    """One member of a JSON object, as the annotation of a field says it."""

    name: str
    json: str
    required: bool
    default: Any
    types: tuple[type, ...]
    record: type[Record] | None
    many: bool

    def read(self, value: Any, where: str) -> Any:
        """The value of the field for a JSON value. Raises InputError `predicate-invalid`."""
        _demand(value, self.types, where)
        if self.record is None:
            return value
        if isinstance(value, list):
            return tuple([self.record.from_dict(item, where=f"{where}/{index}") for index, item in enumerate(value)])
        return self.record.from_dict(value, where=where)


def members(kind: Any) -> tuple[JsonField, ...]:
    """The members that a Record class knows, in their order."""
    return _members(kind)


@cache
def _members(kind: Any) -> tuple[JsonField, ...]:
    hints = get_type_hints(kind)
    found = []
    for one in fields(kind):
        if one.name == "extra":
            continue
        options = get_args(hints[one.name]) if get_origin(hints[one.name]) in (Union, UnionType) else (hints[one.name],)
        types: list[type[Any]] = []
        record, many = None, False
        for option in options:
            origin = get_origin(option) or option
            if origin is Sequence:
                many = True
                types.append(list)
                record = _record(get_args(option)[0]) or record
            elif origin is Mapping:
                types.append(dict)
            elif _record(origin) is not None:
                record = _record(origin)
                types.append(dict)
            elif origin is not NoneType:
                types.append(origin)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        required = default is MISSING
        json = one.metadata.get("json") or _camel(one.name)
        found.append(JsonField(one.name, json, required, default, tuple(types), record, many))
    return tuple(found)


def _record(kind: Any) -> type[Record] | None:
    return kind if isinstance(kind, type) and issubclass(kind, Record) else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    if value.__class__ is str:
        return value
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, dict | Mapping) else value  # a Mapping takes longer to ask for


_CALLED = {str: "string", dict: "object", list: "array", int: "integer", bool: "boolean"}


def _demand(value: Any, types: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, types):
        known = types if isinstance(types, tuple) else (types,)
        names = " or ".join(repr(_CALLED[kind]) for kind in known)
        raise InputError("predicate-invalid", f"{value!r:.80} is not of type {names}", where=where or "/")
