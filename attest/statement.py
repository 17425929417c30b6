"""in-toto Statements: built as v1, read as v1 and on request as v0.1, kept in their exact bytes.

Rule: what was signed is a string of bytes; the parsed view never replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attest import digest, schema
from attest._codec import MAX_DEPTH, PARSER_DEPTH, dumps, loads_object, pointer
from attest.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from attest.digest import DigestSet

V1: Final = "https://in-toto.io/Statement/v1"
V0_1: Final = "https://in-toto.io/Statement/v0.1"

MAX_SUBJECTS: Final = 1024
MAX_DIGESTS: Final = 32


@dataclass(frozen=True, slots=True)
class ResourceDescriptor:
    """A resource (resource_descriptor.md); as a subject it must have a `digest`, and is matched by nothing else.

    `name` and `uri` are claims for people; `fields` holds the rest of the descriptor as it was written.
    """

    name: str | None = None
    digest: DigestSet = field(default_factory=dict)
    uri: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The descriptor as JSON, without what is unset."""
        document: dict[str, Any] = {}
        if self.name is not None:
            document["name"] = self.name
        if self.uri is not None:
            document["uri"] = self.uri
        if self.digest:
            document["digest"] = dict(self.digest)
        return document | {key: value for key, value in self.fields.items() if key not in document}


class Statement:
    """An in-toto Statement in the bytes it has, with a parsed view of them."""

    __slots__ = ("_document", "predicate_type", "raw", "type")

    def __init__(self, raw: bytes, document: dict[str, Any]) -> None:
        self.raw = raw
        self._document: dict[str, Any] | None = document
        self.type: str = document["_type"]
        self.predicate_type: str = document["predicateType"]

    def __reduce__(self) -> tuple[Any, ...]:
        # The bytes say it all, and are parsed again if somebody looks: most that come from a process are only counted.
        return _restore, (self.raw, self.type, self.predicate_type)

    @property
    def document(self) -> dict[str, Any]:
        """The statement, parsed."""
        if self._document is None:
            self._document = loads_object(self.raw, what="the statement", max_depth=PARSER_DEPTH)
        return self._document

    @classmethod
    def build(
        cls,
        subjects: Iterable[str | os.PathLike[str] | ResourceDescriptor],
        *,
        predicate_type: str,
        predicate: Mapping[str, Any] | None = None,
        algorithms: Iterable[str] = ("sha256",),
        check_predicate: bool = True,
    ) -> Statement:
        """A Statement v1 about `subjects`: paths of files (hashed with `algorithms`), or descriptors as they are.

        `predicate_type` is a predicateType URI or one of our short names. The predicate is checked against its schema,
        where there is one, unless `check_predicate` is false. Raises InputError: `subject-missing`,
        `subject-ambiguous`, `statement-invalid`, `predicate-type-unknown`, `predicate-invalid`, and as hashing does.
        """
        described = [
            subject
            if isinstance(subject, ResourceDescriptor)
            else ResourceDescriptor(_base_name(subject), digest.hash_file(subject, digest.check_algorithms(algorithms)))
            for subject in subjects
        ]
        document: dict[str, Any] = {
            "_type": V1,
            "subject": [subject.to_dict() for subject in _distinct(described)],
            "predicateType": predicate_types(predicate_type)[0],
            "predicate": dict(predicate or {}),
        }
        statement = cls.from_json(dumps(document))
        if check_predicate:
            statement.check_predicate()
        return statement

    @classmethod
    def from_json(
        cls,
        data: bytes,
        *,
        allow_v0_1: bool = False,
        max_subjects: int = MAX_SUBJECTS,
        max_digests: int = MAX_DIGESTS,
        max_depth: int = MAX_DEPTH,
    ) -> Statement:
        """Parse a Statement (statement.md) against schemas/statement.json; unknown fields are ignored and kept.

        Raises InputError: `json-invalid`, `json-too-deep`, `subject-missing`, `statement-invalid`,
        `statement-version` for v0.1 without `allow_v0_1`, `too-many-subjects` or `too-many-digests`.
        """
        document = loads_object(data, what="the statement", max_depth=max_depth)
        kind = document.get("_type")
        if kind == V0_1 and not allow_v0_1:
            raise InputError(
                "statement-version",
                "this is a Statement v0.1, and only v1 is read unless asked",
                where="/_type",
                hint="Add --statement-v0.1 if you mean to accept the old version.",
            )
        if document.get("subject") == []:
            raise InputError("subject-missing", "the statement is about nothing: it has no subject", where="/subject")
        shape = _shape(V0_1 if kind == V0_1 else V1)
        if not shape.accepts(document):
            fault = shape.explain(document)
            raise InputError("statement-invalid", f"the statement is not valid: {fault.message}", where=fault.pointer)
        subjects = document["subject"]
        if len(subjects) > max_subjects:
            raise InputError(
                "too-many-subjects",
                f"the statement has {len(subjects)} subjects, and at most {max_subjects} may be there",
                where="/subject",
            )
        for index, subject in enumerate(subjects):
            _check_digests(subject["digest"], max_digests, index)
        return cls(data, document)

    @property
    def subjects(self) -> tuple[ResourceDescriptor, ...]:
        """The subjects, in their order."""
        return tuple(
            ResourceDescriptor(subject.get("name"), subject["digest"], subject.get("uri"), subject)
            for subject in self.document["subject"]
        )

    @property
    def predicate(self) -> dict[str, Any]:
        """The predicate; empty where it is unset, which statement.md calls the same."""
        return self.document.get("predicate") or {}

    def check_predicate(self) -> bool:
        """Check the predicate against the schema of its type: True if it was checked, False if there is no schema.

        Raises InputError `predicate-invalid`, which names the place and the rule.
        """
        shape = schema.for_predicate(self.predicate_type)
        if shape is None:
            return False
        if not shape.accepts(self.predicate):
            fault = shape.explain(self.predicate)
            where = "/predicate" + fault.pointer.rstrip("/")
            raise InputError(
                "predicate-invalid",
                f"the predicate is not a valid {self.predicate_type}: {fault.message}",
                where=where,
            )
        return True

    def to_json(self) -> bytes:
        """The exact bytes of the statement."""
        return self.raw

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Statement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Statement({self.predicate_type!r}, {len(self.document['subject'])} subjects)"


def _restore(raw: bytes, kind: str, predicate_type: str) -> Statement:
    """A statement that was read in another process."""
    statement = object.__new__(Statement)
    statement.raw, statement.type, statement.predicate_type = raw, kind, predicate_type
    statement._document = None
    return statement


def predicate_types(name: str) -> tuple[str, ...]:
    """The predicateType URIs that `name` stands for: a short name's own first, then its aliases; a URI is itself.

    Raises InputError `predicate-type-unknown` for a name that isn't one of ours.
    """
    documents = schema.predicate_documents()
    if name in documents:
        return (documents[name]["$id"], *documents[name].get("x-aliases", ()))
    if ":" in name or any(name in document.get("x-aliases", ()) for document in documents.values()):
        return (name,)
    from difflib import get_close_matches

    near = get_close_matches(name, documents, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known names: {', '.join(documents)}; or give a URI."
    raise InputError("predicate-type-unknown", f"there is no predicate type named {name!r}", hint=hint)


@lru_cache(maxsize=2)
def _shape(version: str) -> schema.Schema:
    if version == V1:
        return schema.named("statement")
    # v0.1 has another constant in _type. It also wants unique names, which matching by digest has no use for.
    document = dict(schema.named("statement").document)
    document["properties"] = document["properties"] | {"_type": {"const": V0_1}}
    return schema.Schema(document)


def _check_digests(digests: Mapping[str, str], limit: int, index: int) -> None:
    if len(digests) > limit:
        raise InputError(
            "too-many-digests",
            f"the subject has {len(digests)} digests, and at most {limit} may be there",
            where=pointer("subject", index, "digest"),
        )
    for algorithm, value in digests.items():
        if not digest.is_well_formed(algorithm, value):
            raise InputError(
                "statement-invalid",
                f"this is not a {algorithm} digest in hex",
                where=pointer("subject", index, "digest", algorithm),
            )


def _distinct(subjects: list[ResourceDescriptor]) -> list[ResourceDescriptor]:
    if not subjects:
        raise InputError("subject-missing", "a statement needs a subject", hint="Name the files it is about.")
    seen: dict[str, ResourceDescriptor] = {}
    kept = []
    for subject in subjects:
        if subject.name is None:
            kept.append(subject)
        elif subject.name not in seen:
            seen[subject.name] = subject
            kept.append(subject)
        elif seen[subject.name].digest == subject.digest:
            kept += [] if subject in kept else [subject]
        else:
            raise InputError(
                "subject-ambiguous",
                f"two subjects are named {subject.name!r} and differ",
                hint="Name them apart: NAME=FILE.",
            )
    return kept


def _base_name(path: str | os.PathLike[str]) -> str:
    return Path(path).name
