"""Signing: a statement or an envelope, and the signers that put their names to it.

Rule: every signature is verified with the signer's public key before it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.envelope import PAYLOAD_TYPE, Envelope
from attest.errors import InputError, SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Signature
    from attest.signers import Signer
    from attest.statement import Statement


def sign(what: Statement | Envelope, signers: Sequence[Signer]) -> Envelope:
    """Sign a Statement into an Envelope, or add signatures to an Envelope; in the order of `signers`.

    What is signed is the PAE over the exact bytes of the statement, or of the envelope's payload. Raises SignerError,
    also `signature-faulty` for a signature that doesn't verify; InputError `signer-missing` for no signers and
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
    return envelope.with_signatures(*added)
