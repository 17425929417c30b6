"""Resource descriptors, the subjects among them, and predicates that have their type.

Rule: a subject is named once, and two different ones never have the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attest._base.records import Record
from attest.digest import DigestSet
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ResourceDescriptor(Record):
    """A resource (resource_descriptor.md); a subject must have a `digest`, and only the digest is compared.

    At least one of `uri`, `digest` and `content` must be set. All sections are of resource_descriptor.md, Fields.

    name: distinguishes descriptors; its meaning depends on the producer and consumer (name).
    digest: digests of the contents by algorithm (digest, and digest_set.md).
    uri: identifies the resource globally (uri).
    content: the contents themselves, in base64 (content).
    download_location: where to get it from, if not from `uri` (downloadLocation).
    media_type: the MIME type (mediaType).
    annotations: anything else about it, by name (annotations).
    """

    name: str | None = None
    digest: DigestSet = field(default_factory=dict)
    uri: str | None = None
    content: str | None = field(default=None, kw_only=True)
    download_location: str | None = field(default=None, kw_only=True)
    media_type: str | None = field(default=None, kw_only=True)
    annotations: Mapping[str, Any] | None = field(default=None, kw_only=True)


class TypedPredicate(Protocol):
    """A predicate that has its type, such as one of `attest.predicates`."""

    PREDICATE_TYPE: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The predicate as JSON."""


def distinct(subjects: Sequence[ResourceDescriptor]) -> list[ResourceDescriptor]:
    """The `subjects`, each once. Raises InputError `subject-missing`, and `subject-ambiguous` for two of one name."""
    if not subjects:
        raise InputError(
            "subject-missing", "a statement needs a subject", hint="Name the files that the statement is about."
        )
    seen: dict[str, list[ResourceDescriptor]] = {}
    kept = []
    for subject in subjects:
        same = [] if subject.name is None else seen.setdefault(subject.name, [])
        if not same or same[0].digest == subject.digest:
            if subject not in same:
                same.append(subject)
                kept.append(subject)
        else:
            raise InputError(
                "subject-ambiguous",
                f"two different subjects have the name {subject.name!r}",
                hint="Give each its own name: NAME=FILE.",
            )
    return kept
