"""Trust bundles: what a verifier trusts, in one file of anchors by name.

Rule: a bundle is validated whole before any of it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from attest import _files, schema
from attest._codec import dumps, loads_object, pointer
from attest.anchors import read_anchor, read_window
from attest.errors import InputError
from attest.keyring import Keyring

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from attest.anchors import TrustAnchor

MEDIA_TYPE: Final = "application/vnd.attest.trust-bundle.v1+json"


@dataclass(frozen=True)
class TrustBundle(Keyring):
    """What a verifier trusts: anchors by name, the bundle's own version and dates, and the bytes it was read from."""

    version: int
    anchors: Mapping[str, TrustAnchor]
    issued: datetime | None
    expires: datetime | None
    raw: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrustBundle:
        """Read the file at `path`; errors as `from_json`, with the file's name, and `file-unreadable`."""
        try:
            return cls.from_json(_files.read(path))
        except InputError as error:
            if error.code.startswith("file-"):
                raise
            raise error.at(str(path)) from None

    @classmethod
    def from_json(cls, data: bytes) -> TrustBundle:
        """Read and validate a trust bundle from memory.

        Raises InputError with a JSON pointer: `json-invalid`, `trust-invalid`, `time-invalid`, `key-invalid`,
        `key-duplicate`, `keyid-mismatch`, `threshold-unreachable`, and what reading a key raises.
        """
        return cls.from_document(loads_object(data, what="the trust bundle"), data)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], raw: bytes | None = None) -> TrustBundle:
        """The same from parsed JSON; `raw` are the bytes that it was read from, if it was read."""
        shape = schema.named("trust-bundle")
        if not shape.accepts(document):
            fault = shape.explain(document)
            raise InputError("trust-invalid", f"this is not a valid trust bundle: {fault.message}", where=fault.pointer)
        _demand_whole_numbers(document)
        issued, expires = read_window(document, "issued", "expires")
        anchors = {name: read_anchor(name, entry) for name, entry in document["anchors"].items()}
        data = dumps(document, indent=2) + b"\n" if raw is None else raw
        return cls(document["version"], anchors, issued, expires, data, document)

    def to_json(self) -> bytes:
        """The exact bytes it was read from or, for one made here, indented JSON."""
        return self.raw

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the bundle's bytes, by which a result names it."""
        return hashlib.sha256(self.raw).hexdigest()


def _demand_whole_numbers(document: Mapping[str, Any]) -> None:
    """JSON Schema calls 1.0 an integer; other readers don't, so a bundle has to say 1."""
    numbers = {pointer("version"): document["version"]}
    numbers |= {pointer("anchors", name, "threshold"): a["threshold"] for name, a in document["anchors"].items()}
    for where, number in numbers.items():
        if not isinstance(number, int):
            raise InputError("trust-invalid", f"{number!r} is not a whole number", where=where)
