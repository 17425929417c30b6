"""Trust bundles: what a verifier trusts, in one file of anchors by name.

Rule: a bundle is validated whole before any of it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest import _files, schema
from attest._codec import dumps, loads_object, pointer
from attest.anchors import TrustAnchor, TrustKey, read_anchor, read_window
from attest.errors import InputError
from attest.timestamps import TimestampAuthority, read_authorities

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from attest.envelope import Signature
    from attest.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.attest.trust-bundle.v1+json"


class Candidate(NamedTuple):
    """A key that a signature may be from, and the anchors' entries for it.

    `compromised` and `simulated` hold for the key wherever it stands: what is lost for one anchor is lost for all.
    """

    public_key: PublicKey
    entries: tuple[tuple[TrustAnchor, TrustKey], ...]
    compromised: bool
    simulated: bool


@dataclass(frozen=True)
class TrustBundle:
    """What a verifier trusts: anchors by name, the bundle's own version and dates, and the bytes it was read from."""

    version: int
    anchors: Mapping[str, TrustAnchor]
    issued: datetime | None
    expires: datetime | None
    raw: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()

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
        `key-duplicate`, `keyid-mismatch`, `threshold-unreachable`, `certificate-invalid`, and what reading a key
        raises.
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
        authorities = read_authorities(document.get("timestamp_authorities", {}))
        data = dumps(document, indent=2) + b"\n" if raw is None else raw
        return cls(document["version"], anchors, issued, expires, data, document, authorities)

    def to_json(self) -> bytes:
        """The exact bytes it was read from or, for one made here, indented JSON."""
        return self.raw

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the bundle's bytes, by which a result names it."""
        return hashlib.sha256(self.raw).hexdigest()

    def resolve(self, signature: Signature) -> Iterator[Candidate]:
        """Every key that may have made `signature`, those that its keyid hints at first.

        The other way, from a key to the signer that holds its private half, is `TrustKey.resolve`.
        """
        hinted = self._by_keyid.get(signature.keyid, ())
        yield from hinted
        for candidate in self.candidates:
            if candidate not in hinted:
                yield candidate

    def knows(self, keyid: str) -> bool:
        """Whether some anchor has a key with this keyid."""
        return keyid in self._by_keyid

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every key of every anchor, once for each algorithm it is pinned to."""
        found: dict[PublicKey, list[tuple[TrustAnchor, TrustKey]]] = {}
        compromised, simulated = set(), set()
        for anchor in self.anchors.values():
            for key in anchor.keys:
                found.setdefault(key.public_key, []).append((anchor, key))
                if key.status == "compromised":
                    compromised.add(key.public_key.spki)
                if key.public_key.simulated:
                    simulated.add(key.public_key.spki)
        return tuple(
            Candidate(key, tuple(entries), key.spki in compromised, key.spki in simulated)
            for key, entries in found.items()
        )

    @cached_property
    def _by_keyid(self) -> Mapping[str, tuple[Candidate, ...]]:
        found: dict[str, tuple[Candidate, ...]] = {}
        for candidate in self.candidates:
            keyid = candidate.public_key.keyid
            found[keyid] = (*found.get(keyid, ()), candidate)
        return found


def _demand_whole_numbers(document: Mapping[str, Any]) -> None:
    """JSON Schema calls 1.0 an integer; other readers don't, so a bundle has to say 1."""
    numbers = {pointer("version"): document["version"]}
    numbers |= {pointer("anchors", name, "threshold"): a["threshold"] for name, a in document["anchors"].items()}
    for where, number in numbers.items():
        if not isinstance(number, int):
            raise InputError("trust-invalid", f"{number!r} is not a whole number", where=where)
