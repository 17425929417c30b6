"""From a trust bundle to signers: those that sign for an anchor, and those that check what their keys have signed.

Rule: a bundle names its signers, and none that isn't there is ever replaced by another.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from attest.errors import InputError, Rejected, SignerError
from attest.signers import open_signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.signers import BaseSigner, Secrets
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.bundle import TrustBundle
    from attest.trust.keyring import Candidate


def signing_keys(trust: TrustBundle, anchor: str, *, now: datetime, keyids: Sequence[str] = ()) -> list[TrustKey]:
    """As many keys of an anchor as it takes, in its order: those that count at `now` and whose signer is named.

    One of each family that the anchor requires is among them. With `keyids` exactly those. Raises InputError
    `anchor-unknown` or `key-unknown`, and SignerError `signer-missing` where there are too few.
    """
    named = trust.anchor(anchor)
    lost = {candidate.public_key.spki for candidate in trust.candidates if candidate.compromised}
    reasons = {key: _unusable(key, lost, now) for key in named.keys}
    if keyids:
        return _named(named, reasons, keyids)
    usable = [key for key, reason in reasons.items() if reason is None]
    chosen: list[TrustKey] = []
    for family in named.require or ():
        chosen += [key for key in usable if key.public_key.algorithm.security == family][:1]
    chosen += [key for key in usable if key not in chosen][: max(0, named.threshold - len(chosen))]
    lack = named.lacks([key.public_key for key in chosen])
    if lack is not None:
        said = "; ".join(f"{key.public_key.keyid}: {reason}" for key, reason in reasons.items() if reason)
        more = f" ({said})" if said else ""
        raise SignerError("signer-missing", f"of the keys that {anchor} can sign with it has {lack}{more}")
    return [key for key in named.keys if key in chosen]


def open_signers(keys: Sequence[TrustKey], *, secrets: Secrets | None = None) -> list[BaseSigner]:
    """The signers that hold these keys, each of which was found to hold it. Raises as `TrustKey.resolve`."""
    with ExitStack() as opened:
        signers = [opened.enter_context(key.resolve(secrets=secrets)) for key in keys]
        opened.pop_all()
        return signers


class SignerChecks:
    """Has signatures checked by the signers that hold their keys, where a bundle names them and they can.

    Every signer is opened once, and found to hold the key first; close it, or use it as a context manager.
    """

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = secrets
        self._signers: dict[bytes, BaseSigner | None] = {}
        self._opened = ExitStack()

    def accepts(self, candidate: Candidate, signature: bytes, data: bytes) -> bool | None:
        """What the signer says of a signature by this key, or None where no signer can be asked.

        Raises SignerError if one is named and not available: then nothing is decided.
        """
        spki = candidate.public_key.spki
        if spki not in self._signers:
            self._signers[spki] = self._open(candidate)
        signer = self._signers[spki]
        if signer is None:
            return None
        try:
            signer.verify(signature, data)
        except Rejected:
            return False
        return True

    def close(self) -> None:
        """Close all signers that were opened."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, candidate: Candidate) -> BaseSigner | None:
        for _, key in candidate.entries:
            if key.signer is not None and _can_verify(key.signer):
                return self._opened.enter_context(key.resolve(secrets=self._secrets))
        return None


def _can_verify(uri: str) -> bool:
    """Whether such a signer verifies at all; nothing is connected to find out."""
    with open_signer(uri) as signer:
        return "verify" in signer.capabilities


def _named(anchor: TrustAnchor, reasons: dict[TrustKey, str | None], keyids: Sequence[str]) -> list[TrustKey]:
    chosen = []
    for keyid in keyids:
        key = next((key for key in anchor.keys if key.public_key.keyid == keyid), None)
        if key is None:
            raise InputError("key-unknown", f"{anchor.name} has no key {keyid}")
        reason = reasons[key]
        if reason is not None:
            raise SignerError("signer-missing", f"{anchor.name} can't sign with {keyid}: {reason}")
        chosen.append(key)
    return chosen


def _unusable(key: TrustKey, lost: set[bytes], now: datetime) -> str | None:
    """Why nobody should sign with this key, or None."""
    if key.public_key.spki in lost:
        return "it is compromised (key-compromised)"
    objection = key.objection(now)
    if objection is not None:
        return f"it doesn't count now ({objection})"
    return "the trust bundle names no signer for it" if key.signer is None else None
