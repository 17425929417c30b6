"""What a container brings beside its envelope, put into the entry of the signature that it belongs to.

Rule: nothing is checked or left out here, and an envelope never gets a second certificate.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, b64encode, loads_object
from attest._base.text import plural
from attest.certificates.material import KIND, has_certificate, pem_bodies
from attest.errors import InputError
from attest.timestamps.authorities import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.envelope import Envelope

_LOG_ID: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def with_material(envelope: Envelope, material: Mapping[str, Any], version: str) -> Envelope:
    """The envelope whose one signature has `material`, a VerificationMaterial, as its extension (DSSE 1.1).

    The hint of a public key becomes the keyid if there is none; both are hints. Raises InputError `container-invalid`
    for any other number of signatures, and for one that has a certificate already.
    """
    if len(envelope.signatures) != 1:
        found = plural(len(envelope.signatures), "signature")
        raise InputError("container-invalid", f"expected one signature, found {found}", where="/signatures")
    [signature] = envelope.signatures
    if has_certificate(signature):
        message = "the signature has a certificate or extension beside that of its container, so it is ambiguous"
        raise InputError("container-invalid", message, where="/signatures/0")
    key = material.get("publicKey")
    hint = key.get("hint") if isinstance(key, dict) else None
    keyid = signature.keyid or (hint if isinstance(hint, str) else "")
    fields = {**signature.to_dict(), EXTENSION: {"kind": KIND + version, "ext": dict(material)}}
    if keyid:
        fields["keyid"] = keyid
    return replace(envelope, signatures=(replace(signature, keyid=keyid, fields=fields),), raw=None)


def pem_chain(text: object) -> list[dict[str, str]]:
    """The X509Certificate messages of certificates in PEM. Raises InputError `container-invalid`."""
    if not isinstance(text, str):
        raise InputError("container-invalid", "expected certificates in PEM")
    try:
        found = pem_bodies(text)
    except ValueError as error:
        raise InputError("container-invalid", str(error)) from None
    if not found and text.strip():
        raise InputError("container-invalid", "expected certificates in PEM")
    return [{"rawBytes": body} for body in found]


def certified(chain: list[dict[str, str]]) -> dict[str, Any]:
    """The part of a VerificationMaterial v0.1 that says whose signature it is."""
    return {"x509CertificateChain": {"certificates": chain}} if chain else {"publicKey": {}}


def log_entry(bundle: object) -> dict[str, Any]:
    """The TransparencyLogEntry of cosign's RekorBundle; it has no inclusion proof. Raises `container-invalid`."""
    members = bundle if isinstance(bundle, dict) else {}
    promise, payload = members.get("SignedEntryTimestamp"), members.get("Payload")
    if not isinstance(promise, str) or not isinstance(payload, dict):
        raise InputError("container-invalid", "expected `SignedEntryTimestamp` and `Payload` of a log entry")
    body, log = payload.get("body"), payload.get("logID")
    numbers = [payload.get(name) for name in ("integratedTime", "logIndex")]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise InputError("container-invalid", "expected `integratedTime` and `logIndex`, two integers")
    if not isinstance(log, str) or not _LOG_ID.fullmatch(log):
        raise InputError("container-invalid", "expected `logID`, 64 hex digits")
    entry = loads_object(b64decode(body, where="/Payload/body"), what="the body of the log entry")
    return {
        "logIndex": str(numbers[1]),
        "logId": {"keyId": b64encode(bytes.fromhex(log))},
        "kindVersion": {"kind": entry.get("kind"), "version": entry.get("apiVersion")},
        "integratedTime": str(numbers[0]),
        "inclusionPromise": {"signedEntryTimestamp": promise},
        "canonicalizedBody": body,
    }


def contradiction(envelope: Envelope, predicate_type: object) -> tuple[str, ...]:
    """A sentence, if a container names another predicate type than the statement that is signed."""
    if not isinstance(predicate_type, str) or not predicate_type:
        return ()
    try:
        claimed = loads_object(envelope.unverified_payload, what="the payload").get("predicateType")
    except InputError:
        return ()
    if claimed == predicate_type:
        return ()
    return (f"the container calls it {predicate_type[:200]!r}, which is not signed and not its predicate type",)
