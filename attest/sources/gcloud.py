"""Answers of Google Cloud: `gcloud artifacts docker images describe IMAGE --show-provenance --format json`.

Rule: only the envelopes count; the summary of the build beside them is not signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.errors import InputError
from attest.sources._document import UnverifiedEnvelope, attempt, envelope_of

if TYPE_CHECKING:
    from attest.limits import Limits
    from attest.sources._document import Document

NAME: Final = "an answer of Google Cloud"
IS_COLLECTION: Final = True


def recognises(document: Document) -> bool:
    """Whether a JSON object has a list of provenance."""
    return _entries(document) is not None


def read(document: Document) -> list[UnverifiedEnvelope | InputError]:
    """The envelope of each entry, or why it has none."""
    entries = _entries(document) or []
    document.limits.check_attestations(len(entries))
    return [
        attempt(
            pointer("provenance_summary", "provenance", index, "envelope"),
            _one,
            entry,
            document.limits,
        )
        for index, entry in enumerate(entries)
    ]


def _entries(document: Document) -> list[Any] | None:
    summary = (document.members or {}).get("provenance_summary")
    entries = summary.get("provenance") if isinstance(summary, dict) else None
    return entries if isinstance(entries, list) else None


def _one(entry: Any, limits: Limits) -> UnverifiedEnvelope:
    envelope = entry.get("envelope") if isinstance(entry, dict) else None
    if not isinstance(envelope, dict):
        raise InputError("envelope-invalid", "the entry has no attestation: expected an object")
    unchecked = ("the summary of the build beside the envelope",) if entry.get("build") else ()
    return UnverifiedEnvelope(envelope_of(envelope, limits), unchecked)
