"""Which signatures of an envelope count, and for which anchors.

Rule: one key and one identity count once for an anchor, and every signature is reported, whether it counts or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attest._base.json import pointer
from attest._base.large_json import LARGE
from attest._base.text import plural
from attest.envelope import LargePae, pae
from attest.errors import InputError
from attest.limits import MAX_TRIES
from attest.results.report import SignatureCheck

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.certificates.revocation import RevocationList
    from attest.envelope import Envelope
    from attest.keys import PublicKey
    from attest.timestamps.authorities import TimestampCheck
    from attest.trust.anchors.keyring import Candidate, Keyring
    from attest.trust.signers import SignerChecks

# Why a signature does not count that could count with a timestamp from the validity period of its key.
NEED_TIME: Final = frozenset({"key-expired", "key-retired"})


def check_signatures(
    envelope: Envelope,
    keyring: Keyring,
    now: datetime,
    allow_simulated: bool,
    signers: SignerChecks | None = None,
    max_tries: int = MAX_TRIES,
    revocation_lists: Sequence[RevocationList] = (),
) -> tuple[tuple[SignatureCheck, ...], dict[str, str | None]]:
    """Check every signature, and return what each anchor lacks for which one counts; None if nothing."""
    encode = pae if len(envelope.unverified_payload) <= LARGE else LargePae
    data = encode(envelope.payload_type, envelope.unverified_payload)
    counted: dict[str, dict[bytes, PublicKey]] = {}
    answers: dict[bytes, bool | None] = {}
    proofs: dict[tuple[bytes, bytes], TimestampCheck] = {}
    checks = []
    makers = keyring.makers(envelope.signatures, data, max_tries)
    for index, signature in enumerate(envelope.signatures):
        candidate = makers[index]
        if isinstance(candidate, str):
            checks.append(SignatureCheck(index, signature.keyid, None, None, candidate))
            continue
        key = candidate.public_key
        # The public key shows whose signature it is; then only the token with that key is asked, and can refuse it.
        asked = None
        if signers is not None:
            if signature.sig not in answers:
                answers[signature.sig] = signers.accepts(candidate, signature.sig, bytes(data))
            asked = answers[signature.sig]
        if asked is False:
            checks.append(SignatureCheck(index, signature.keyid, None, None, "signature-invalid", checked_by="signer"))
            continue
        proof = keyring.prove(signature, now, proofs)
        code, names = _counts_for(candidate, now, proof, allow_simulated)
        fresh = []
        for name in names:
            keys = counted.setdefault(name, {})
            if key.spki not in keys:
                keys[key.spki] = key
                fresh.append(name)
        if names and not fresh:
            code = "key-already-counted"
        by: Literal["public-key", "signer"] = "signer" if asked else "public-key"
        found = key.keyid, key.algorithm.name, code, tuple(fresh)
        checks.append(SignatureCheck(index, signature.keyid, *found, proof, by))
    if keyring.has_identities:
        from attest.trust.signatures.certified import count_certified

        count_certified(envelope, bytes(data), keyring, makers, now, revocation_lists, checks, counted)
    return tuple(checks), {name: keyring.anchors[name].lacks(keys.values()) for name, keys in counted.items()}


def _counts_for(
    candidate: Candidate, now: datetime, proof: TimestampCheck | None, allow_simulated: bool
) -> tuple[str | None, list[str]]:
    """Why a valid signature by this key does not count for any anchor, or the anchors for which it counts."""
    if candidate.compromised:
        return "key-compromised", []
    if candidate.simulated and not allow_simulated:
        return "simulated-key", []
    code = None
    names = []
    for anchor, entry in candidate.entries:
        objection = entry.objection(now, None if proof is None else proof.time)
        if objection is None:
            names.append(anchor.name)
        elif proof is not None and proof.code and objection in NEED_TIME and entry.may_be_proven:
            code = code or proof.code
        else:
            code = code or objection
    return (None if names else code), names


def demand_all_decided(checks: Sequence[SignatureCheck]) -> None:
    """Raises InputError if nothing was decided about a signature that could count.

    `too-many-tries` if it was too costly to find its key, and `log-entry-unsupported` for an unknown kind of log entry.
    """
    unread = next((check for check in checks if check.code == "log-entry-unsupported"), None)
    if unread is not None:
        raise InputError(
            "log-entry-unsupported",
            f"no anchor has enough counted signatures, and one of them cannot be checked: {unread.message}",
            where=pointer("signatures", unread.position),
            hint="Have it signed in a form that is supported (docs/trust/identities.md).",
        )
    untried = [check.position for check in checks if check.code == "signature-not-tried"]
    if untried:
        raise InputError(
            "too-many-tries",
            f"no anchor has enough counted signatures, and {len(untried)} of {plural(len(checks), 'signature')} could "
            "not be tried with all keys within the limit; nothing was decided",
            where=pointer("signatures", untried[0]),
            hint="Add the keyid to each signature, remove unnecessary signatures, or allow more tries: "
            f"--limit tries=N (default: {MAX_TRIES:,}).",
        )


def describe(checks: Sequence[SignatureCheck]) -> str:
    """The result of each signature in a few words; of many, the first 8."""
    more = f", and {len(checks) - 8} more" if len(checks) > 8 else ""
    return ", ".join(f"signature {check.position}: {check.code or 'counted'}" for check in checks[:8]) + more
