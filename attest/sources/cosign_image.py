"""Attestations of an image: layers of an OCI manifest (cosign's `.att` or a referrer), each with annotations.

Rule: a layer is read with the annotations of its own descriptor, and only if its content is what the descriptor says.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, loads_object, pointer
from attest.envelope import Envelope, check_size
from attest.errors import InputError
from attest.limits import Limits
from attest.oci.layers import kind_of
from attest.sources import sigstore
from attest.sources._document import Document, UnverifiedEnvelope, attempt
from attest.sources._material import certified, contradiction, log_entry, pem_chain, with_material

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "an OCI manifest"
IS_COLLECTION: Final = True
_CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
_CHAIN: Final = "dev.sigstore.cosign/chain"
_BUNDLE: Final = "dev.sigstore.cosign/bundle"
_TIMESTAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"
_TYPE: Final = "predicateType"
# What cosign v3 and GitHub say about a bundle, and docker about an envelope.
_TYPES: Final = ("dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type")


def recognises(document: Document) -> bool:
    """Whether a JSON object is a manifest with layers."""
    members = document.members or {}
    return members.get("schemaVersion") == 2 and isinstance(members.get("layers"), list)


def read(document: Document) -> list[UnverifiedEnvelope | InputError]:
    """The envelope of each layer whose content is in the manifest itself, as `data` (descriptor.md of image-spec).

    Raises InputError `container-unsupported` for a manifest without such attestations.
    """
    members = document.members or {}
    layers = members["layers"]
    document.limits.check_attestations(len(layers))
    common = _annotations(members)
    found = [
        attempt(pointer("layers", index), _embedded, layer, common, document.limits)
        for index, layer in enumerate(layers)
        if isinstance(layer, dict) and kind_of(str(layer.get("mediaType"))) in ("dsse", "sigstore-bundle")
    ]
    if not found:
        raise InputError("container-unsupported", "the OCI manifest has no layer with an attestation", where="/layers")
    return found


def checked_type(found: UnverifiedEnvelope, annotations: Mapping[str, str]) -> UnverifiedEnvelope:
    """`found`, and a sentence if the annotations of cosign v3, GitHub or docker name another predicate type."""
    claimed = next((annotations[name] for name in _TYPES if name in annotations), None)
    return found._replace(unchecked=(*found.unchecked, *contradiction(found.envelope, claimed)))


def read_layer(data: bytes, annotations: Mapping[str, str], limits: Limits | None = None) -> UnverifiedEnvelope:
    """The envelope in a layer, with what the annotations of its descriptor bring: certificates, log entry, timestamp.

    Raises InputError as `Envelope.from_json` does, and `container-invalid` for an annotation.
    """
    bounds = limits or Limits()
    envelope = Envelope.from_json(
        data, max_size=bounds.envelope, max_signatures=bounds.signatures, max_depth=bounds.depth
    )
    unchecked = contradiction(envelope, annotations.get(_TYPE))
    material = _material(annotations)
    return UnverifiedEnvelope(with_material(envelope, material, "0.1") if material else envelope, unchecked)


def _material(annotations: Mapping[str, Any]) -> dict[str, Any]:
    try:
        chain = [
            *pem_chain(annotations.get(_CERTIFICATE) or ""),
            *(pem_chain(annotations.get(_CHAIN) or "") if annotations.get(_CERTIFICATE) else ()),
        ]
        material: dict[str, Any] = {}
        if annotations.get(_BUNDLE):
            material["tlogEntries"] = [log_entry(_object(annotations[_BUNDLE], _BUNDLE))]
        if annotations.get(_TIMESTAMP):
            stamp = _object(annotations[_TIMESTAMP], _TIMESTAMP).get("SignedRFC3161Timestamp")
            stamps = [{"signedTimestamp": stamp}]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    except InputError as error:
        raise error.below("/annotations") from None
    return {**certified(chain), **material} if chain or material else {}


def _object(text: object, name: str) -> dict[str, Any]:
    if not isinstance(text, str):
        raise InputError("container-invalid", f"expected JSON in the annotation {name}")
    return loads_object(text.encode(), what=f"the annotation {name}")


def _embedded(layer: dict[str, Any], common: Mapping[str, Any], limits: Limits) -> UnverifiedEnvelope:
    if not isinstance(layer.get("data"), str):
        hint = "Add the content of the layer as `data`, in base64, or verify the image in its registry."
        raise InputError("container-unsupported", "the layer is not in the file, only its digest", hint=hint)
    data = b64decode(layer["data"], where="/data")
    check_size(len(data), limits.envelope)
    if layer.get("digest") != f"sha256:{hashlib.sha256(data).hexdigest()}" or layer.get("size") != len(data):
        raise InputError("container-invalid", "the content of the layer has another digest or size", where="/data")
    annotations = _annotations(layer)
    if kind_of(layer["mediaType"]) == "dsse":
        found = read_layer(data, annotations, limits)
    else:
        document = Document(data, limits)
        if not sigstore.recognises(document):
            message = "the layer is not a Sigstore bundle, as its media type says"
            raise InputError("container-invalid", message, where="/data")
        [found] = sigstore.read(document)
    return checked_type(found, {**common, **annotations})


def _annotations(members: Mapping[str, Any]) -> Mapping[str, Any]:
    annotations = members.get("annotations")
    return annotations if isinstance(annotations, dict) else {}
