"""Keyrings: the anchors that signatures are checked against, and all their keys.

Rule: a keyid only selects the keys that are tried first, and these are tried whatever the limit is.
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from attest.limits import MAX_TRIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.certificates import Authority
    from attest.envelope import LargePae, Signature
    from attest.keys import PublicKey
    from attest.timestamps.authorities import TimestampAuthority, TimestampCheck
    from attest.trust.anchors import TrustAnchor, TrustKey


_Named = TypeVar("_Named")

NotFound = Literal["signature-invalid", "key-unknown", "signature-not-tried"]


class Candidate(NamedTuple):
    """A key that may have made a signature, and the entries of the anchors for it.

    `compromised` and `simulated` are true if any entry says so: a key that is compromised in one anchor is so in all.
    """

    public_key: PublicKey
    entries: tuple[tuple[TrustAnchor, TrustKey], ...]
    compromised: bool
    simulated: bool


class Keyring:
    """Anchors by name, in whose keys the maker of a signature is searched.

    `authorities` confirm the identities of the anchors, and `timestamp_authorities` the time of a signature.
    """

    anchors: Mapping[str, TrustAnchor]
    authorities: Mapping[str, Authority] = MappingProxyType({})
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()

    def resolve(self, signature: Signature) -> Iterator[Candidate]:
        """Every key that may have made `signature`, first those with its keyid.

        From a key to the signer that holds its private key leads `TrustKey.resolve`.
        """
        hinted = self._by_keyid.get(signature.keyid, ())
        yield from hinted
        for candidate in self.candidates:
            if candidate not in hinted:
                yield candidate

    def makers(
        self, signatures: Sequence[Signature], data: bytes | LargePae, max_tries: int = MAX_TRIES
    ) -> list[Candidate | NotFound]:
        """For each signature the key that made it, over exactly `data`, or the code that says why none was found.

        First each signature is tried with the keys that have its keyid. Then all other keys that fit its form are
        tried, which together costs no more than `max_tries` (attest.limits): a signature for which this was not enough
        is `signature-not-tried`. Signatures with an unknown keyid come before those with a wrong one.
        """
        digests: dict[str, bytes] = {}
        found: list[Candidate | NotFound | None] = []
        for signature in signatures:
            for candidate in self._by_keyid.get(signature.keyid, ()):
                if candidate.public_key.accepts(signature.sig, data, digests):
                    found.append(candidate)
                    break
            else:
                found.append(None)
        if None in found:
            self._complete(found, signatures, data, digests, max_tries)
        return found  # type: ignore[return-value]  # there is no None left

    def _complete(
        self,
        found: list[Candidate | NotFound | None],
        signatures: Sequence[Signature],
        data: bytes | LargePae,
        digests: dict[str, bytes],
        left: int,
    ) -> None:
        """Put something in the place of each None."""
        known: dict[bytes, Candidate | NotFound] = {}
        missing = []
        for at, maker in enumerate(found):
            if maker is None:
                missing.append(at)
            else:
                known[signatures[at].sig] = maker
        if len(missing) > 1:
            missing.sort(key=lambda at: self.knows(signatures[at].keyid))
        for at in missing:
            signature = signatures[at]
            if signature.sig not in known:
                known[signature.sig], left = self._search(signature, data, digests, left)
            maker = known[signature.sig]
            found[at] = "signature-invalid" if maker == "key-unknown" and self.knows(signature.keyid) else maker

    def _search(
        self, signature: Signature, data: bytes | LargePae, digests: dict[str, bytes], left: int
    ) -> tuple[Candidate | NotFound, int]:
        """The key that made a signature, if it is not one with its keyid, and the tries that are left."""
        sig, size, tried = signature.sig, len(data), self._by_keyid.get(signature.keyid, ())
        for candidate in self.candidates:
            key = candidate.public_key
            if candidate in tried or not key.fits(sig):
                continue
            left -= key.tries(size)
            if left < 0:
                return "signature-not-tried", 0
            if key.accepts(sig, data, digests):
                return candidate, left
        return "key-unknown", left

    def prove(
        self, signature: Signature, now: datetime, known: dict[tuple[bytes, bytes], TimestampCheck] | None = None
    ) -> TimestampCheck | None:
        """What the timestamps of a signature prove: nothing here, because roots have no timestamp authorities.

        `known` keeps what each token proves about each signature, so that none is checked twice.
        """
        return None

    @cached_property
    def has_identities(self) -> bool:
        """Whether an anchor has identities, so that certificates matter."""
        return any(anchor.identities for anchor in self.anchors.values())

    def listing(self, key: PublicKey) -> tuple[Candidate, ...]:
        """What the anchors list of this key, for whatever algorithm."""
        return self._by_spki.get(key.spki, ())

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
        return _grouped((candidate.public_key.keyid, candidate) for candidate in self.candidates)

    @cached_property
    def _by_spki(self) -> Mapping[bytes, tuple[Candidate, ...]]:
        return _grouped((candidate.public_key.spki, candidate) for candidate in self.candidates)


def _grouped(pairs: Iterable[tuple[_Named, Candidate]]) -> dict[_Named, tuple[Candidate, ...]]:
    found: dict[_Named, tuple[Candidate, ...]] = {}
    for name, candidate in pairs:
        found[name] = (*found.get(name, ()), candidate)
    return found
