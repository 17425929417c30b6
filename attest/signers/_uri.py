"""Signer URIs: a scheme, a path and a query.

Rule: percent-encoding is the only encoding (a `+` is a `+`), and an unknown attribute is an error.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote_to_bytes

from attest._base.expected import demand
from attest.errors import SignerError, redacted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_URI = re.compile(r"([a-z][a-z0-9+.-]*):([^?]*)(?:\?(.*))?", re.ASCII | re.IGNORECASE | re.DOTALL)
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class SignerURI:
    """A parsed URI. `path` is still encoded, because each scheme splits it in its own way; `query` is decoded."""

    text: str
    scheme: str
    path: str
    query: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises SignerError `signer-uri-invalid`."""
        demand(text, str, "signer URI", "text, such as 'file:release.pem'")
        found = _URI.fullmatch(text)
        if not found or not found[2]:
            raise SignerError(
                "signer-uri-invalid",
                f"expected a signer URI, found {redacted(text)!r}",
                hint="Write SCHEME:PATH, for example `file:release.pem` or `sim:test`.",
            )
        query: dict[str, str] = {}
        for part in found[3].split("&") if found[3] else ():
            name, equals, value = part.partition("=")
            if not equals or not name:
                message = f"expected NAME=VALUE, found {redacted(part)!r}"
                raise SignerError("signer-uri-invalid", message, where=redacted(text))
            if name in query:
                raise SignerError("signer-uri-invalid", f"attribute {name!r} is given twice", where=redacted(text))
            query[name] = percent_decode(value, where=text)
        return cls(text, found[1].lower(), found[2], query)

    def expect_query(self, known: Collection[str]) -> None:
        """Raises SignerError `signer-uri-invalid` for a query attribute that is not in `known`."""
        for name in self.query:
            if name not in known:
                names = ", ".join(sorted(known))
                hint = f"Use one of: {names}." if known else f"Remove it: {self.scheme}: URIs have no attributes."
                raise SignerError("signer-uri-invalid", f"unknown attribute {name!r}", where=str(self), hint=hint)

    def number(self, name: str, default: float, most: float, *, least: float = 0) -> float:
        """The number that a query attribute gives, or `default`. Raises SignerError `signer-uri-invalid`."""
        text = self.query.get(name)
        try:
            number = default if text is None else float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            message = f"expected a number from {least:g} to {most:g} for {name}, found {text!r}"
            raise SignerError("signer-uri-invalid", message, where=str(self))
        return number

    def __str__(self) -> str:
        return redacted(self.text)


def percent_decode(text: str, *, where: str) -> str:
    """Undo percent-encoding (RFC 3986 section 2.1) of UTF-8 text. Raises SignerError `signer-uri-invalid`."""
    try:
        if _BAD_PERCENT.search(text):
            raise ValueError
        return unquote_to_bytes(text).decode()
    except ValueError:
        raise SignerError(
            "signer-uri-invalid",
            "the signer URI contains text that is not percent-encoded UTF-8",
            where=redacted(where),
            hint="Write `%` itself as `%25`.",
        ) from None
