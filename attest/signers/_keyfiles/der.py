"""DER and BER, read value by value, as far as it takes to find out what a passphrase would cost.

Rule: every surprise is a ValueError: what is not understood is not opened.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

INTEGER: Final = 2
OCTETS: Final = 4
OID: Final = 6
SEQUENCE: Final = 16
_BITS: Final = 3
_MAX_DEPTH: Final = 8  # pieces of pieces


class Value(NamedTuple):
    """One value: its class (0: universal, 2: context), its tag, whether it consists of values, content, all bytes."""

    kind: int
    tag: int
    constructed: bool
    content: bytes
    whole: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The only value in `data`. Raises ValueError."""
        [value] = cls.several(data)
        return value

    @classmethod
    def several(cls, data: bytes) -> list[Self]:
        """The values in `data`, one after the other. Raises ValueError."""
        from asn1crypto import parser

        found = []
        while data:
            kind, method, tag, header, content, trailer = parser.parse(data)
            size = len(header) + len(content) + len(trailer)
            found.append(cls(kind, tag, bool(method), content, data[:size]))
            data = data[size:]
        return found

    def is_a(self, tag: int) -> bool:
        """Whether this is a universal value with that tag."""
        return (self.kind, self.tag) == (0, tag)

    @property
    def is_bits(self) -> bool:
        """Whether this is a bit string."""
        return self.is_a(_BITS)

    def items(self) -> list[Self]:
        """The values of a SEQUENCE or SET, or in a context tag. Raises ValueError."""
        if not self.constructed:
            raise ValueError
        return self.several(self.content)

    def tagged(self, number: int) -> Self:
        """The value in an explicit context tag. Raises ValueError."""
        if (self.kind, self.tag) != (2, number):
            raise ValueError
        [value] = self.items()
        return value

    def octets(self, depth: int = 0) -> bytes:
        """The bytes of an OCTET STRING, which BER may cut into pieces. Raises ValueError."""
        if not self.is_a(OCTETS) or depth > _MAX_DEPTH:
            raise ValueError
        if not self.constructed:
            return self.content
        return b"".join(piece.octets(depth + 1) for piece in self.items())

    def number(self) -> int:
        """The value of an INTEGER. Raises ValueError."""
        if not self.is_a(INTEGER) or not self.content:
            raise ValueError
        return int.from_bytes(self.content, "big", signed=True)

    def oid(self) -> str:
        """The bytes of an OBJECT IDENTIFIER, in hexadecimal. Raises ValueError."""
        if not self.is_a(OID):
            raise ValueError
        return self.content.hex()


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of encoded values."""
    return encoded(SEQUENCE, b"".join(parts), constructed=True)


def encoded(tag: int, content: bytes, *, kind: int = 0, constructed: bool = False) -> bytes:
    """One value in DER; the arguments are as in Value."""
    from asn1crypto import parser

    made: bytes = parser.emit(kind, int(constructed), tag, content)
    return made
