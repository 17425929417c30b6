"""Keyrings: the anchors that signatures are judged by, and every key of theirs that may have made one.

Rule: a keyid decides nothing; it only says which keys are tried first, and those are tried whatever it costs.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from attest.limits import MAX_TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.envelope import Signature
    from attest.keys import PublicKey
    from attest.timestamps.authorities import TimestampCheck
    from attest.trust.anchors import TrustAnchor, TrustKey


NotFound = Literal["signature-invalid", "key-unknown", "signature-not-tried"]


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

    def makers(
        self, signatures: Sequence[Signature], data: bytes, max_tries: int = MAX_TRIES
    ) -> list[Candidate | NotFound]:
        """Of each signature the key that made it, over exactly `data`, or the code that says why none is found.

        First every signature is tried with the keys that its keyid names. Then all other keys are tried that it may be
        from by its form, and together they cost no more than `max_tries` (attest.limits): a signature for which that
        wasn't enough is `signature-not-tried`. Those with a keyid that nobody has come before those under a false one.
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
        data: bytes,
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
        self, signature: Signature, data: bytes, digests: dict[str, bytes], left: int
    ) -> tuple[Candidate | NotFound, int]:
        """The key that made a signature, if its keyid doesn't name it, and what is left of so many tries."""
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
        """What the timestamps beside a signature prove: nothing, unless some authority is believed.

        `known` keeps what each token proves of each signature, so that none is looked at twice.
        """
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
