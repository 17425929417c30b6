"""Answers of registries: a JSON object with a list of attestations, as npm and GitHub send them.

Rule: an answer is a collection, even with one attestation; each is read as if it came alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base.json import dumps, pointer
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.sources._document import Document

_MARK: Final = b'"attestations"'


def recognises(document: Document) -> bool:
    """Whether a document is such an answer: `{"attestations": [{"bundle": {...}}, ...]}`.

    Raises InputError `json-invalid` or `json-too-deep` for what could be one and cannot be parsed.
    """
    if _MARK not in document.data:  # so that no other document is parsed to find out
        return False
    members = document.members or {}
    return isinstance(members.get("attestations"), list) and "payload" not in members


def bundles(document: Document) -> Iterator[bytes | InputError]:
    """The document of each attestation, or why an entry has none."""
    for index, entry in enumerate((document.members or {})["attestations"]):
        bundle = entry.get("bundle") if isinstance(entry, dict) else None
        if isinstance(bundle, dict):
            yield dumps(bundle)
        else:
            where = pointer("attestations", index, "bundle")
            yield InputError("envelope-invalid", "the entry has no attestation: expected an object", where=where)
