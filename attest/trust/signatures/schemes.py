"""Finds out for a rejection whether a trusted key made a signature under another scheme than the one it is pinned to.

Rule: it only words a hint; such a signature does not count, and looking for it costs a fixed amount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.keys import HSM_ALGORITHMS, algorithm_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Envelope, Signature
    from attest.keys import PublicKey
    from attest.results.report import SignatureCheck
    from attest.trust.anchors.keyring import Candidate, Keyring

# For one envelope, in the tries of attest.limits; it also hashes the data at most once with each digest.
MAX_TRIES: Final = 32
_UNKNOWN_MAKER: Final = ("signature-invalid", "key-unknown")


def hint_for(envelope: Envelope, keyring: Keyring, checks: Sequence[SignatureCheck]) -> str | None:
    """What to change for the first signature that a key of `keyring` made under another scheme; None if there is none.

    Keys with the keyid of a signature are tried first. Compromised keys are not tried: they never count.
    """
    data = envelope.pae()
    digests: dict[str, bytes] = {}
    left = MAX_TRIES
    for check in checks:
        if check.code not in _UNKNOWN_MAKER:
            continue
        signature = envelope.signatures[check.position]
        key = _certified(signature) if check.unverified_identity is not None else None
        for other in () if key is None or not key.fits(signature.sig) else key.other_schemes():
            left -= other.tries(len(data))
            if left < 0:
                return None
            if other.accepts(signature.sig, data, digests):
                return (
                    f"The key of the certificate made signature {check.position} with {other.algorithm.described}, "
                    "which does not count for a certificate (docs/sign/certificates.md)."
                )
        for candidate in keyring.resolve(signature):
            if candidate.compromised or not candidate.public_key.fits(signature.sig):
                continue
            for other in candidate.public_key.other_schemes():
                left -= other.tries(len(data))
                if left < 0:
                    return None
                if other.accepts(signature.sig, data, digests):
                    return _hint(check.position, candidate, other)
    return None


def _certified(signature: Signature) -> PublicKey | None:
    """The key in the certificate of a signature, if it can be read."""
    from attest.certificates.chain import spki_of
    from attest.certificates.material import material_of
    from attest.errors import InputError, Rejected
    from attest.keys import PublicKey

    try:
        material = material_of(signature)
        return None if material is None else PublicKey.parse(spki_of(material.certificate))
    except (InputError, Rejected):
        return None


def _hint(position: int, candidate: Candidate, other: PublicKey) -> str:
    pinned, found = candidate.public_key.algorithm, other.algorithm
    if pinned.name != found.name:
        is_hsm = any(entry.algorithm in HSM_ALGORITHMS for _, entry in candidate.entries)
        names = [name for name, meant in HSM_ALGORITHMS.items() if meant == found.name] if is_hsm else []
        change = f'write "algorithm": "{(names or [found.name])[0]}"'
    elif found.digest == algorithm_named(found.name).digest:
        change = 'remove "digest"'
    else:
        change = f'add "digest": "{found.digest}"'
    return (
        f"Key {candidate.public_key.keyid} made signature {position} with {found.described}, but the trust bundle pins "
        f"{pinned.described}. If that is how its owner signs, {change} in the entry of the key."
    )
