"""Signers sign at the same time, and what they made becomes an envelope.

Rule: every signature is verified with the signer's public key before it leaves.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from attest._base import notices
from attest._base.expected import demand, demand_several
from attest._base.threads import together
from attest.envelope import PAYLOAD_TYPE, Envelope, Signature
from attest.errors import AttestError, InputError, SignerError
from attest.keys import keyid_in
from attest.signers._adapter import adapt
from attest.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from attest._base.threads import TaskResult
    from attest.certificates.signing_chain import SigningChains
    from attest.keys import KeyidFormat, PublicKey
    from attest.signers import BaseSigner, Signer
    from attest.timestamps.client import Timestamper


_READ: Final = "attest.signing.signable reads both from bytes"


class Signing(NamedTuple):
    """The result of signing: the envelope, and each signer that is missing from it, with its error."""

    envelope: Envelope
    missing: tuple[tuple[Signer, SignerError], ...] = ()


class SigningOptions(TypedDict, total=False):
    """The options of `sign`, `sign_all` and `sign_each`; `sign` describes them."""

    quorum: int | None
    timeout: float | None
    timestamp: Timestamper | None
    keyid_format: KeyidFormat | None
    certificate_chains: Iterable[bytes]


def sign(what: Statement | Envelope, signers: Iterable[Signer], **options: Unpack[SigningOptions]) -> Envelope:
    """Sign a Statement into an Envelope, or add signatures to an Envelope; in the order of `signers`.

    The signers sign the PAE over the exact bytes of the statement, or of the envelope's payload. They sign at the same
    time, and all must sign. With a `quorum`, signing ends as soon as that number has signed, and the envelope contains
    their signatures. `timeout` is in seconds, for all of them; each type of signer also has its own deadlines. With
    `timestamp`, each new signature gets a timestamp that proves when it existed. `keyid_format` is that of the new
    keyids, see `attest.keys.keyid_in`; without it the signers decide. `certificate_chains` are PEM, or DER of one
    certificate: each is written beside the signature by the key of its first certificate.

    Raises SignerError as the signers do, also `signature-faulty` for a signature that does not verify,
    `signer-timeout`, `quorum-not-met` with the error of each signer, and `timestamp-failed`; InputError
    `signer-missing` for no signers, `already-signed` for a key that has already signed, `option-invalid`,
    `algorithm-unsupported` for a keyid format, and for a chain `certificate-invalid`, `certificate-expired`,
    `certificate-not-yet-valid`, `certificate-untrusted` and `certificate-key-mismatch`. The result is an envelope or an
    error.
    """
    return sign_all(what, signers, **options).envelope


def sign_all(what: Statement | Envelope, signers: Iterable[Signer], **options: Unpack[SigningOptions]) -> Signing:
    """As `sign`, and also return the signers that are missing from the envelope, with their errors."""
    [signed] = sign_each([what], signers, **options)
    if isinstance(signed, AttestError):
        raise signed
    return signed


def sign_each(
    several: Iterable[Statement | Envelope],
    signers: Iterable[Signer],
    *,
    quorum: int | None = None,
    timeout: float | None = None,
    timestamp: Timestamper | None = None,
    keyid_format: KeyidFormat | None = None,
    certificate_chains: Iterable[bytes] = (),
) -> list[Signing | AttestError]:
    """Sign several statements or envelopes, each as `sign_all` does; for each, its result or the error.

    It is faster than signing one after another: a token makes the next signatures while the last ones are verified. The
    signers sign at the same time, and `timeout` is for all of it. After an error of a signer, the rest is not tried
    with it; what it has signed is kept.

    Raises InputError `signer-missing`, `option-invalid`, and for a chain as `sign`. All other errors are in the result.
    """
    envelopes = []
    for what in demand_several(several, "what is signed", "statements or envelopes"):
        demand(what, (Statement, Envelope), "what is signed", "a Statement or an Envelope", hint=_READ)
        envelopes.append(what if isinstance(what, Envelope) else Envelope(what.raw, PAYLOAD_TYPE))
    given = tuple(demand_several(signers, "signers", "signers"))
    adapted = [adapt(signer) for signer in given]
    if not adapted:
        raise InputError("signer-missing", "no signer was given", hint="Name one: `--signer URI`.")
    if quorum is not None and not 1 <= quorum <= len(adapted):
        message = f"expected a quorum from 1 to {len(adapted)}, the number of signers, found {quorum}"
        raise InputError("option-invalid", message)
    chains = _chains(certificate_chains, len(adapted))
    tasks = [_SigningTask(envelope, adapted, quorum, timeout) for envelope in envelopes]
    acts = [partial(_signatures, signer, tasks, keyid_format, chains) for signer in adapted]
    ended = together(acts, enough=quorum or len(acts), seconds=timeout, complete=_complete)
    outcomes = [_made(outcome, len(tasks)) for outcome in ended]
    if chains is not None and not any(isinstance(outcome.error, InputError) for outcome in ended):
        chains.demand_taken(sum(isinstance(outcome.error, SignerError) or outcome.result is None for outcome in ended))
    theirs = dict(zip(adapted, given, strict=True))
    results: list[Signing | AttestError] = []
    for task, made in zip(tasks, zip(*outcomes, strict=True), strict=True):
        try:
            results.append(task.result(made, timestamp, theirs))
        except AttestError as error:
            results.append(error)
    return results


class _NothingSigned(Exception):
    """A signer signed nothing; `made` has the error for each task."""

    def __init__(self, made: list[Signature | AttestError]) -> None:
        super().__init__()
        self.made = made


class _SigningTask:
    """One envelope to sign, and how many signers must sign it."""

    def __init__(
        self, envelope: Envelope, signers: Sequence[BaseSigner], quorum: int | None, timeout: float | None
    ) -> None:
        self.data = envelope.pae()
        self._envelope = envelope
        self._signers = signers
        self._quorum = quorum
        self._timeout = timeout
        self._keys: set[bytes] = set()
        self._lock = threading.Lock()

    def take(self, key: PublicKey) -> bool:
        """Whether `key` has not signed yet; from now on it has. Several threads ask at the same time."""
        # The key decides and not the keyids, which anyone may have written.
        if any(key.accepts(signature.sig, self.data) for signature in self._envelope.signatures):
            return False
        with self._lock:
            fresh = key.spki not in self._keys
            self._keys.add(key.spki)
        return fresh

    def result(
        self,
        made: Sequence[Signature | BaseException | None],
        timestamp: Timestamper | None,
        theirs: Mapping[BaseSigner, Signer],
    ) -> Signing:
        """The envelope, from what each signer made in time. Raises AttestError if it is not enough."""
        added = [one for one in made if isinstance(one, Signature)]
        missing = () if len(added) == len(made) else self._missing(made, len(added))
        if timestamp is not None:
            added = [timestamp.stamp(signature) for signature in added]
        for _, why in missing:
            notices.info("not signed by %s (%s)", why, why.code)
        return Signing(
            self._envelope.with_signatures(*added), tuple([(theirs[signer], why) for signer, why in missing])
        )

    def _missing(
        self, made: Sequence[Signature | BaseException | None], added: int
    ) -> tuple[tuple[BaseSigner, SignerError], ...]:
        """The signers that have not signed, and why, if `added` signatures are enough. Raises AttestError otherwise."""
        needed = self._quorum or len(self._signers)
        failed = sum(isinstance(one, BaseException) for one in made)
        if added >= needed:
            when = None  # nobody waits any longer, so being slower is no fault
        elif self._timeout is None or len(made) - failed < needed:
            when = "before too many others had failed"
        else:
            when = f"within {self._timeout:g} s"
        missing = _not_signed(self._signers, made, when)
        if added < needed:
            raise _too_few(missing, added, self._quorum)
        return missing


def _chains(several: Iterable[bytes], signers: int) -> SigningChains | None:
    given = tuple(demand_several(several, "certificate_chains", "bytes"))
    if not given:
        return None
    from attest.certificates.signing_chain import SigningChains

    return SigningChains(given, signers, datetime.now(UTC))


def _signatures(
    signer: BaseSigner, tasks: Sequence[_SigningTask], form: KeyidFormat | None, chains: SigningChains | None
) -> list[Signature | AttestError]:
    """What one signer made, for each task.

    Raises _NothingSigned, the error of the signer's `public_key`, and InputError for a keyid format or certificate
    chain that its key cannot have: before it signs.
    """
    key = signer.public_key
    keyid = None if form is None else keyid_in(key, form)
    beside = {} if chains is None else chains.take(key)
    fresh = [task.take(key) for task in tasks]
    signed = iter(signer.sign_many([task.data for task, sign in zip(tasks, fresh, strict=True) if sign]))
    made: list[Signature | AttestError] = [
        _entry(_verified(next(signed), key, task, signer), keyid, beside) if sign else _already(signer)
        for task, sign in zip(tasks, fresh, strict=True)
    ]
    if made and not any(isinstance(one, Signature) for one in made):
        raise _NothingSigned(made)
    return made


def _complete(made: Sequence[Signature | AttestError]) -> bool:
    return all(isinstance(one, Signature) for one in made)


def _verified(
    signature: Signature | SignerError, key: PublicKey, task: _SigningTask, signer: BaseSigner
) -> Signature | SignerError:
    if isinstance(signature, SignerError) or key.accepts(signature.sig, task.data):
        return signature
    return SignerError(
        "signature-faulty",
        "the signer returned a signature that its own public key does not verify; nothing was written",
        where=str(signer.uri),
        hint="Check the key: `attest key check URI`. Its private key may not belong to its public key.",
    )


def _entry(
    signature: Signature | SignerError, keyid: str | None, beside: Mapping[str, str | list[str]]
) -> Signature | SignerError:
    """The signature with a keyid, unless that is None, and fields `beside` it in its entry."""
    if isinstance(signature, SignerError) or (keyid is None and not beside):
        return signature
    fields = {**signature.to_dict(), **beside}
    if keyid is None:
        return replace(signature, fields=fields)
    fields.pop("keyid", None)
    return replace(signature, keyid=keyid, fields={"keyid": keyid, **fields} if keyid else fields)


def _already(signer: BaseSigner) -> InputError:
    return InputError(
        "already-signed",
        "the key has already signed the envelope",
        where=str(signer.uri),
        hint="Nothing is missing: use the envelope as it is.",
    )


def _made(
    outcome: TaskResult[list[Signature | AttestError]], number: int
) -> Sequence[Signature | BaseException | None]:
    """What one signer made for each task: a signature, an error, or None if nobody waited for it."""
    if isinstance(outcome.error, _NothingSigned):
        return outcome.error.made
    return outcome.result or [outcome.error] * number


def _not_signed(
    signers: Sequence[BaseSigner], made: Sequence[Signature | BaseException | None], when: str | None
) -> tuple[tuple[BaseSigner, SignerError], ...]:
    """The signers that have not signed, and why; `when` is None if enough others have.

    Raises any other error: a wrong request, or a bug.
    """
    for one in made:
        if isinstance(one, BaseException) and not isinstance(one, SignerError):
            raise one
    found = []
    for signer, one in zip(signers, made, strict=True):
        if not isinstance(one, Signature):
            found.append((signer, one if isinstance(one, SignerError) else _late(signer, when)))
    return tuple(found)


def _late(signer: BaseSigner, when: str | None) -> SignerError:
    if when is None:
        return SignerError("quorum-met", "not needed, because enough others signed first", where=str(signer.uri))
    return SignerError("signer-timeout", f"the signer did not sign {when}", where=str(signer.uri))


def _too_few(missing: Sequence[tuple[BaseSigner, SignerError]], signed: int, quorum: int | None) -> SignerError:
    """The error if there is no envelope: that of the first failed signer, or with a quorum those of all."""
    if quorum is None:
        # Once one had failed, nothing waited for the others, so their timeouts mean nothing.
        return next((error for _, error in missing if error.code != "signer-timeout"), missing[0][1])
    reasons = "; ".join(f"{error} ({error.code})" for _, error in missing)
    return SignerError("quorum-not-met", f"{signed} of {quorum} required signatures: {reasons}")
