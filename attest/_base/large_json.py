"""A JSON object that may be too large to hold as Python values: its members are found first, and parsed piece by piece.

Rule: every byte is checked by the same strict parser as any other JSON; what is found here is only where to cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Final

from attest._base.json import MAX_DEPTH, demand_few, loads, loads_object, pointer
from attest.errors import AttestError, InputError

# A document of more bytes is not held as Python values where it need not be: they take about ten times its bytes.
LARGE: Final = 16 << 20
_PIECE: Final = 1 << 20
_MAX_EXPLAINED: Final = 16 << 20

# All of them are anchored and possessive: each byte is looked at once, whatever is wrong with it.
_NAME: Final = re.compile(rb'[ \t\n\r]*+("(?:[^"\\]++|\\.)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_SCALAR: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^ \t\n\r",:{}\[\]]++', re.DOTALL)
_PLAIN: Final = rb'[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"'
_NEST: Final = rb"[{\[](?:%b|%b)*+[}\]]"
# Up to the next bracket, or past all of a value of few levels at once. That fails at most once a level for each byte.
_VALUE: Final = _NEST % (_PLAIN, _NEST % (_PLAIN, _NEST % (_PLAIN, rb"[{\[](?:%b)*+[}\]]" % _PLAIN)))
_BEGIN: Final = re.compile(rb"[ \t\n\r]*+\{")
_NEXT: Final = re.compile(rb"[ \t\n\r]*+([,}])")
_COMMA: Final = re.compile(rb"[ \t\n\r]*+,")
_EMPTY: Final = re.compile(rb"[ \t\n\r]*+\}[ \t\n\r]*+\Z")
_END: Final = re.compile(rb"[ \t\n\r]*+\Z")
_OPENING: Final = frozenset(b"{[")
_LIST: Final = ord("[")
_OBJECT: Final = ord("{")
_KINDS: Final[dict[type, Any]] = {dict: {}, list: []}


@cache
def _bracket() -> re.Pattern[bytes]:
    """Compiled for the first large value: it takes a millisecond, and most commands read none."""
    return re.compile(rb"(?:%b)*+(?:(%b)|[{}\[\]])" % (_PLAIN, _VALUE), re.DOTALL)


class LazyObject(Mapping[str, Any]):
    """The members of the JSON object in `data`, each parsed anew whenever it is asked for.

    Raises InputError `json-invalid`, `json-too-deep` or `json-too-many-values` as `loads_object` does: for the object's
    own members when it is made, and for what is in a member when that is parsed. `check` parses all of it. The object
    may also be a part of `data`, between `begin` and `end`.
    """

    def __init__(
        self, data: bytes, *, what: str, max_depth: int = MAX_DEPTH, begin: int = 0, end: int | None = None
    ) -> None:
        self.data = data
        self.what = what
        self._max_depth = max_depth
        self._begin = begin
        self._end = len(data) if end is None else end
        self._checked = False
        self._spans: dict[str, list[tuple[int, int]]] = {}
        if not self._is_part:  # of which all was counted
            demand_few(data, what)  # first: to find a bracket takes longer than to parse it
        self._find()

    def __getitem__(self, name: str) -> Any:
        spans = self._spans[name]
        return self._parse(name, spans[0][0], spans[-1][1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, name: object) -> bool:
        return name in self._spans

    def __repr__(self) -> str:
        return f"LazyObject({list(self)[:8]}{', ...' if len(self) > 8 else ''})"

    def is_list(self, name: str) -> bool:
        """Whether the member is there, and a list."""
        return name in self._spans and self.data[self._spans[name][0][0]] == _LIST

    def object(self, name: str) -> LazyObject | None:
        """The member, if it is there and an object."""
        if name not in self._spans or self.data[self._spans[name][0][0]] != _OBJECT:
            return None
        [(begin, end)] = self._spans[name]
        return LazyObject(self.data, what=self.what, max_depth=self._max_depth - 1, begin=begin, end=end)

    def within(self, max_depth: int) -> LazyObject:
        """The same object, whose members may be nested so deep at most."""
        if self._max_depth <= max_depth:
            return self
        return LazyObject(self.data, what=self.what, max_depth=max_depth, begin=self._begin, end=self._end)

    def outline(self) -> dict[str, Any]:
        """The members; of the elements of lists only what kind they are, where that is an object or a list."""
        return {
            name: [_KINDS.get(type(element), element) for element in self.elements(name)]
            if self.is_list(name)
            else self[name]
            for name in self
        }

    def elements(self, name: str) -> Iterator[Any]:
        """The elements of a member that is a list, of which no more than a piece is in memory; none of another one."""
        if not self.is_list(name):
            return
        spans = self._spans[name]
        if len(spans) == 1:
            yield from self[name]
            return
        for index, (begin, end) in enumerate(spans):
            opening = b"" if index == 0 else b"["
            closing = b"" if index == len(spans) - 1 else b"]"
            piece = self._parse(name, begin, end, opening, closing)
            if not piece:  # a comma with nothing on one side of it
                raise self._fault(InputError("json-invalid", f"{self.what} is not valid JSON", where=pointer(name)))
            yield from piece

    def check(self) -> None:
        """Parse all of it, once. Raises InputError as above."""
        if self._checked:
            return
        for name in self:
            if self.is_list(name):
                for _ in self.elements(name):
                    pass
            else:
                self[name]
        self._checked = True

    def _parse(self, name: str, begin: int, end: int, opening: bytes = b"", closing: bytes = b"") -> Any:
        text = b"".join([opening, memoryview(self.data)[begin:end], closing])
        try:
            return loads(text, what=self.what, max_depth=self._max_depth - 1)
        except InputError as error:
            raise self._fault(error.below(pointer(name))) from None

    @property
    def _is_part(self) -> bool:
        return (self._begin, self._end) != (0, len(self.data))

    def _find(self) -> None:
        found = _BEGIN.match(self.data, self._begin, self._end)
        if found is None:
            raise self._fault()
        if _EMPTY.match(self.data, found.end(), self._end):
            return
        place, separator = found.end(), b","
        while separator == b",":
            named = _NAME.match(self.data, place, self._end)
            if named is None:
                raise self._fault()
            name = self._name(named[1])
            spans = self._value(named.end())
            after = None if spans is None else _NEXT.match(self.data, spans[-1][1], self._end)
            if spans is None or after is None:
                raise self._fault()
            self._spans[name] = spans
            place, separator = after.end(), after[1]
        if _END.match(self.data, place, self._end) is None:
            raise self._fault()

    def _name(self, text: bytes) -> str:
        try:
            name: str = loads(text, what=self.what)
        except InputError as error:
            raise self._fault(error) from None
        if name in self._spans:
            raise self._fault(
                InputError("json-invalid", f"{self.what} has the key {name!r} twice", where=pointer(name))
            )
        return name

    def _value(self, begin: int) -> list[tuple[int, int]] | None:
        """Where the value that begins here lies; a long list in several pieces, cut at commas between its elements."""
        if self.data[begin : begin + 1] not in (b"{", b"["):
            scalar = _SCALAR.match(self.data, begin, self._end)
            return None if scalar is None else [(begin, scalar.end())]
        data, bracket = self.data, _bracket().match
        spans: list[tuple[int, int]] = []
        is_list, depth, place, start = data[begin] == _LIST, 1, begin + 1, begin
        while (found := bracket(data, place, self._end)) is not None:
            place = found.end()
            if found[1] is None:
                if data[place - 1] in _OPENING:
                    depth += 1
                    continue
                depth -= 1
            if depth == 0:
                return [*spans, (start, place)]
            if depth == 1 and is_list and place - start > _PIECE and (comma := _COMMA.match(data, place)):
                spans.append((start, place))
                start = comma.end()
        return None

    def _fault(self, error: AttestError | None = None) -> AttestError:
        """The parser's own word for what is wrong, unless all of it is too much to parse for that."""
        if len(self.data) <= _MAX_EXPLAINED and not self._is_part:
            try:
                loads_object(self.data, what=self.what, max_depth=self._max_depth)
            except InputError as whole:
                return whole
        return error or InputError("json-invalid", f"{self.what} is not valid JSON")


class PartlyRead:
    """A JSON object of more than LARGE bytes, most of which one member may be, which is an object too.

    `head` has all members, of which that one is empty.
    """

    def __init__(self, members: LazyObject, name: str, member: LazyObject) -> None:
        self._members = members
        self._member = member
        self.head: dict[str, Any] = {each: {} if each == name else members[each] for each in members}

    @classmethod
    def of(cls, data: bytes, name: str, *, what: str, max_depth: int) -> PartlyRead | None:
        """None for a smaller one, or one whose member `name` is no object. Raises InputError as `loads_object` does."""
        if len(data) <= LARGE:
            return None
        members = LazyObject(data, what=what, max_depth=max_depth)
        member = members.object(name)
        return None if member is None else cls(members, name, member)

    @cached_property
    def outline(self) -> dict[str, Any]:
        """The outline of that member, for which all of it is parsed. Raises InputError as `loads_object` does."""
        return self._member.outline()
