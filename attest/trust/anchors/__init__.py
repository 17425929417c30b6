"""Trust anchors and their keys: what an anchor is allowed to sign for, and which signer holds a key.

Rule: every limit that is present is enforced, and an empty list allows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from attest._base.json import pointer
from attest._base.text import did_you_mean
from attest._base.times import read_window
from attest.errors import InputError, SignerError
from attest.keys import HSM_ALGORITHMS, SIMULATED_PREFIX, Algorithm, PublicKey, algorithm_named
from attest.predicates._steps import PROVENANCE, builder
from attest.trust.anchors.standing import Standing
from attest.trust.anchors.standing import Status as Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from attest.certificates import Authority
    from attest.signers import BaseSigner, Secrets, SignerURI
    from attest.statement import Statement
    from attest.trust.anchors.identities import TrustIdentity

_Anchor = TypeVar("_Anchor")


class NotAllowed(NamedTuple):
    """Why an anchor is not allowed to sign for a statement: a code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TrustKey(Standing):
    """One key of an anchor, with its limits in this anchor."""

    noun: ClassVar[str] = "key"

    public_key: PublicKey
    algorithm: str
    status: Status = "active"
    not_before: datetime | None = None
    not_after: datetime | None = None
    backend: str | None = None
    signer: str | None = None
    status_since: datetime | None = None

    @property
    def required_scheme(self) -> str | None:
        """The only URI scheme that the signer of this key may have, if the bundle limits it."""
        return "pkcs11" if self.algorithm in HSM_ALGORITHMS else self.backend

    def resolve(self, *, secrets: Secrets | None = None) -> BaseSigner:
        """Open the signer that holds the private key, and check that it holds this key.

        Raises SignerError: `signer-missing`, `backend-mismatch`, `key-mismatch`, `key-algorithm-mismatch` for a signer
        whose signatures would not count, and what opening a signer raises.
        """
        from attest.signers import SignerURI, open_signer
        from attest.signers._uri import in_order

        where = self.public_key.keyid
        if self.signer is None:
            raise SignerError("signer-missing", "the trust bundle does not name a signer for this key", where=where)
        members = SignerURI.parse(self.signer).members
        for member in members:
            if self.required_scheme not in (None, member.scheme):
                raise SignerError(
                    "backend-mismatch",
                    f"expected a signer URI with scheme {self.required_scheme!r}, found {member.scheme!r}",
                    where=where,
                )
        # A bundle that names a token requires it: the policy is strict, unless the URI has another one. The other
        # tokens of a group have that of the first.
        tokens = members if any(member.scheme != "pkcs11" for member in members) else members[:1]
        strict = [_strict(member) if member in tokens else member.text for member in members]
        signer = open_signer(in_order(strict), secrets=secrets)
        try:
            if signer.public_key.spki != self.public_key.spki:
                raise SignerError(
                    "key-mismatch", f"{self.signer} has another key: {signer.public_key.keyid}", where=where
                )
            if signer.public_key.algorithm != self.public_key.algorithm:
                raise self._other_algorithm(signer.public_key.algorithm)
        except BaseException:
            signer.close()
            raise
        return signer

    def _other_algorithm(self, found: Algorithm) -> SignerError:
        """The error for a signer whose signatures by this key would not count."""
        pinned = self.public_key.algorithm
        is_usual = pinned == algorithm_named(pinned.name)
        return SignerError(
            "key-algorithm-mismatch",
            f"expected algorithm {pinned.described}, as in the trust bundle, found {found.described} in the signer",
            where=self.public_key.keyid,
            hint="Name the algorithm in the signer URI: `algorithm=` for file:, `x-algorithm=` for pkcs11:."
            if is_usual
            else "Signers of attest use the digest of the algorithm. Use a key without `digest`.",
        )


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A named set of keys and identities, with a threshold and limits.

    `subjects`, `predicate_types`, `payload_types` and `builders` are None if they do not limit, and allow nothing if
    they are empty. `require` names the families (`classical`, `post-quantum`) of which each must have signed.
    """

    name: str
    threshold: int
    keys: tuple[TrustKey, ...]
    subjects: tuple[str, ...] | None = None
    predicate_types: tuple[str, ...] | None = None
    payload_types: tuple[str, ...] | None = None
    builders: tuple[str, ...] | None = None
    require: tuple[str, ...] | None = None
    identities: tuple[TrustIdentity, ...] = ()

    def lacks(self, keys: Collection[PublicKey]) -> str | None:
        """What is missing in words, if these have signed; None if nothing is.

        `keys` are distinct keys of the anchor, and one key of each distinct identity.
        """
        families = {key.algorithm.security for key in keys} if self.require else ()
        return self.lacks_with(len(keys), families)

    def lacks_with(self, number: int, families: Collection[str]) -> str | None:
        """The same for a number of signers and the families of their algorithms."""
        if number < self.threshold:
            return f"{number} of {self.threshold}"
        for family in self.require or ():
            if family not in families:
                return f"0 {family} signatures"
        return None

    def objection_to_type(self, payload_type: str, statement: Statement) -> NotAllowed | None:
        """Why this anchor is not allowed to sign such a statement, whatever its subjects are, or None if it is."""
        if self.payload_types is not None and payload_type not in self.payload_types:
            return NotAllowed("payload-type-not-allowed", self._not_for(f"payload type {payload_type!r}"))
        kind = statement.predicate_type
        if self.predicate_types is not None and kind not in self.predicate_types:
            return NotAllowed("predicate-type-not-allowed", self._not_for(f"predicate type {kind!r}"))
        if self.builders is not None and kind.startswith(PROVENANCE):
            made_by = builder(statement)
            if made_by not in self.builders:
                return NotAllowed("builder-not-allowed", self._not_for(f"builds by {made_by!r}"))
        return None

    def _not_for(self, what: str) -> str:
        return f"anchor {self.name!r} is not allowed to sign for {what}"


def named(anchors: Mapping[str, _Anchor], name: str) -> _Anchor:
    """What `anchors` of a trust bundle have for `name`: the one place that reports an unknown anchor.

    Raises InputError `anchor-unknown`, whose hint has a similar name, or the names that exist.
    """
    if name not in anchors:
        known = ", ".join(sorted(anchors)[:8])
        hint = did_you_mean(name, anchors, f"Use one of its anchors: {known}." if known else None)
        raise InputError("anchor-unknown", f"the trust bundle has no anchor {name[:100]!r}", hint=hint)
    return anchors[name]


def complete_keyid(short: str, known: Iterable[str], whose: str) -> str:
    """The keyid among `known`, those of `whose` keys, that begins with `short`; `short` itself if there is none.

    It only chooses among keys that a trust bundle has, and is never used to trust one. Raises InputError
    `key-ambiguous`, which lists the candidates.
    """
    digits = short.removeprefix(SIMULATED_PREFIX)
    found = {one.removeprefix(SIMULATED_PREFIX): one for one in known}
    matching = sorted(keyid for keyid in found if keyid.startswith(digits))
    if len(matching) > 1:
        message = f"{len(matching)} keys of {whose} have a keyid that begins with {short}: {', '.join(matching[:8])}"
        raise InputError("key-ambiguous", message, hint="Give more digits of the keyid.")
    return found[matching[0]] if matching else short


def read_anchor(name: str, entry: Mapping[str, Any], authorities: Mapping[str, Authority]) -> TrustAnchor:
    """The anchor of an entry that its schema accepts; raises as `TrustBundle.from_json`, below `/anchors`."""
    where = pointer("anchors", name)
    identities: tuple[TrustIdentity, ...] = ()
    if "identities" in entry:
        from attest.trust.anchors.identities import read_identities

        try:
            identities = read_identities(entry["identities"], authorities, name)
        except InputError as error:
            raise error.below(f"{where}/identities") from None
    keys = read_keys(entry, f"anchor {name!r}", where, len(identities))
    required = _limit(entry, "require")
    offered = {key.public_key.algorithm.security for key in keys}
    if identities:
        offered.add("classical")
    for family in required or ():
        if family not in offered:
            raise InputError(
                "threshold-unreachable",
                f"anchor {name!r} requires a {family} signature, but has no {family} key",
                where=pointer("anchors", name, "require"),
                hint=f"Add a {family} key to the anchor, or leave {family} out of `require`.",
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
        identities,
    )


def read_keys(entry: Mapping[str, Any], name: str, where: str, identities: int = 0) -> tuple[TrustKey, ...]:
    """The `keys` of an entry, with its `identities` at least as many as its `threshold`.

    `where` is its place, `name` is for messages.
    """
    threshold = entry["threshold"]
    if not isinstance(threshold, int):
        # JSON Schema calls 1.0 an integer; other readers do not.
        raise InputError("trust-invalid", f"expected a whole number, found {threshold!r}", where=f"{where}/threshold")
    keys: dict[bytes, TrustKey] = {}
    for index, key_entry in enumerate(entry.get("keys", [])):
        place = where + pointer("keys", index)
        try:
            key = _key(key_entry)
        except InputError as error:
            raise error.below(place) from None
        if key.public_key.spki in keys:
            raise InputError(
                "key-duplicate",
                f"the key {key.public_key.keyid} is in {name} twice",
                where=place,
                hint="Leave one of them out.",
            )
        keys[key.public_key.spki] = key
    if threshold > len(keys) + identities:
        have = f"keys is {len(keys)}" if not identities else f"keys and identities is {len(keys) + identities}"
        raise InputError(
            "threshold-unreachable",
            f"the threshold of {name} is {threshold}, but the number of {have}",
            where=f"{where}/threshold",
            hint=f"Give {threshold} different keys or identities, or lower the threshold.",
        )
    return tuple(keys.values())


def _key(entry: Mapping[str, Any]) -> TrustKey:
    named = entry["algorithm"]
    public = PublicKey.parse(entry["public_key"].encode(), algorithm=named)
    backend, signer = entry.get("backend"), entry.get("signer")
    # Any one of the marks is enough: to remove a mark in one place must not make the key a real one.
    simulated = (
        public.simulated
        or backend == "sim"
        or entry["keyid"].startswith(SIMULATED_PREFIX)
        or (signer is not None and _is_simulated(signer))
    )
    public = PublicKey(public.algorithm, public.spki, simulated=simulated)
    if "digest" in entry:
        try:
            public = public.with_digest(entry["digest"])
        except InputError as error:
            raise error.below("/digest") from None
    if public.keyid.removeprefix(SIMULATED_PREFIX) != entry["keyid"].removeprefix(SIMULATED_PREFIX):
        raise InputError(
            "keyid-mismatch", f"the keyid does not match the public key: expected {public.keyid}", where="/keyid"
        )
    not_before, not_after = read_window(entry, "not_before", "not_after")
    since, _ = read_window(entry, "status_since", "")
    return TrustKey(public, named, entry.get("status", "active"), not_before, not_after, backend, signer, since)


def _is_simulated(signer: str) -> bool:
    from attest.signers._uri import is_simulated

    return is_simulated(signer)


def _strict(uri: SignerURI) -> str:
    """The URI of a signer, in which a token has the policy for keys of trust bundles."""
    if uri.scheme != "pkcs11" or "key-policy" in uri.query:
        return uri.text
    return f"{uri.text}{'&' if '?' in uri.text else '?'}key-policy=strict"


def _limit(entry: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    return tuple(entry[name]) if name in entry else None
