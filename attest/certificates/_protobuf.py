"""Protobuf messages as JSON (ProtoJSON), as Sigstore's bundles and trusted roots have them: typed fields, with limits.

Rule: null and a missing field are the default, a field under two names is an error, and no value is converted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_UPPER: Final = re.compile(r"[A-Z]", re.ASCII)
_MOST: Final = 2**63


class Message:
    """A message in a document; `where` is its JSON pointer. Every error is an InputError `code` at such a place."""

    def __init__(self, value: Any, where: str, code: str) -> None:
        self.where, self.code = where, code
        if not isinstance(value, dict):
            raise self.error(None, "expected an object")
        self._fields: Mapping[str, Any] = value

    def error(self, name: str | None, message: str) -> InputError:
        """The error that says what is wrong with the field `name`, or with the message itself."""
        return InputError(self.code, message, where=(self.where if name is None else f"{self.where}/{name}") or "/")

    def has(self, name: str) -> bool:
        """Whether the field is set."""
        return self._value(name) is not None

    def text(self, name: str) -> str:
        """A string that is not empty."""
        value = self._value(name)
        if not isinstance(value, str) or not value:
            raise self.error(name, "expected a text")
        return value

    def data(self, name: str, most: int, exactly: int | None = None) -> bytes:
        """Bytes in base64, at least one and at most `most`."""
        return self._decoded(self.text(name), name, most, exactly)

    def list_of_data(self, name: str, most: int, exactly: int) -> list[bytes]:
        """A list of at most `most` values of `exactly` so many bytes."""
        items = self._list(name, most)
        return [self._decoded(item, f"{name}/{index}", exactly, exactly) for index, item in enumerate(items)]

    def integer(self, name: str) -> int:
        """An integer of 64 bits, a string or a number in ProtoJSON, that is not negative; 0 if it is not set."""
        value = self._value(name)
        if value is None:
            return 0
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if value.__class__ is not int or not 0 <= value < _MOST:
            raise self.error(name, "expected an integer that is not negative")
        return int(value)

    def message(self, name: str) -> Message:
        """A message that must be set."""
        return Message(self._value(name), f"{self.where}/{name}", self.code)

    def messages(self, name: str, most: int) -> list[Message]:
        """A list of at most `most` messages; empty if it is not set."""
        items = self._list(name, most)
        return [Message(item, f"{self.where}/{name}/{index}", self.code) for index, item in enumerate(items)]

    def _list(self, name: str, most: int) -> list[Any]:
        value = self._value(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            raise self.error(name, f"expected a list of at most {most} values")
        return value

    def _decoded(self, text: Any, name: str, most: int, exactly: int | None) -> bytes:
        if isinstance(text, str) and len(text) > most * 4 // 3 + 4:  # before it is decoded
            raise self.error(name, f"expected at most {most} bytes in base64")
        try:
            data = b64decode(text, where="")
        except InputError as error:
            raise self.error(name, error.message) from None
        if len(data) > most or exactly not in (None, len(data)):
            raise self.error(name, f"expected {'at most' if exactly is None else 'exactly'} {most} bytes in base64")
        return data

    def _value(self, name: str) -> Any:
        """The value under the name in JSON or in the .proto file, both of which ProtoJSON allows."""
        other = _UPPER.sub(lambda found: "_" + found[0].lower(), name)
        if other != name and other in self._fields:
            if name in self._fields:
                raise self.error(name, f"the field is there twice, also with the spelling {other}")
            return self._fields[other]
        return self._fields.get(name)
