"""Signing: a statement or an envelope, and the signers that put their names to it.

Rule: every signature is verified with the signer's public key before it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._codec import loads_object
from attest.envelope import PAYLOAD_TYPE, Envelope, is_in_toto
from attest.errors import InputError, SignerError
from attest.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Signature
    from attest.signers import Signer
    from attest.timestamping import Timestamper


def signable(data: bytes, *, allow_v0_1: bool = False, check_predicate: bool = True) -> Statement | Envelope:
    """Read what may be signed: a statement, or an envelope whose payload is one.

    Raises InputError: `not-signable` for anything else, and what reading an envelope or a statement raises.
    """
    document = loads_object(data, what="this")
    if "payload" in document and "signatures" in document:
        envelope = Envelope.from_json(data)
        if not is_in_toto(envelope.payload_type):
            raise InputError(
                "not-signable", f"the payload is {envelope.payload_type!r}, and not a statement", where="/payloadType"
            )
        payload = envelope.unverified_payload
    elif "_type" in document:
        envelope = None
        payload = data
    else:
        raise InputError(
            "not-signable",
            "this is neither a statement nor an envelope",
            hint="`attest build` makes a statement about files.",
        )
    statement = Statement.from_json(payload, allow_v0_1=allow_v0_1)
    if check_predicate:
        statement.check_predicate()
    return statement if envelope is None else envelope


def sign(what: Statement | Envelope, signers: Sequence[Signer], *, timestamp: Timestamper | None = None) -> Envelope:
    """Sign a Statement into an Envelope, or add signatures to an Envelope; in the order of `signers`.

    What is signed is the PAE over the exact bytes of the statement, or of the envelope's payload. With `timestamp`,
    each new signature gets a token that proves when it existed. Raises SignerError, also `signature-faulty` for a
    signature that doesn't verify and `timestamp-failed`; InputError `signer-missing` for no signers and
    `already-signed` for a key that has signed already.
    """
    if not signers:
        raise InputError("signer-missing", "there is no signer", hint="Name one: --signer URI.")
    envelope = what if isinstance(what, Envelope) else Envelope(what.raw, PAYLOAD_TYPE)
    data = envelope.pae()
    added: list[Signature] = []
    for signer in signers:
        key = signer.public_key
        # Asked of the key and not of the keyids, which anyone may have written.
        if any(key.accepts(signature.sig, data) for signature in (*envelope.signatures, *added)):
            raise InputError("already-signed", "this key has signed this already", where=str(signer.uri))
        signature = signer.sign(data)
        if not key.accepts(signature.sig, data):
            raise SignerError(
                "signature-faulty",
                "the signer returned a signature that its own public key refuses, so nothing was written",
                where=str(signer.uri),
            )
        added.append(signature)
    if timestamp is not None:
        added = [timestamp.stamp(signature) for signature in added]
    return envelope.with_signatures(*added)
