"""From a trust bundle to signers: those that sign for an anchor, and those that check signatures by their keys.

Rule: a bundle names its signers, and a signer that is not available is never replaced by another.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from attest.errors import InputError, Rejected, SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.signers import BaseSigner, Secrets
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.anchors.keyring import Candidate
    from attest.trust.bundle import TrustBundle


def signing_keys(trust: TrustBundle, anchor: str, *, now: datetime, keyids: Sequence[str] = ()) -> list[TrustKey]:
    """As many keys of an anchor as its threshold needs, in its order, that count at `now` and have a signer.

    One of each family that the anchor requires is among them. With `keyids` these are exactly the keys. Raises
    InputError `anchor-unknown` or `key-unknown`, and SignerError `signer-missing` if there are too few.
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
        raise SignerError(
            "signer-missing",
            f"anchor {anchor!r} does not have enough usable keys with a signer: {lack}{more}",
            hint="An identity has no signer here: its signature is made where its certificate is issued."
            if named.identities
            else None,
        )
    return [key for key in named.keys if key in chosen]


def open_signers(keys: Sequence[TrustKey], *, secrets: Secrets | None = None) -> list[BaseSigner]:
    """The signers that hold these keys; each was checked for its key. Raises as `TrustKey.resolve`."""
    with ExitStack() as opened:
        signers = [opened.enter_context(key.resolve(secrets=secrets)) for key in keys]
        opened.pop_all()
        return signers


class SignerChecks:
    """Lets the signers that hold the keys check signatures too, if the bundle names them and they can verify.

    Each signer is opened once, and checked for its key first. Close the object, or use it as a context manager.
    """

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = secrets
        self._signers: dict[bytes, BaseSigner | None] = {}
        self._opened = ExitStack()

    def accepts(self, candidate: Candidate, signature: bytes, data: bytes) -> bool | None:
        """Whether the signer accepts a signature by this key, or None if no signer can be asked.

        Raises SignerError if a signer is named but not available: then nothing is decided.
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
    """Whether such a signer can verify; it is not connected to find out."""
    from attest.signers import open_signer

    with open_signer(uri) as signer:
        return "verify" in signer.capabilities


def _named(anchor: TrustAnchor, reasons: dict[TrustKey, str | None], keyids: Sequence[str]) -> list[TrustKey]:
    chosen = []
    for keyid in keyids:
        key = next((key for key in anchor.keys if key.public_key.keyid == keyid), None)
        if key is None:
            raise InputError("key-unknown", f"anchor {anchor.name!r} has no key with the keyid {keyid}")
        reason = reasons[key]
        if reason is not None:
            raise SignerError("signer-missing", f"anchor {anchor.name!r} cannot sign with key {keyid}: {reason}")
        chosen.append(key)
    return chosen


def _unusable(key: TrustKey, lost: set[bytes], now: datetime) -> str | None:
    """Why this key should not be used to sign, or None."""
    if key.public_key.spki in lost:
        return "the key is compromised (key-compromised)"
    objection = key.objection(now)
    if objection is not None:
        return f"the key does not count now ({objection})"
    return "the trust bundle does not name its signer" if key.signer is None else None
