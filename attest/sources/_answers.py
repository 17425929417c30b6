"""Answers of services: a JSON object with a list of attestations, as npm, GitHub and Google Cloud send them.

Rule: an answer is a collection, even with one attestation; each is read as if it came alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import dumps, pointer
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.sources._document import Document


class _AnswerShape(NamedTuple):
    """Where the list of an answer is, and the member of an entry that is the attestation."""

    steps: tuple[str, ...]
    member: str

    def entries(self, document: Document) -> list[Any] | None:
        if f'"{self.steps[0]}"'.encode() not in document.data:  # so that no other document is parsed to find out
            return None
        found: Any = document.members or {}
        for step in self.steps:
            found = found.get(step) if isinstance(found, dict) and "payload" not in found else None
        return found if isinstance(found, list) else None


_SHAPES: Final = (
    _AnswerShape(("attestations",), "bundle"),
    # `gcloud artifacts docker images describe IMAGE --show-provenance --format json`
    _AnswerShape(("provenance_summary", "provenance"), "envelope"),
)


def recognises(document: Document) -> bool:
    """Whether a document is such an answer: `{"attestations": [{"bundle": {...}}, ...]}`, or that of gcloud.

    Raises InputError `json-invalid` or `json-too-deep` for what could be one and cannot be parsed.
    """
    return any(shape.entries(document) is not None for shape in _SHAPES)


def bundles(document: Document) -> Iterator[bytes | InputError]:
    """The document of each attestation, or why an entry has none."""
    shape = next(shape for shape in _SHAPES if shape.entries(document) is not None)
    for index, entry in enumerate(shape.entries(document) or ()):
        bundle = entry.get(shape.member) if isinstance(entry, dict) else None
        if isinstance(bundle, dict):
            yield dumps(bundle)
        else:
            where = pointer(*shape.steps, index, shape.member)
            yield InputError("envelope-invalid", "the entry has no attestation: expected an object", where=where)
