"""PKCS#11 URIs, RFC 7512: the module, the token, the key, and the files with the PIN and the public key.

Rule: an attribute of the path that is unknown, or any that is given twice, is an error; a PIN is never part of a URI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from attest._base.text import nearest
from attest.errors import SignerError, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 7512 section 2.3: the attributes of the path, for the token, its slot and its module, and for the object.
TOKEN_ATTRIBUTES: Final = frozenset(
    "token serial manufacturer model slot-id slot-description slot-manufacturer "
    "library-manufacturer library-description library-version".split()
)
OBJECT_ATTRIBUTES: Final = frozenset({"object", "id", "type"})
QUERY_ATTRIBUTES: Final = frozenset(
    "module-path module-name pin-source pin-cache pin-last-try public-key failover prefer pool-size timeout key-policy "
    "x-algorithm x-init-args x-module-env".split()
)
_TYPES: Final = frozenset({"private", "public", "cert", "secret-key", "data"})
_VENDOR_PREFIX: Final = "x-"
# The characters that RFC 7512 allows unencoded in attribute values; `&` only in the path, `;` in neither.
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9._~\-:\[\]@!$'()*+,=/?|&]|%[0-9A-Fa-f]{2})*", re.ASCII)
_SLOT: Final = re.compile(r"[0-9]+", re.ASCII)
_VERSION: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)
# An absolute path, or a file: URI of this machine (RFC 8089, which also allows `localhost`).
_FILE: Final = re.compile(r"(?:file:(?://(?:localhost)?(?=/)|(?!//)))?")
_FILES: Final = {
    "pin-source": "Use `pin-source=file:PATH`, `ATTEST_PIN` or a terminal.",
    "public-key": "Use `public-key=file:PATH`.",
}


@dataclass(frozen=True, slots=True)
class Pkcs11URI:
    """A parsed URI. `token` and `object` hold the path attributes as text, `id` the CKA_ID; `query` the query's.

    Bytes of the path that are not UTF-8 are in the text as surrogates (PEP 383). `ignored` has the names of the vendor
    attributes in the query that are not used.
    """

    text: str
    token: Mapping[str, str] = field(default_factory=dict)
    object: str | None = None
    id: bytes | None = None
    type: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises SignerError `signer-uri-invalid`."""
        scheme, colon, rest = text.partition(":")
        if scheme.lower() != "pkcs11" or not colon:
            raise _wrong(text, "the signer URI does not begin with pkcs11:")
        path, _, query = rest.partition("?")
        attributes = _attributes(text, path, ";", TOKEN_ATTRIBUTES | OBJECT_ATTRIBUTES)
        questions = _attributes(text, query, "&", QUERY_ATTRIBUTES, vendor=True)
        names = {name: value.decode(errors="surrogateescape") for name, value in attributes.items() if name != "id"}
        _check_path(text, names)
        settings = {name: _known(text, questions, name) for name in questions if name in QUERY_ATTRIBUTES}
        for name, hint in _FILES.items():
            if name in settings:
                _check_file(text, name, settings[name], hint)
        return cls(
            text,
            {name: value for name, value in names.items() if name in TOKEN_ATTRIBUTES},
            names.get("object"),
            attributes.get("id"),
            names.get("type"),
            settings,
            tuple(name for name in questions if name not in QUERY_ATTRIBUTES),
        )

    @property
    def pin_file(self) -> str | None:
        """The file that holds the PIN, from `pin-source`; a bare absolute path is one too."""
        return self._file("pin-source")

    @property
    def public_key_file(self) -> str | None:
        """The file with the public key, from `public-key`."""
        return self._file("public-key")

    def _file(self, name: str) -> str | None:
        source = self.query.get(name)
        return None if source is None else _FILE.sub("", source, count=1)

    def describe_object(self) -> str:
        """The name of the key for a message, `object='key1'`, or nothing if the URI names no key."""
        parts = [f"object={quoted(self.object)}"] if self.object is not None else []
        parts += [f"id={self.id.hex()}"] if self.id is not None else []
        return " ".join(parts)

    def __str__(self) -> str:
        return self.text


def percent_encode(value: str | bytes) -> str:
    """Text or bytes as an attribute's value; surrogates of PEP 383 in text become their bytes."""
    if isinstance(value, bytes):
        return "".join(f"%{byte:02X}" for byte in value)
    data = value.encode(errors="surrogateescape")
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or chr(byte) in "-._~" else f"%{byte:02X}" for byte in data
    )


def shown(text: str) -> str:
    r"""Text of a token for JSON and people: a byte that is not UTF-8 is shown as `\xFF`."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def quoted(text: str) -> str:
    r"""Text of a token in quotes, with escapes for what cannot be printed, and `\xFF` for a byte that is not UTF-8."""
    return f"'{''.join(_escaped(character) for character in text)}'"


def _escaped(character: str) -> str:
    is_byte = "\udc80" <= character <= "\udcff"
    return f"\\x{ord(character) & 0xFF:02x}" if is_byte else repr(character)[1:-1]


def _attributes(
    uri: str, text: str, separator: str, known: frozenset[str], *, vendor: bool = False
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise _wrong(uri, f"expected NAME=VALUE, found {part!r}")
        if name == "pin-value":
            message = "pin-value is refused: other users of the machine can see a URI"
            raise _wrong(uri, message, hint="Use `pin-source=file:PATH`, `ATTEST_PIN` or a terminal.")
        if name not in known and not (vendor and _is_vendors(name)):
            raise _wrong(uri, f"unknown attribute {name!r}", hint=f"Use one of: {', '.join(sorted(known))}.")
        if name in found:
            raise _wrong(uri, f"attribute {name} is given twice")
        if not _VALUE.fullmatch(value):
            raise _wrong(
                uri, f"the value of {name} is not percent-encoded", hint="Write `;` as `%3B` and `%` as `%25`."
            )
        found[name] = _decode(value)
    return found


def if_cut(uri: str) -> str:
    """What is said about a URI that has only the beginning of one, because the shell took the rest."""
    if ";" in uri or "?" in uri:
        return ""
    return " Put the URI in quotes: the shell ends a command at `;` and `&`."


def _is_vendors(name: str) -> bool:
    """Whether an unknown attribute may be a vendor's, and not one of attest's own with a spelling mistake."""
    if not name.startswith(_VENDOR_PREFIX):
        return False
    return not nearest(name, QUERY_ATTRIBUTES, cutoff=0.8)


def _check_path(uri: str, names: Mapping[str, str]) -> None:
    kind = names.get("type")
    if kind is not None and kind not in _TYPES:
        raise _wrong(uri, f"expected one of {', '.join(sorted(_TYPES))} for type, found {quoted(kind)}")
    slot = names.get("slot-id")
    if slot is not None and not _SLOT.fullmatch(slot):
        raise _wrong(uri, f"expected a number for slot-id, found {quoted(slot)}")
    version = names.get("library-version")
    if version is not None and not _VERSION.fullmatch(version):
        raise _wrong(uri, f"expected MAJOR.MINOR for library-version, found {quoted(version)}")


def _check_file(uri: str, name: str, source: str, hint: str) -> None:
    if source.startswith("|"):
        raise _wrong(uri, f"{name} cannot be a command", hint=hint)
    prefix = _FILE.match(source)
    path = source[prefix.end() :] if prefix else ""
    if not path or not (source.startswith("file:") or path.startswith("/")) or path.startswith("file:"):
        raise _wrong(uri, f"expected file:PATH for {name}", hint=hint)


def _decode(value: str) -> bytes:
    # Not urllib's: a `+` is a `+` here, and the id may be any bytes.
    pieces = value.split("%")
    return pieces[0].encode() + b"".join(bytes.fromhex(piece[:2]) + piece[2:].encode() for piece in pieces[1:])


def _known(uri: str, attributes: Mapping[str, bytes], name: str) -> str:
    try:
        return attributes[name].decode()
    except UnicodeDecodeError:
        raise _wrong(uri, f"the value of {name} is not UTF-8") from None


def _wrong(uri: str, message: str, *, hint: str | None = None) -> SignerError:
    return SignerError("signer-uri-invalid", redacted(message), where=redacted(uri), hint=hint)
