"""Signer URIs: a scheme, a path and a query.

Rule: percent-encoding is the only encoding (a `+` is a `+`), and an unknown attribute is an error.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote_to_bytes

from attest._base.expected import demand
from attest._base.read_only import read_only
from attest._base.text import did_you_mean
from attest.errors import InputError, SignerError, redacted
from attest.keys import algorithm_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from attest.keys import Algorithm

FAILOVER: Final = "failover"  # the attribute of every scheme that names the other signers of the same key
_MOST_MEMBERS: Final = 16

_URI = re.compile(r"([a-z][a-z0-9+.-]*):([^?]*)(?:\?(.*))?", re.ASCII | re.IGNORECASE | re.DOTALL)
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, repr=False)
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
                hint=f"For a key in a file: `file:{redacted(text)}`."
                if os.path.isfile(text) or text.endswith((".pem", ".key"))
                else "Write SCHEME:PATH, for example `file:release.pem` or `sim:test`.",
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
        return cls(text, found[1].lower(), found[2], read_only(query))

    @property
    def members(self) -> tuple[Self, ...]:
        """The URIs of one key in several places: this one without `failover`, and those in it, in their order.

        Raises SignerError `signer-uri-invalid`.
        """
        if FAILOVER not in self.query:
            return (self,)
        path, _, query = self.text.partition("?")
        own = "&".join(part for part in query.split("&") if not part.startswith(f"{FAILOVER}="))
        first = type(self).parse(f"{path}?{own}" if own else path)
        others = [type(self).parse(text) for text in self.query[FAILOVER].split()]
        if not 0 < len(others) < _MOST_MEMBERS:
            message = f"expected 1 to {_MOST_MEMBERS - 1} signer URIs for {FAILOVER}, found {len(others)}"
            raise SignerError("signer-uri-invalid", message, where=str(self))
        for other in others:
            if FAILOVER in other.query:
                message = f"a signer in {FAILOVER} cannot have {FAILOVER} of its own"
                raise SignerError("signer-uri-invalid", message, where=str(self))
        return (first, *others)

    def expect_query(self, known: Collection[str]) -> None:
        """Raises SignerError `signer-uri-invalid` for a query attribute that is not in `known`."""
        for name in self.query:
            if name not in known:
                names = ", ".join(sorted(known))
                hint = (
                    did_you_mean(name, known, f"Use one of: {names}.")
                    if known
                    else f"Remove it: {self.scheme}: URIs have no attributes."
                )
                raise SignerError("signer-uri-invalid", f"unknown attribute {name!r}", where=str(self), hint=hint)

    def for_algorithm(self, algorithm: Algorithm | None) -> Self:
        """This URI with `algorithm=`, if a key of this type signs by default with another algorithm: RSA.

        Raises SignerError `key-algorithm-mismatch` if the URI has another one.
        """
        own = self.query.get("algorithm")
        if algorithm is None or own == algorithm.name:
            return self
        if own is not None:
            message = f"the URI says {own}, but a key for {algorithm.name} is to be generated"
            raise SignerError("key-algorithm-mismatch", message, where=str(self))
        if not algorithm.family.startswith("rsa"):
            return self
        return type(self).parse(f"{self.text}{'&' if '?' in self.text else '?'}algorithm={algorithm.name}")

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

    def algorithm(self) -> Algorithm | None:
        """The algorithm that the attribute `algorithm` names, or None. Raises SignerError `signer-uri-invalid`."""
        name = self.query.get("algorithm")
        try:
            return None if name is None else algorithm_named(name)
        except InputError as error:
            raise SignerError("signer-uri-invalid", error.message, where=str(self), hint=error.hint) from None

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return redacted(self.text)

    def __repr__(self) -> str:
        return f"SignerURI({str(self)!r})"


def in_order(uris: Sequence[str]) -> str:
    """One URI for signers of one key that take over from each other in this order: the first, with `failover`."""
    first, *others = uris
    if not others:
        return first
    return f"{first}{'&' if '?' in first else '?'}{FAILOVER}={quote(' '.join(others), safe='')}"


def is_simulated(uri: str) -> bool:
    """Whether a signer URI names the simulator anywhere. A URI that is not valid does only at its beginning."""
    try:
        return any(member.scheme == "sim" for member in SignerURI.parse(uri).members)
    except SignerError:
        return uri.lower().startswith("sim:")


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
