"""DSSE v1.0.2 envelopes: strict parsing, exact bytes, and the PAE (pre-authentication encoding) that is signed.

Rule: an envelope has no keys and no thresholds, and its content is unverified.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from attest._base import files
from attest._base.expected import demand_bytes
from attest._base.json import MAX_DEPTH, b64decode, b64encode, dumps, loads_object, pointer
from attest._base.large_json import LARGE
from attest._base.text import plural
from attest.errors import InputError
from attest.limits import MAX_ENVELOPE, MAX_SIGNATURES

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_PIECE: Final = 3 << 20  # three bytes of the payload are four characters
_OWN: Final = frozenset({"payload", "payloadType", "signatures"})
_PREDICATE_PAYLOAD_TYPE: Final = re.compile(r"application/vnd\.in-toto\.[A-Za-z0-9_.-]+\+json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: its bytes, and the keyid that was written next to it, which proves nothing.

    `keyid` is `""` if there is none, because DSSE treats unset and empty alike. `fields` is the whole entry, so that
    adding a signature loses nothing.
    """

    keyid: str
    sig: bytes
    fields: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The entry as it is in an envelope."""
        return self.fields if self.fields is not None else {"keyid": self.keyid, "sig": b64encode(self.sig)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope, its signatures unverified.

    `unverified_payload` has the decoded bytes that were signed. `raw` is the JSON it was read from,
    `fields` its parsed form; both are None for a new envelope.
    """

    unverified_payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...] = ()
    raw: bytes | None = field(default=None, repr=False, compare=False)
    fields: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        size, signed = len(self.unverified_payload), plural(len(self.signatures), "signature")
        return f"Envelope({self.payload_type!r}, {plural(size, 'byte')}, {signed})"

    @classmethod
    def from_json(
        cls,
        data: bytes,
        *,
        max_size: int = MAX_ENVELOPE,
        max_signatures: int = MAX_SIGNATURES,
        max_depth: int = MAX_DEPTH,
    ) -> Envelope:
        """Parse the JSON of envelope.md; unknown fields are ignored and kept.

        Raises InputError: `envelope-too-large`, `json-invalid`, `json-too-deep`, `json-too-many-values`,
        `envelope-invalid`, `base64-invalid` or `too-many-signatures`.
        """
        demand_bytes(data, "envelope")
        check_size(len(data), max_size)
        document = loads_object(data, what="the envelope", max_depth=max_depth)
        return cls.from_document(document, raw=data, max_signatures=max_signatures)

    @classmethod
    def from_document(
        cls, document: dict[str, Any], *, raw: bytes | None = None, max_signatures: int = MAX_SIGNATURES
    ) -> Envelope:
        """`from_json` for a JSON object that was parsed already, out of the bytes `raw`. Raises the same."""
        payload_type = document.get("payloadType")
        if not isinstance(payload_type, str):
            raise _not_an_envelope("payloadType", "a string")
        if "payload" not in document:
            raise _not_an_envelope("payload", "a base64 string")
        entries = document.get("signatures")
        if entries is None:
            raise InputError(
                "envelope-invalid",
                "the envelope has no signature: nobody has signed it",
                where="/signatures",
                hint="An envelope has `payload`, `payloadType` and `signatures`. Use the one that its producer signed.",
            )
        if not isinstance(entries, list):
            raise _not_an_envelope("signatures", "a list")
        check_count(len(entries), max_signatures)
        payload = b64decode(document["payload"], where="/payload")
        signatures = tuple([_signature(entry, index) for index, entry in enumerate(entries)])
        if len(payload) > LARGE:
            document = _without_payload(document)
        return cls(payload, payload_type, signatures, raw, document)

    def to_json(self) -> bytes:
        """The exact bytes that the envelope was read from or, for a new one, compact JSON."""
        if self.raw is not None:
            return self.raw
        signatures = [signature.to_dict() for signature in self.signatures]
        if self.fields is None and len(self.unverified_payload) <= LARGE:
            # The same bytes, without a search of the longest text for what to escape: base64 has nothing.
            rest = dumps({"payloadType": self.payload_type, "signatures": signatures})
            return b'{"payload":"%b",%b' % (b64encode(self.unverified_payload).encode(), rest[1:])
        document = dict(self.fields or {})
        document.setdefault("payload", None)  # which is encoded where all else is there
        document.setdefault("payloadType", self.payload_type)
        document["signatures"] = signatures
        if document["payload"] is None:
            return _large_json(document, self.unverified_payload)
        return dumps(document)

    def pae(self) -> bytes:
        """The bytes that every signature signs."""
        return pae(self.payload_type, self.unverified_payload)

    def with_signatures(self, *added: Signature) -> Envelope:
        """This envelope with more signatures after its own; its payload text and unknown fields stay as they are."""
        return Envelope(self.unverified_payload, self.payload_type, (*self.signatures, *added), None, self.fields)

    def merged_with(self, other: Envelope, *, max_signatures: int = MAX_SIGNATURES) -> Envelope:
        """This envelope with the signatures of `other` after its own, each once; nothing is verified.

        Both must have the same payload type, and the same bytes as payload. A signature is left out only if its bytes,
        its keyid and all other fields are those of an earlier one. Unknown fields of both envelopes are kept. Raises
        InputError `not-mergeable` with a JSON pointer into `other`, and `too-many-signatures`.
        """
        if other.payload_type != self.payload_type:
            message = f"expected payload type {self.payload_type!r}, found {other.payload_type!r}"
            raise _not_mergeable(message, "payloadType")
        if other.unverified_payload != self.unverified_payload:
            had, found = (hashlib.sha256(one.unverified_payload).hexdigest() for one in (self, other))
            raise _not_mergeable(f"expected a payload with sha256:{had}, found sha256:{found}", "payload")
        fields = dict(self.fields or {})
        for name, value in (other.fields or {}).items():
            if name not in _OWN and dumps(fields.setdefault(name, value)) != dumps(value):
                raise _not_mergeable(f"the first envelope has another value of {name!r}", name)
        signatures: dict[tuple[bytes, str, bytes], Signature] = {}
        for signature in (*self.signatures, *other.signatures):
            signatures.setdefault(_whole(signature), signature)
        check_count(len(signatures), max_signatures, "the merged envelope")
        return replace(self, signatures=tuple(signatures.values()), raw=None, fields=fields)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The Pre-Authentication Encoding of DSSE protocol.md: lengths in bytes, the type in UTF-8."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class LargePae:
    """The PAE of a large payload, which is not copied for a key that takes it after the signature, or its digest."""

    __slots__ = ("_parts",)

    def __init__(self, payload_type: str, payload: bytes) -> None:
        kind = payload_type.encode()
        self._parts = b"DSSEv1 %d %b %d " % (len(kind), kind, len(payload)), payload

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)

    def __radd__(self, before: bytes) -> bytes:
        return b"".join((before, *self._parts))

    def digest(self, name: str) -> bytes:
        """The digest by the hash of that name."""
        hasher = hashlib.new(name)
        for part in self._parts:
            hasher.update(part)
        return hasher.digest()


def check_size(size: int, most: int) -> None:
    """Raises InputError `envelope-too-large` beyond `most` bytes."""
    if size > most:
        raise _too_large("the envelope is", most)


def check_payload(size: int, most: int) -> None:
    """Raises InputError `envelope-too-large` for a payload whose envelope would be; a sixteenth is for signatures."""
    if size * 4 // 3 > most - most // 16:
        raise _too_large("the envelope would be", most)


def check_count(signatures: int, most: int, what: str = "the envelope") -> None:
    """Raises InputError `too-many-signatures` beyond `most`."""
    if signatures > most:
        message = f"{what} has {plural(signatures, 'signature')}, expected at most {most:,}"
        hint = "Use --limit signatures=N to allow more."
        raise InputError("too-many-signatures", message, where="/signatures", hint=hint)


def is_in_toto(payload_type: str) -> bool:
    """Whether the payload is a Statement by its type.

    `application/vnd.in-toto+json` or, since v1.2 of envelope.md, `application/vnd.in-toto.PREDICATE+json`.
    """
    return payload_type == PAYLOAD_TYPE or _PREDICATE_PAYLOAD_TYPE.fullmatch(payload_type) is not None


def _signature(entry: Any, index: int) -> Signature:
    if not isinstance(entry, dict) or "sig" not in entry:
        raise _not_an_envelope(f"signatures/{index}", "an object with a `sig`")
    keyid = entry.get("keyid")
    if keyid is not None and not isinstance(keyid, str):
        raise _not_an_envelope(f"signatures/{index}/keyid", "a string")
    return Signature(keyid or "", b64decode(entry["sig"], where=f"/signatures/{index}/sig"), entry)


def _without_payload(document: dict[str, Any]) -> dict[str, Any]:
    """The fields without the text of the payload, if encoding the payload gives the same."""
    text = document["payload"]
    return document if "-" in text or "_" in text else {**document, "payload": None}


def _large_json(document: dict[str, Any], payload: bytes) -> bytes:
    """What `dumps` makes of it and the payload, which it would hold four times meanwhile."""
    made = io.BytesIO()
    view = memoryview(payload)
    for name, value in document.items():
        made.write((b"," if made.tell() else b"{") + dumps(name) + b":")
        if name != "payload":
            made.write(dumps(value))
            continue
        made.write(b'"')
        for begin in range(0, len(payload), _PIECE):
            made.write(b64encode(view[begin : begin + _PIECE]).encode())
        made.write(b'"')
    made.write(b"}")
    return made.getvalue()


def _whole(signature: Signature) -> tuple[bytes, str, bytes]:
    others = {name: value for name, value in sorted(signature.to_dict().items()) if name not in ("sig", "keyid")}
    return signature.sig, signature.keyid, dumps(others)


def _too_large(what: str, most: int) -> InputError:
    return InputError(
        "envelope-too-large",
        f"{what} larger than {files.size(most)}",
        hint="Use --limit envelope=BYTES to allow larger envelopes.",
    )


def _not_mergeable(message: str, name: str) -> InputError:
    hint = "Merge only envelopes with the same payload: signatures of another payload would be invalid."
    return InputError("not-mergeable", message, where=pointer(name), hint=hint)


def _not_an_envelope(place: str, expected: str) -> InputError:
    return InputError(
        "envelope-invalid",
        f"the envelope is not valid: expected {expected}",
        where=f"/{place}",
        hint="Check that it is an envelope, with `payload`, `payloadType` and `signatures`. Sign a statement first.",
    )
