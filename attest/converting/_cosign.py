"""An attestation as cosign v2 stores it beside an image: a layer, and in annotations what belongs to its signature.

Rule: what is in annotations leaves the envelope, so that no signature has a certificate twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, dumps
from attest.certificates.material import has_certificate
from attest.converting._material import CERTIFICATES, FOREIGN, material_in, sigstore_material
from attest.errors import InputError
from attest.oci.attachable import CosignLayer
from attest.timestamps.authorities import EXTENSION, FIELD

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from attest.envelope import Envelope, Signature

_NAME: Final = "dev.sigstore.cosign/"
_MOVED: Final = (EXTENSION, FIELD, *CERTIFICATES)


def cosign_layer(envelope: Envelope) -> CosignLayer:
    """The layer, with certificates, log entry and timestamp in the annotations of cosign (its SIGNATURE_SPEC.md).

    An envelope that brings none of them, or what the annotations cannot hold, stays as it is.
    """
    unchanged = CosignLayer(envelope.to_json())
    if len(envelope.signatures) != 1:
        several = any(map(has_certificate, envelope.signatures))
        return unchanged._replace(lost=("the certificates of several signatures",) if several else ())
    [signature] = envelope.signatures
    try:
        annotations, lost = _annotations(signature)
    except InputError as error:
        return unchanged._replace(lost=(error.message,))
    if not annotations:
        return unchanged
    fields = {name: value for name, value in signature.to_dict().items() if name not in _MOVED}
    bare = replace(envelope, signatures=(replace(signature, fields=fields),), raw=None)
    return CosignLayer(bare.to_json(), {_NAME + name: text for name, text in annotations.items()}, tuple(lost))


def _annotations(signature: Signature) -> tuple[dict[str, str], list[str]]:
    """What a signature brings, as annotations, and what of it they do not hold. Raises InputError if that is needed."""
    brought = material_in(signature)
    material = sigstore_material(signature, keep_hint=True)
    if FOREIGN in material.lost:
        raise InputError("not-convertible", FOREIGN)
    annotations, lost = {}, []
    if brought is not None:
        annotations["certificate"] = _pem(brought.certificate)
        if brought.intermediates:
            annotations["chain"] = "".join(map(_pem, brought.intermediates))
    entries = material.content["tlogEntries"]
    if entries:
        annotations["bundle"] = dumps(_rekor_bundle(entries[0])).decode()
        lost += ["more than one log entry"] if entries[1:] else []
    stamps = (material.content.get("timestampVerificationData") or {}).get("rfc3161Timestamps")
    if stamps:
        annotations["rfc3161timestamp"] = dumps(_rfc3161_timestamp(stamps[0])).decode()
        lost += ["more than one timestamp"] if stamps[1:] else []
    return annotations, lost


def _rekor_bundle(entry: Any) -> dict[str, Any]:
    """A log entry as cosign v2 has it, by the promise of the log alone: the inclusion proof has no place there.

    It is the inverse of `attest.sources._material.log_entry`.
    """
    try:
        return {
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logIndex": int(entry.get("logIndex", 0)),
                "logID": b64decode(entry["logId"]["keyId"], where="").hex(),
            },
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError("not-convertible", "a log entry without a signed entry timestamp") from None


def _rfc3161_timestamp(stamp: Any) -> dict[str, Any]:
    try:
        return {"SignedRFC3161Timestamp": stamp["signedTimestamp"]}
    except (KeyError, TypeError):
        raise InputError("not-convertible", "a timestamp that cannot be read") from None


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()
