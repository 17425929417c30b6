"""PKCS#11 URIs, RFC 7512: the module, the token, the key, and the file with the PIN.

Rule: an attribute that is unknown, or is given twice, is an error; a PIN is never part of a URI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from attest.errors import SignerError, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 7512 section 2.3: the attributes of the path, for the token and for the object.
TOKEN_ATTRIBUTES: Final = frozenset({"token", "serial", "manufacturer", "model", "slot-id"})
OBJECT_ATTRIBUTES: Final = frozenset({"object", "id", "type"})
QUERY_ATTRIBUTES: Final = frozenset(
    "module-path module-name pin-source pin-cache pin-last-try failover prefer pool-size timeout key-policy "
    "x-algorithm x-init-args x-module-env".split()
)
_TYPES: Final = frozenset({"private", "public", "cert", "secret-key", "data"})
_UNUSED: Final = {
    "library-manufacturer": "Name the module with `module-path`.",
    "library-description": "Name the module with `module-path`.",
    "library-version": "Name the module with `module-path`.",
    "slot-description": "Name the token, or the slot with `slot-id`.",
    "slot-manufacturer": "Name the token, or the slot with `slot-id`.",
}
# The characters that RFC 7512 allows unencoded in attribute values; `&` only in the path, `;` in neither.
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9._~\-:\[\]@!$'()*+,=/?|&]|%[0-9A-Fa-f]{2})*", re.ASCII)
_SOURCE_OPTIONAL_PREFIX: Final = "file:"
# An absolute path, or a file: URI of this machine.
_SOURCE: Final = re.compile(rb"/|file:(?!//[^/]|$)")


@dataclass(frozen=True, slots=True)
class Pkcs11URI:
    """A parsed URI. `token` and `object` hold the path attributes as text, `id` the CKA_ID; `query` the query's."""

    text: str
    token: Mapping[str, str] = field(default_factory=dict)
    object: str | None = None
    id: bytes | None = None
    type: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises SignerError `signer-uri-invalid`."""
        scheme, colon, rest = text.partition(":")
        if scheme.lower() != "pkcs11" or not colon:
            raise _wrong(text, "the signer URI does not begin with pkcs11:")
        path, _, query = rest.partition("?")
        attributes = _attributes(text, path, ";", TOKEN_ATTRIBUTES | OBJECT_ATTRIBUTES)
        questions = _attributes(text, query, "&", QUERY_ATTRIBUTES)
        kind = _text(text, attributes, "type")
        if kind is not None and kind not in _TYPES:
            raise _wrong(text, f"expected one of {', '.join(sorted(_TYPES))} for type, found {kind!r}")
        slot = _text(text, attributes, "slot-id")
        if slot is not None and not (slot.isascii() and slot.isdigit()):
            raise _wrong(text, f"expected a number for slot-id, found {slot!r}")
        return cls(
            text,
            {name: _known(text, attributes, name) for name in attributes if name in TOKEN_ATTRIBUTES},
            _text(text, attributes, "object"),
            attributes.get("id"),
            kind,
            {name: _known(text, questions, name) for name in questions},
        )

    @property
    def pin_file(self) -> str | None:
        """The file that holds the PIN, from `pin-source`; a bare absolute path is one too."""
        source = self.query.get("pin-source")
        if source is None:
            return None
        path = source.removeprefix(_SOURCE_OPTIONAL_PREFIX)
        return path.removeprefix("//") if path.startswith("///") else path

    def describe_object(self) -> str:
        """The name of the key for a message, `object='key1'`, or nothing if the URI names no key."""
        parts = [f"object={self.object!r}"] if self.object is not None else []
        parts += [f"id={self.id.hex()}"] if self.id is not None else []
        return " ".join(parts)

    def __str__(self) -> str:
        return self.text


def percent_encode(value: str | bytes) -> str:
    """Text or bytes as an attribute's value."""
    data = value.encode() if isinstance(value, str) else value
    if isinstance(value, bytes):
        return "".join(f"%{byte:02X}" for byte in data)
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or chr(byte) in "-._~" else f"%{byte:02X}" for byte in data
    )


def _attributes(uri: str, text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise _wrong(uri, f"expected NAME=VALUE, found {part!r}")
        if name == "pin-value":
            message = "pin-value is refused: other users of the machine can see a URI"
            raise _wrong(uri, message, hint="Use `pin-source=file:PATH`, `ATTEST_PIN` or a terminal.")
        if name in _UNUSED:
            raise _wrong(uri, f"attribute {name} is not supported", hint=_UNUSED[name])
        if name not in known:
            raise _wrong(uri, f"unknown attribute {name!r}", hint=f"Use one of: {', '.join(sorted(known))}.")
        if name in found:
            raise _wrong(uri, f"attribute {name} is given twice")
        if not _VALUE.fullmatch(value):
            raise _wrong(
                uri, f"the value of {name} is not percent-encoded", hint="Write `;` as `%3B` and `%` as `%25`."
            )
        found[name] = _decode(value)
    if b"|" in found.get("pin-source", b"")[:1]:
        raise _wrong(uri, "pin-source cannot be a command", hint="Use `pin-source=file:PATH`.")
    if not _SOURCE.match(found.get("pin-source", b"/")):
        raise _wrong(
            uri, "expected file:PATH for pin-source", hint="Use `pin-source=file:PATH`, `ATTEST_PIN` or a terminal."
        )
    return found


def _decode(value: str) -> bytes:
    # Not urllib's: a `+` is a `+` here, and the id may be any bytes.
    pieces = value.split("%")
    return pieces[0].encode() + b"".join(bytes.fromhex(piece[:2]) + piece[2:].encode() for piece in pieces[1:])


def _text(uri: str, attributes: Mapping[str, bytes], name: str) -> str | None:
    return _known(uri, attributes, name) if name in attributes else None


def _known(uri: str, attributes: Mapping[str, bytes], name: str) -> str:
    try:
        return attributes[name].decode()
    except UnicodeDecodeError:
        raise _wrong(uri, f"the value of {name} is not UTF-8") from None


def _wrong(uri: str, message: str, *, hint: str | None = None) -> SignerError:
    return SignerError("signer-uri-invalid", redacted(message), where=redacted(uri), hint=hint)
