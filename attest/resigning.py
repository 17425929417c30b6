"""Resigning: which attestations depend on a key that expires, and a second signature for them.

Rule: only a verified attestation is signed, and it is returned only if it verifies with the new signature.

>>> from datetime import UTC, datetime
>>> import attest
>>> from attest import resigning
>>> from attest.trust import editing
>>> now = datetime.now(UTC)
>>> old, new = attest.generate_key("file:old.pem"), attest.generate_key("file:new.pem")
>>> keys = [editing.describe_key(signer.public_key) for signer in (old, new)]
>>> trust = editing.create("release", keys, now=now)
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> envelope = attest.sign(statement, [old]).to_json()
>>> retired = editing.retire(trust, "release", old.public_key.keyid, now=now)
>>> resigning.outlook(envelope, trust, retired, now=now, end=now).verdict
'ending'
>>> counting = resigning.anchors_of(new.public_key, trust, now=now)
>>> again = resigning.countersign(envelope, trust, new, counting, now=now)
>>> resigning.outlook(again, trust, retired, now=now, end=now).verdict
'kept'
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, Unpack

from attest.envelope import Envelope
from attest.errors import AttestError, InputError, Rejected, SignerError
from attest.signers._adapter import adapt
from attest.signing import sign
from attest.sources import read_single
from attest.verifying import verify

if TYPE_CHECKING:
    from datetime import datetime

    from attest.keys import PublicKey
    from attest.signers import Signer
    from attest.trust.bundle import TrustBundle
    from attest.verifying import VerifyOptions

_MOMENT = timedelta(microseconds=1)


class RotationEffect(NamedTuple):
    """The effect of a rotation on an attestation: `kept`, `ending` together with the key, or already `unverified`.

    `objection` is the error of verification for the latter two.
    """

    verdict: Literal["kept", "ending", "unverified"]
    objection: AttestError | None = None


def outlook(
    attestation: bytes,
    before: TrustBundle,
    after: TrustBundle,
    *,
    now: datetime,
    end: datetime,
    **options: Unpack[VerifyOptions],
) -> RotationEffect:
    """Whether an attestation that verifies with `before` at `now` will verify with `after` just after `end`.

    `options` are those of `verify`. The expiry of `after` itself is ignored, because a signature cannot change it.
    """
    try:
        envelope = read_single(attestation).envelope
        verify(envelope, before, artifacts=None, now=now, **options)
    except AttestError as error:
        return RotationEffect("unverified", error)
    try:
        verify(envelope, replace(after, expires=None), artifacts=None, now=max(now, end) + _MOMENT, **options)
    except Rejected as error:
        return RotationEffect("ending", error)
    return RotationEffect("kept")


def anchors_of(
    key: PublicKey, trust: TrustBundle, *, now: datetime, anchor: str | None = None, allow_simulated: bool = False
) -> frozenset[str]:
    """The anchors for which a signature by `key` counts at `now`; with `anchor`, only this one. Never empty.

    Raises InputError `anchor-unknown`, `key-unknown`, `key-algorithm-mismatch`, `simulated-key`, and, if the key does
    not count, `key-compromised`, `key-retired`, `key-expired` or `key-not-yet-valid`.
    """
    wanted = trust.anchors if anchor is None else {anchor: trust.anchor(anchor)}
    same = [candidate for candidate in trust.candidates if candidate.public_key.spki == key.spki]
    if any(candidate.compromised for candidate in same):
        raise _not_counting("key-compromised", key)
    if any(candidate.simulated for candidate in same) and not allow_simulated:
        raise _not_counting("simulated-key", key)
    entries = [entry for candidate in same for entry in candidate.entries if entry[0].name in wanted]
    if not entries:
        raise _not_counting("key-unknown", key)
    fitting = [(holder, entry) for holder, entry in entries if entry.public_key == key]
    if not fitting:
        pinned = entries[0][1].public_key.algorithm.described
        message = f"expected algorithm {pinned}, as in the trust bundle, found {key.algorithm.described} in the signer"
        raise InputError("key-algorithm-mismatch", message, where=key.keyid)
    objections = {holder.name: entry.objection(now) for holder, entry in fitting}
    counting = frozenset(name for name, objection in objections.items() if objection is None)
    if not counting:
        raise _not_counting(next(code for code in objections.values() if code is not None), key)
    return counting


def countersign(
    attestation: bytes,
    trust: TrustBundle,
    signer: Signer,
    counting: frozenset[str],
    *,
    now: datetime,
    **options: Unpack[VerifyOptions],
) -> bytes | None:
    """The envelope with only a signature by the signer added, or None if its key has already signed the envelope.

    `counting` is the result of `anchors_of` for the key of the signer; the attestation must be signed for one of these
    anchors. `options` are those of `verify`. Raises what `verify` and `sign` raise, Rejected `signer-not-of-anchor`,
    and InputError `not-resignable` for a container such as a Sigstore bundle.
    """
    envelope = _changeable(attestation)
    anchors = verify(envelope, trust, artifacts=None, now=now, **options).anchors
    if not counting.intersection(anchors):
        expected, found = " or ".join(map(repr, anchors)), ", ".join(map(repr, sorted(counting)))
        raise Rejected("signer-not-of-anchor", f"expected a key of anchor {expected}, found a key of anchor {found}")
    own = adapt(signer)
    key, data = own.public_key, envelope.pae()
    if any(key.accepts(signature.sig, data) for signature in envelope.signatures):
        return None
    signed = sign(envelope, [own]).to_json()
    added = verify(signed, trust, artifacts=None, now=now, **options).report.signatures[-1]
    if added.code is not None or not counting.intersection(added.anchors):
        raise SignerError("signature-faulty", "the new signature does not count; nothing was written")
    return signed


def _changeable(attestation: bytes) -> Envelope:
    """The envelope that `attestation` is, and not one in a container, which would become another kind of file."""
    try:
        return Envelope.from_json(attestation)
    except InputError as error:
        try:
            read_single(attestation)
        except InputError:
            raise error from None
        hint = "Add the signature to a copy, which is then a DSSE envelope: attest sign FILE --signer URI -o NEW."
        message = (
            "the envelope is in a container, such as a Sigstore bundle, and only a DSSE envelope is changed in place"
        )
        raise InputError("not-resignable", message, hint=hint) from None


def _not_counting(code: str, key: PublicKey) -> InputError:
    hint = "Add the key to an anchor first: attest trust add." if code == "key-unknown" else None
    message = "a signature by the key of the signer does not count; nothing was signed"
    return InputError(code, message, where=key.keyid, hint=hint)
