"""Answers of the registries of npm and GitHub: `{"attestations": [{"bundle": {...}}, ...]}`.

Rule: an answer is a collection, even with one attestation; each is read as if it came alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.errors import InputError
from attest.sources import sigstore
from attest.sources._document import Document, UnverifiedEnvelope, attempt
from attest.sources._material import contradiction

if TYPE_CHECKING:
    from attest.limits import Limits

NAME: Final = "an answer of npm or GitHub"
IS_COLLECTION: Final = True


def recognises(document: Document) -> bool:
    """Whether a JSON object has a list of attestations."""
    return isinstance((document.members or {}).get("attestations"), list)


def read(document: Document) -> list[UnverifiedEnvelope | InputError]:
    """The envelope of each entry, or why it has none. The predicate type beside it is not signed."""
    entries = (document.members or {})["attestations"]
    document.limits.check_attestations(len(entries))
    return [
        attempt(pointer("attestations", index, "bundle"), _one, entry, document.limits)
        for index, entry in enumerate(entries)
    ]


def _one(entry: Any, limits: Limits) -> UnverifiedEnvelope:
    bundle = entry.get("bundle") if isinstance(entry, dict) else None
    if not isinstance(bundle, dict):
        raise InputError("envelope-invalid", "the entry has no attestation: expected an object")
    part = Document.of(bundle, limits)
    if not sigstore.recognises(part):
        return UnverifiedEnvelope(part.envelope())
    [found] = sigstore.read(part)
    claimed = entry.get("predicateType", entry.get("predicate_type"))
    return found._replace(unchecked=(*found.unchecked, *contradiction(found.envelope, claimed)))
