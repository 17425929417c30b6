"""Signing trust bundles: one version at a time, by its roots, one after the other.

Rule: a signer whose signature would not count does not sign.
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
    from attest.trust.anchors.roots import TrustRoots


def signable(data: bytes, *, before: TrustBundle | TrustRoots | None = None) -> SignedBundle:
    """Read a bundle to sign: an unsigned bundle with roots, whose exact bytes are signed, or an envelope with one.

    Raises InputError as `attest.trust.history.read`, `roots-missing`, and `trust-history` for more than one version;
    Rejected `trust-version-gap` or `trust-rollback` if it is not the next version after `before`.
    """
    found = read(data)
    if isinstance(found, TrustBundle):
        roots_of(found)
        found = (SignedBundle(found, Envelope(found.raw, PAYLOAD_TYPE)),)
    if len(found) > 1:
        raise InputError("trust-history", f"expected one version of the trust bundle, found {len(found):,}")
    if isinstance(before, TrustBundle):
        demand_successor(found[0], before.version)
    return found[0]


def sign(
    what: SignedBundle, signers: Iterable[Signer], *, before: TrustBundle | TrustRoots | None = None
) -> SignedBundle:
    """Add signatures by roots of the bundle or of the version `before` it, in the order of `signers`.

    Raises as `attest.signing.sign`, and InputError `root-unknown` for a signer that is not an active root of either.
    """
    adapted = adapt_all(signers)
    sets = [roots_of(what.unverified)] if before is None else [roots_of(before), roots_of(what.unverified)]
    for signer in adapted:
        found = [entry.status for roots in sets if (entry := roots.find(signer.public_key)) is not None]
        if "active" not in found:
            known = f"a {found[0]} root" if found else "not a root"
            places = f"version {what.unverified.version}{' or of the previous version' if before is not None else ''}"
            raise InputError("root-unknown", f"the key is {known} of {places}", where=str(signer.uri))
    return replace(what, envelope=signing.sign(what.envelope, adapted))
