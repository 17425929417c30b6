"""Attestations of Tekton Chains, in the annotations of a TaskRun or PipelineRun: `kubectl get taskrun NAME -o json`.

Rule: an annotation that is no envelope is an error in its place; the payload beside one must be the one that is signed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, pointer
from attest.certificates.evidence import has_certificate
from attest.envelope import Envelope
from attest.errors import InputError
from attest.sources._document import UnverifiedEnvelope, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.limits import Limits
    from attest.sources._document import Document

NAME: Final = "an object of Tekton"
IS_COLLECTION: Final = True
_PREFIX: Final = "chains.tekton.dev/"
_SIGNATURE: Final = f"{_PREFIX}signature-"


def recognises(document: Document) -> bool:
    """Whether a JSON object is a TaskRun or PipelineRun, or a list of them."""
    return next(_runs(document.members or {}), None) is not None


def read(document: Document) -> list[UnverifiedEnvelope | InputError]:
    """The envelope of each signature, or why it has none. Raises InputError `container-unsupported` if none."""
    runs = list(_runs(document.members or {}))
    named = [(steps, notes, name) for steps, notes in runs for name in notes if name.startswith(_SIGNATURE)]
    document.limits.check_attestations(len(named))
    found = [attempt(pointer(*steps, name), _one, notes, name, document.limits) for steps, notes, name in named]
    if not found:
        message = "the object of Tekton has no annotation with a signature"
        hint = "Tekton Chains writes them if its storage for the object is `tekton`."
        raise InputError("container-unsupported", message, where="/metadata/annotations", hint=hint)
    return found


def _runs(members: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The annotations of each run, and where they are."""
    items = members.get("items") if members.get("kind") == "List" else None
    several = isinstance(items, list)
    for index, item in enumerate(items if isinstance(items, list) else [members]):
        if not isinstance(item, dict) or item.get("kind") not in ("TaskRun", "PipelineRun"):
            continue
        if not str(item.get("apiVersion")).startswith("tekton.dev/"):
            continue
        metadata = item.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        where = ("items", index) if several else ()
        yield (*where, "metadata", "annotations"), annotations if isinstance(annotations, dict) else {}


def _one(annotations: dict[str, Any], name: str, limits: Limits) -> UnverifiedEnvelope:
    data = b64decode(annotations[name], where="")
    if not data.lstrip().startswith(b"{"):
        raise InputError("container-unsupported", "it is a signature without a DSSE envelope, such as of an image")
    envelope = Envelope.from_json(data, max_signatures=limits.signatures, max_depth=limits.depth)
    key = name.removeprefix(_SIGNATURE)
    payload = annotations.get(f"{_PREFIX}payload-{key}")
    if payload is not None and b64decode(payload, where="") != envelope.unverified_payload:
        raise InputError("container-invalid", "the payload beside the signature is not the one that is signed")
    pem = "\n".join(_text(annotations.get(f"{_PREFIX}{part}-{key}")) for part in ("cert", "chain")).strip()
    if pem:
        envelope = _certified(envelope, pem)
    return UnverifiedEnvelope(envelope)


def _text(value: object) -> str:
    return b64decode(value, where="").decode("utf-8", "replace") if value else ""


def _certified(envelope: Envelope, pem: str) -> Envelope:
    if len(envelope.signatures) != 1 or has_certificate(envelope.signatures[0]):
        message = "the certificate beside the envelope does not belong to exactly one signature without a certificate"
        raise InputError("container-invalid", message)
    [signature] = envelope.signatures
    fields = {**signature.to_dict(), "cert": pem}
    return replace(envelope, signatures=(replace(signature, fields=fields),), raw=None)
