"""To and from the messages of in_toto_attestation, the official bindings.

Rule: what a message cannot carry is found by reading it back, and named.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import pointer
from attest._base.records import Record, members
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from attest.predicates._base import Predicate

# Modules of this folder, and the message of in_toto_attestation.predicates 0.9.3 for each.
_MESSAGES: Final[Mapping[str, tuple[str, str]]] = {
    "link": ("link.v0.link_pb2", "Link"),
    "scai": ("scai.v0.scai_pb2", "AttributeReport"),
    "slsa_provenance": ("provenance.v1.provenance_pb2", "Provenance"),
    "test_result": ("test_result.v0.test_result_pb2", "TestResult"),
    "vsa": ("vsa.v1.vsa_pb2", "VerificationSummary"),
}

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?Z", re.ASCII)


class Official(NamedTuple):
    """A predicate as a message of in_toto_attestation, and the JSON pointers of what the message cannot carry.

    Lost are unknown fields, nulls and empty values of optional fields, integers beyond 2^53 in free objects, and what
    the message has no field for. 1.0 is 1 in a message, and a time may be written with other zeros: that is not lost.
    """

    message: Message
    lost: tuple[str, ...]


def to_official(predicate: Predicate) -> Official:
    """The message for `predicate`, with what it cannot carry.

    Raises InputError `message-missing` where in_toto_attestation has no message for the type.
    """
    home = type(predicate).__module__.rpartition(".")[2]
    if home not in _MESSAGES:
        have = ", ".join(name.replace("_", "-") for name in _MESSAGES)
        raise InputError(
            "message-missing",
            f"in_toto_attestation has no message for {predicate.PREDICATE_TYPE}",
            hint=f"Use one of these types: {have}.",
        )
    document = predicate.to_dict()
    message = _message_type(home)()
    _fill(message, document)
    return Official(message, tuple(_lost(document, _read(message, type(predicate)))))


def from_official(message: Message) -> Predicate:
    """The builder for a message of in_toto_attestation.

    Raises InputError `message-missing` for a message of another kind, and `predicate-invalid`, at its JSON pointer, for
    one that is not a valid predicate.
    """
    for home in _MESSAGES:
        if isinstance(message, _message_type(home)):
            module = import_module(f"attest.predicates.{home}")
            builder: type[Predicate] = module.BUILDER
            return builder.from_dict(_read(message, builder))
    raise InputError("message-missing", f"message {type(message).__name__} has no builder")


def _message_type(home: str) -> type[Message]:
    path, name = _MESSAGES[home]
    module = import_module(f"in_toto_attestation.predicates.{path}")
    found: type[Message] = getattr(module, name)
    return found


def _fill(message: Message, document: Mapping[str, Any]) -> None:
    """Put into the message what fits, each value by itself, so that one that does not takes no other with it."""
    known = {one.json_name: one for one in message.DESCRIPTOR.fields}
    for name, value in document.items():
        if name in known and value is not None:
            _put(message, known[name], value)


def _put(message: Message, one: FieldDescriptor, value: Any) -> None:
    from google.protobuf.json_format import ParseDict, ParseError

    kind = one.message_type
    if kind is not None and kind.GetOptions().map_entry:
        entries = getattr(message, one.name)
        for key, item in value.items():
            try:
                entries[key] = item
            except (TypeError, ValueError):
                continue
    elif kind is None or kind.full_name.startswith("google.protobuf."):
        if isinstance(value, list) and len(value) == 1 and not _is_repeated(message, one):
            value = value[0]  # verifiedLevels, which is one string in their VSA
        try:
            ParseDict({one.json_name: value}, message)
        except ParseError:
            message.ClearField(one.name)
    elif _is_repeated(message, one):
        for item in value:
            _fill(getattr(message, one.name).add(), item)
    else:
        getattr(message, one.name).SetInParent()
        _fill(getattr(message, one.name), value)


def _is_repeated(message: Message, one: FieldDescriptor) -> bool:
    # Asked of the value: what the descriptor calls it has changed between the versions of protobuf.
    return hasattr(getattr(message, one.name), "extend")


def _read(message: Message, builder: type[Record]) -> dict[str, Any]:
    """The message as the predicate's JSON."""
    from google.protobuf.json_format import MessageToDict

    return _completed(MessageToDict(message), builder)


def _completed(document: dict[str, Any], kind: type[Record]) -> dict[str, Any]:
    """With the lists that are required, which a message does not tell from none, and counts as numbers again."""
    for member in members(kind):
        value = document.get(member.json)
        if value is None and member.required and member.many:
            document[member.json] = []
        elif member.many and isinstance(value, str):
            document[member.json] = [value]
        elif member.record is not None and value is not None:
            items = value if isinstance(value, list) else [value]
            for item in items:
                _completed(item, member.record)
        elif member.json == "dependencyLevels" and value is not None:
            document[member.json] = {level: int(count) for level, count in value.items()}
    return document


def _lost(before: Any, after: Any, *steps: str | int) -> Iterator[str]:
    """The pointers of everything in `before` that is not in `after`, as deep as it goes."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from _lost(value, after[name], *steps, name)
            else:
                yield pointer(*steps, name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(one, other, *steps, index)
    elif isinstance(before, bool) is not isinstance(after, bool) or _normal(before) != _normal(after):
        yield pointer(*steps)


def _normal(value: Any) -> Any:
    """A time without its needless zeros; anything else as it is."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else (found[1].upper(), (found[2] or "").rstrip(".0"))
