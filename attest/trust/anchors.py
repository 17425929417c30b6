"""Trust anchors and their keys: which key may vouch for what, from when to when, and which signer holds the rest of it.

Rule: every limit that is present is enforced, and an empty list allows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from attest._base.json import pointer
from attest._base.times import read_window
from attest.errors import InputError, SignerError
from attest.keys import HSM_ALGORITHMS, SIMULATED_PREFIX, PublicKey
from attest.predicates._steps import PROVENANCE, builder
from attest.signers import BaseSigner, Secrets, SignerURI, open_signer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from attest.statement import Statement

Status = Literal["active", "retired", "compromised"]
_Anchor = TypeVar("_Anchor")


class NotAllowed(NamedTuple):
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
    status_since: datetime | None = None

    def objection(self, now: datetime, proven: datetime | None = None) -> str | None:
        """The code that says why a good signature by this key doesn't count, or None if it does.

        It is judged at `proven`, the time at which a timestamp proves that it existed, and otherwise at `now`. A
        retired key counts only at a proven time up to its retirement, `status_since`, and within its window, and never
        if neither of them ends.
        """
        if self.status == "compromised":
            return "key-compromised"
        moment = now if proven is None else proven
        if self.status == "retired" and (proven is None or not self.may_be_proven or _after(moment, self.status_since)):
            return "key-retired"
        if self.not_before is not None and moment < self.not_before:
            return "key-not-yet-valid"
        if _after(moment, self.not_after):
            return "key-expired"
        return None

    @property
    def may_be_proven(self) -> bool:
        """Whether a proven time can make a signature by this key count that doesn't now: it has an end, in time."""
        ends = self.status == "retired" and self.status_since is not None
        return self.status != "compromised" and (ends or self.not_after is not None)

    @property
    def required_scheme(self) -> str | None:
        """The only URI scheme this key's signer may have, where the bundle says so."""
        return "pkcs11" if self.algorithm in HSM_ALGORITHMS else self.backend

    def resolve(self, *, secrets: Secrets | None = None) -> BaseSigner:
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

    `subjects`, `predicate_types`, `payload_types` and `builders` are None where they don't limit; empty, they allow
    nothing. `require` names the families (`classical`, `post-quantum`) that must each have signed.
    """

    name: str
    threshold: int
    keys: tuple[TrustKey, ...]
    subjects: tuple[str, ...] | None = None
    predicate_types: tuple[str, ...] | None = None
    payload_types: tuple[str, ...] | None = None
    builders: tuple[str, ...] | None = None
    require: tuple[str, ...] | None = None

    def lacks(self, keys: Collection[PublicKey]) -> str | None:
        """What is missing before so many distinct keys have signed enough, in words, or None if nothing is."""
        missing = [name for name in self.require or () if all(key.algorithm.security != name for key in keys)]
        if len(keys) < self.threshold:
            return f"{len(keys)} of {self.threshold}"
        return f"no {missing[0]} signature" if missing else None

    def objection_to_type(self, payload_type: str, statement: Statement) -> NotAllowed | None:
        """Why this anchor may not vouch for such a statement, whatever its subjects are, or None if it may."""
        if self.payload_types is not None and payload_type not in self.payload_types:
            return NotAllowed("payload-type-not-allowed", f"{self.name} may not vouch for payloads of {payload_type}")
        kind = statement.predicate_type
        if self.predicate_types is not None and kind not in self.predicate_types:
            return NotAllowed("predicate-type-not-allowed", f"{self.name} may not vouch for predicates of {kind}")
        if self.builders is not None and kind.startswith(PROVENANCE):
            made_by = builder(statement)
            if made_by not in self.builders:
                return NotAllowed("builder-not-allowed", f"{self.name} may not vouch for builds by {made_by!r}")
        return None


def named(anchors: Mapping[str, _Anchor], name: str) -> _Anchor:
    """What `anchors` of a trust bundle have for `name`: the one place that says that a bundle has no such anchor.

    Raises InputError `anchor-unknown`, whose hint names what was probably meant, or what there is.
    """
    if name not in anchors:
        near = get_close_matches(name[:100], anchors, n=1)
        known = ", ".join(sorted(anchors)[:8])
        hint = f"Did you mean {near[0]}?" if near else f"It has: {known}." if known else None
        raise InputError("anchor-unknown", f"the trust bundle has no anchor {name[:100]!r}", hint=hint)
    return anchors[name]


def read_anchor(name: str, entry: Mapping[str, Any]) -> TrustAnchor:
    """The anchor in an entry that its schema accepts; errors as `TrustBundle.from_json`, below `/anchors`."""
    keys = read_keys(entry, name, pointer("anchors", name))
    required = _limit(entry, "require")
    offered = {key.public_key.algorithm.security for key in keys}
    for family in required or ():
        if family not in offered:
            raise InputError(
                "threshold-unreachable",
                f"{name} requires a {family} signature, and has no such key",
                where=pointer("anchors", name, "require"),
            )
    return TrustAnchor(
        name,
        entry["threshold"],
        keys,
        _limit(entry, "subjects"),
        _limit(entry, "predicate_types"),
        _limit(entry, "payload_types"),
        _limit(entry, "builders"),
        required,
    )


def read_keys(entry: Mapping[str, Any], name: str, where: str) -> tuple[TrustKey, ...]:
    """The `keys` of an entry, as many as its `threshold` at least; `where` is its place and `name` its name."""
    threshold = entry["threshold"]
    if not isinstance(threshold, int):
        # JSON Schema calls 1.0 an integer; other readers don't.
        raise InputError("trust-invalid", f"{threshold!r} is not a whole number", where=f"{where}/threshold")
    keys: dict[bytes, TrustKey] = {}
    for index, key_entry in enumerate(entry["keys"]):
        place = where + pointer("keys", index)
        try:
            key = _key(key_entry)
        except InputError as error:
            raise error.below(place) from None
        if key.public_key.spki in keys:
            raise InputError("key-duplicate", f"{name} lists the key {key.public_key.keyid} twice", where=place)
        keys[key.public_key.spki] = key
    if threshold > len(keys):
        raise InputError(
            "threshold-unreachable",
            f"the threshold of {name} is {threshold}, and the number of its keys is {len(keys)}",
            where=f"{where}/threshold",
        )
    return tuple(keys.values())


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
    not_before, not_after = read_window(entry, "not_before", "not_after")
    since, _ = read_window(entry, "status_since", "")
    return TrustKey(public, named, entry.get("status", "active"), not_before, not_after, backend, signer, since)


def _after(moment: datetime, end: datetime | None) -> bool:
    return end is not None and moment > end


def _limit(entry: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    return tuple(entry[name]) if name in entry else None
