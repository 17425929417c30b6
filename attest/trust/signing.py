"""Signing trust bundles: one version, and the roots that put their names to it, one after the other.

Rule: nobody signs a bundle whose signature wouldn't count for anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attest import signing
from attest.envelope import Envelope
from attest.errors import InputError
from attest.signers._adapter import adapt_all
from attest.trust.bundle import TrustBundle
from attest.trust.history import PAYLOAD_TYPE, SignedBundle, demand_successor, read, roots_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest.signers import Signer
    from attest.trust.roots import TrustRoots


def signable(data: bytes, *, before: TrustBundle | TrustRoots | None = None) -> SignedBundle:
    """Read what may be signed: a plain bundle with roots, whose exact bytes are signed, or an envelope of one.

    Raises InputError as `attest.trust.history.read`, `roots-missing`, and `trust-history` for more than one version;
    Rejected `trust-version-gap` or `trust-rollback` where it isn't the next version after `before`.
    """
    found = read(data)
    if isinstance(found, TrustBundle):
        roots_of(found)
        found = (SignedBundle(found, Envelope(found.raw, PAYLOAD_TYPE)),)
    if len(found) > 1:
        raise InputError("trust-history", f"these are {len(found)} versions, and one is signed at a time")
    if isinstance(before, TrustBundle):
        demand_successor(found[0], before.version)
    return found[0]


def sign(
    what: SignedBundle, signers: Iterable[Signer], *, before: TrustBundle | TrustRoots | None = None
) -> SignedBundle:
    """Add signatures of roots of the bundle or, where it is given, of those `before` it; in the order of `signers`.

    Raises as `attest.signing.sign`, and InputError `root-unknown` for a signer that is an active root of neither.
    """
    adapted = adapt_all(signers)
    sets = [roots_of(what.unverified)] if before is None else [roots_of(before), roots_of(what.unverified)]
    for signer in adapted:
        found = [entry.status for roots in sets if (entry := roots.find(signer.public_key)) is not None]
        if "active" not in found:
            known = f"a {found[0]} root" if found else "no root"
            places = f"version {what.unverified.version}{' or of the one before it' if before is not None else ''}"
            raise InputError("root-unknown", f"this key is {known} of {places}", where=str(signer.uri))
    return replace(what, envelope=signing.sign(what.envelope, adapted))
