"""Trust bundles: which key may vouch for what, from when to when, and which signer holds its private half.

Rule: a bundle is validated whole before any of it is used, and every limit that is present is enforced.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from attest import _files, _globs, schema
from attest._codec import dumps, loads_object, parse_time, pointer
from attest.errors import InputError, SignerError
from attest.keys import HSM_ALGORITHMS, SIMULATED_PREFIX, PublicKey
from attest.signers import Secrets, Signer, SignerURI, open_signer

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.envelope import Signature
    from attest.statement import ResourceDescriptor, Statement

MEDIA_TYPE: Final = "application/vnd.attest.trust-bundle.v1+json"

Status = Literal["active", "retired", "compromised"]


class Objection(NamedTuple):
    """Why an anchor doesn't vouch for a statement: a code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TrustKey:
    """One key of an anchor, with the limits that hold for it there."""

    public_key: PublicKey
    algorithm: str
    status: Status = "active"
    not_before: datetime | None = None
    not_after: datetime | None = None
    backend: str | None = None
    signer: str | None = None

    def objection(self, now: datetime) -> str | None:
        """The code that says why a good signature by this key doesn't count at `now`, or None if it does."""
        if self.status == "compromised":
            return "key-compromised"
        if self.status == "retired":
            return "key-retired"
        if self.not_before is not None and now < self.not_before:
            return "key-not-yet-valid"
        if self.not_after is not None and now > self.not_after:
            return "key-expired"
        return None

    @property
    def required_scheme(self) -> str | None:
        """The only URI scheme this key's signer may have, where the bundle says so."""
        return "pkcs11" if self.algorithm in HSM_ALGORITHMS else self.backend

    def resolve(self, *, secrets: Secrets | None = None) -> Signer:
        """Open the signer that holds the private key, and make sure that it is this key's.

        Raises SignerError: `signer-missing`, `backend-mismatch`, `key-mismatch`, and whatever the signer says.
        """
        where = self.public_key.keyid
        if self.signer is None:
            raise SignerError("signer-missing", "the trust bundle names no signer for this key", where=where)
        parsed = SignerURI.parse(self.signer)
        scheme = parsed.scheme
        if self.required_scheme not in (None, scheme):
            raise SignerError(
                "backend-mismatch",
                f"this key lives in {self.required_scheme}:, not in {scheme}:",
                where=where,
            )
        uri = self.signer
        if scheme == "pkcs11" and "key-policy" not in parsed.query:
            # A bundle that says where a key lives means it: nothing less than strict, unless it says so.
            uri += f"{'&' if '?' in uri else '?'}key-policy=strict"
        signer = open_signer(uri, secrets=secrets)
        try:
            if signer.public_key.spki != self.public_key.spki:
                raise SignerError(
                    "key-mismatch", f"{self.signer} holds another key: {signer.public_key.keyid}", where=where
                )
        except BaseException:
            signer.close()
            raise
        return signer


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A name for some keys, how many of them must have signed, and what they may vouch for.

    `subjects`, `predicate_types` and `payload_types` are None where they don't limit; empty, they allow nothing.
    """

    name: str
    threshold: int
    keys: tuple[TrustKey, ...]
    subjects: tuple[str, ...] | None = None
    predicate_types: tuple[str, ...] | None = None
    payload_types: tuple[str, ...] | None = None

    def objection(self, payload_type: str, statement: Statement) -> Objection | None:
        """Why this anchor may not vouch for `statement`, or None if it may."""
        if self.payload_types is not None and payload_type not in self.payload_types:
            return Objection("payload-type-not-allowed", f"{self.name} may not vouch for payloads of {payload_type}")
        kind = statement.predicate_type
        if self.predicate_types is not None and kind not in self.predicate_types:
            return Objection("predicate-type-not-allowed", f"{self.name} may not vouch for predicates of {kind}")
        if self.subjects is not None:
            for subject in statement.subjects:
                if not _within(subject, self.subjects):
                    named = repr(subject.name or subject.uri or "a subject without a name")
                    return Objection("subject-not-allowed", f"{self.name} may not vouch for {named}")
        return None


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
        issued, expires = _window(document, "issued", "expires")
        anchors = {name: _anchor(name, entry) for name, entry in document["anchors"].items()}
        data = dumps(document, indent=2) + b"\n" if raw is None else raw
        return cls(document["version"], anchors, issued, expires, data, document)

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


def _anchor(name: str, entry: Mapping[str, Any]) -> TrustAnchor:
    keys: dict[bytes, TrustKey] = {}
    for index, key_entry in enumerate(entry["keys"]):
        where = pointer("anchors", name, "keys", index)
        try:
            key = _key(key_entry)
        except InputError as error:
            raise error.below(where) from None
        if key.public_key.spki in keys:
            raise InputError("key-duplicate", f"{name} lists the key {key.public_key.keyid} twice", where=where)
        keys[key.public_key.spki] = key
    if entry["threshold"] > len(keys):
        raise InputError(
            "threshold-unreachable",
            f"the threshold of {name} is {entry['threshold']}, and the number of its keys is {len(keys)}",
            where=pointer("anchors", name, "threshold"),
        )
    return TrustAnchor(
        name,
        entry["threshold"],
        tuple(keys.values()),
        _limit(entry, "subjects"),
        _limit(entry, "predicate_types"),
        _limit(entry, "payload_types"),
    )


def _key(entry: Mapping[str, Any]) -> TrustKey:
    named = entry["algorithm"]
    public = PublicKey.parse(entry["public_key"].encode(), algorithm=named)
    backend, signer = entry.get("backend"), entry.get("signer")
    # Any one of the marks is enough: a mark that was taken off in one place must not make the key a real one.
    simulated = (
        public.simulated
        or backend == "sim"
        or entry["keyid"].startswith(SIMULATED_PREFIX)
        or (signer or "").startswith("sim:")
    )
    public = PublicKey(public.algorithm, public.spki, simulated=simulated)
    if public.keyid.removeprefix(SIMULATED_PREFIX) != entry["keyid"].removeprefix(SIMULATED_PREFIX):
        raise InputError("keyid-mismatch", f"the public key's keyid is {public.keyid}", where="/keyid")
    not_before, not_after = _window(entry, "not_before", "not_after")
    return TrustKey(public, named, entry.get("status", "active"), not_before, not_after, backend, signer)


def _window(entry: Mapping[str, Any], begin: str, end: str) -> tuple[datetime | None, datetime | None]:
    first, last = (parse_time(entry[name], where=f"/{name}") if name in entry else None for name in (begin, end))
    if first is not None and last is not None and last < first:
        raise InputError("time-invalid", f"`{end}` is before `{begin}`", where=f"/{end}")
    return first, last


def _limit(entry: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    return tuple(entry[name]) if name in entry else None


def _within(subject: ResourceDescriptor, globs: Sequence[str]) -> bool:
    """Whether everything that the subject calls itself matches; statement.md lets `_` stand for no name."""
    names = [name for name in (subject.name, subject.uri) if name and name != "_"]
    return bool(names) and all(any(_globs.matches(glob, name) for glob in globs) for name in names)
