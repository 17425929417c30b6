"""What the npm registry answers about a version: a list of Sigstore bundles, each with its predicate type.

Rule: only the bundles count; the predicate type beside one is a claim, and that of the signed statement is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.json import dumps, pointer
from attest.errors import InputError
from attest.sources import sigstore
from attest.sources._document import Document, UnverifiedEnvelope

if TYPE_CHECKING:
    from collections.abc import Mapping

_RIVALS = ("payload", "payloadType", "signatures", "mediaType", "dsseEnvelope")


def recognises(document: Document) -> bool:
    """Whether a JSON object has `attestations`, a list of objects with a bundle, and is nothing else.

    Raises InputError `json-invalid` or `json-too-deep` for what could be one and cannot be parsed.
    """
    if sigstore.MARK not in document.data or b'"attestations"' not in document.data:
        return False
    members = document.members or {}
    listed = members.get("attestations")
    is_list = isinstance(listed, list) and bool(listed) and all(_has_bundle(one) for one in listed)
    return is_list and not any(name in members for name in _RIVALS)


def read(document: Document) -> list[UnverifiedEnvelope]:
    """The envelopes in the bundles, in their order. Raises InputError as reading a bundle does, with its place."""
    found: list[UnverifiedEnvelope] = []
    for index, one in enumerate((document.members or {})["attestations"]):
        bundle = Document(dumps(one["bundle"]), document.limits)
        try:
            if not sigstore.recognises(bundle):
                raise InputError("sigstore-unsupported", "the bundle has no media type of Sigstore", where="/mediaType")
            found += sigstore.read(bundle)
        except InputError as error:
            raise error.below(pointer("attestations", index, "bundle")) from None
    return found


def _has_bundle(entry: Mapping[str, Any] | Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("bundle"), dict)
