"""Keyrings: the anchors that signatures are judged by, and every key of theirs that may have made one.

Rule: a keyid decides nothing; it only says which keys are tried first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from attest.anchors import TrustAnchor, TrustKey
    from attest.envelope import Signature
    from attest.keys import PublicKey
    from attest.timestamps import TimestampCheck


class Candidate(NamedTuple):
    """A key that a signature may be from, and the anchors' entries for it.

    `compromised` and `simulated` hold for the key wherever it stands: what is lost for one anchor is lost for all.
    """

    public_key: PublicKey
    entries: tuple[tuple[TrustAnchor, TrustKey], ...]
    compromised: bool
    simulated: bool


class Keyring:
    """What has `anchors`, by name, finds in them the keys that a signature may be from."""

    anchors: Mapping[str, TrustAnchor]

    def resolve(self, signature: Signature) -> Iterator[Candidate]:
        """Every key that may have made `signature`, those that its keyid hints at first.

        The other way, from a key to the signer that holds its private half, is `TrustKey.resolve`.
        """
        hinted = self._by_keyid.get(signature.keyid, ())
        yield from hinted
        for candidate in self.candidates:
            if candidate not in hinted:
                yield candidate

    def prove(self, signature: Signature, now: datetime) -> TimestampCheck | None:
        """What the timestamps beside a signature prove: nothing, unless some authority is believed."""
        return None

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
