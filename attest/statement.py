"""in-toto Statements: built as v1, read as v1 or v0.1, kept in their exact bytes.

Rule: what was signed is a string of bytes; the parsed view never replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from attest import digest
from attest._base.expected import demand_bytes, demand_path, demand_several
from attest._base.json import MAX_DEPTH, PARSER_DEPTH, dumps, loads_object
from attest._base.large_json import LazyObject, PartlyRead
from attest._base.read_only import read_only
from attest._base.records import Record
from attest._base.text import plural
from attest.digest import DigestSet
from attest.errors import InputError
from attest.limits import MAX_DIGESTS, MAX_SUBJECTS
from attest.schema import statements
from attest.schema.predicate_types import OURS
from attest.schema.statements import FOREIGN_HINT
from attest.schema.statements import V0_1 as V0_1
from attest.schema.statements import V1 as V1

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from attest.schema import Violation
    from attest.schema.predicate_types import PredicateSchemas


_FEW: Final = 32  # subjects that are compared with one artifact in the time that an index takes


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


class Statement:
    """An in-toto Statement: its exact bytes, and a parsed view of them. Everything is read-only.

    The predicate of a large one (PartlyRead) is checked piece by piece, and parsed as a whole when it is asked for.
    """

    __slots__ = ("_deviations", "_digest_index", "_document", "_large", "_parsed", "_predicate_type", "_raw", "_type")

    def __init__(self, raw: bytes, document: dict[str, Any], deviations: Iterable[Violation] = ()) -> None:
        self._raw = raw
        self._deviations: tuple[Violation, ...] = tuple(deviations)
        self._parsed: dict[str, Any] | None = document
        self._digest_index: digest.DigestIndex | None = None
        self._large: PartlyRead | None = None  # of a large one, in place of all of it
        self._document: dict[str, Any] | None = None  # the same, read-only, made for the first who looks
        self._type: str = document["_type"]
        self._predicate_type: str = document["predicateType"]

    def __reduce__(self) -> tuple[Any, ...]:
        # The bytes are enough, and parsed again when needed: most statements from a process are only counted.
        return _restore, (self._raw, self._type, self._predicate_type, self._deviations)

    def __copy__(self) -> Statement:
        return self

    def __deepcopy__(self, memo: object) -> Statement:
        return self

    @property
    def raw(self) -> bytes:
        """The exact bytes of the statement."""
        return self._raw

    @property
    def type(self) -> str:
        """Its `_type`, with the version of the specification."""
        return self._type

    @property
    def predicate_type(self) -> str:
        """Its `predicateType`, a URI."""
        return self._predicate_type

    @property
    def deviations(self) -> tuple[Violation, ...]:
        """What it breaks without changing its meaning, if it was read with `foreign`: a few of the places."""
        return self._deviations

    @property
    def document(self) -> dict[str, Any]:
        """The parsed statement, read-only at every level. `copy.deepcopy` makes a dict of your own."""
        if self._document is None:
            self._document = read_only(self._plain())
        return self._document

    def _plain(self) -> dict[str, Any]:
        """The same for this package, which only reads it: nothing is copied for that."""
        if self._parsed is None:
            self._parsed = loads_object(self._raw, what="the statement", max_depth=PARSER_DEPTH)
        return self._parsed

    def _subjects(self) -> list[dict[str, Any]]:
        """The subjects, which need no predicate that is large."""
        large = self._lazily()
        subjects: list[dict[str, Any]] = (self._plain() if large is None else large.head)["subject"]
        return subjects

    def _digests(self) -> Sequence[DigestSet]:
        """The digests of the subjects, in their order; of many with an index, for many artifacts."""
        if self._digest_index is not None:
            return self._digest_index
        found = [subject["digest"] for subject in self._subjects()]
        if len(found) > _FEW:
            found = self._digest_index = digest.DigestIndex(found)
        return found

    def _lazily(self) -> PartlyRead | None:
        """The parts of a large one."""
        if self._parsed is None and self._large is None:
            self._large = PartlyRead.of(self._raw, "predicate", what="the statement", max_depth=PARSER_DEPTH)
        return self._large

    @classmethod
    def build(
        cls,
        subjects: Iterable[str | os.PathLike[str] | ResourceDescriptor],
        *,
        predicate_type: str | None = None,
        predicate: Mapping[str, Any] | TypedPredicate | None = None,
        algorithms: Iterable[str] = ("sha256",),
        check_predicate: bool = True,
        foreign: bool = False,
        schemas: PredicateSchemas = OURS,
        max_subjects: int = MAX_SUBJECTS,
        max_digests: int = MAX_DIGESTS,
        max_depth: int = MAX_DEPTH,
    ) -> Statement:
        """A Statement v1 about `subjects`: paths of files (hashed with `algorithms`), or descriptors as they are.

        `predicate` is a JSON object, with its type in `predicate_type` (a predicateType URI or a short name), or one of
        `attest.predicates`, which has its type. It is checked against its schema in `schemas`, if there is one, unless
        `check_predicate` is false; with `foreign`, as one that others made. The bytes of a LazyObject are copied, and
        parsed as a whole only for the check.

        Raises InputError: `subject-missing`, `subject-ambiguous`, `statement-invalid`,
        `predicate-type-unknown`, `predicate-type-mismatch`, `predicate-invalid`, `too-many-subjects`, and as hashing
        does.
        """
        uri, body = _typed(predicate_type, predicate, schemas)
        listed = [*demand_several(subjects, "subjects", "paths or ResourceDescriptors")]
        files = digest.hash_several([one for one in listed if not isinstance(one, ResourceDescriptor)], algorithms)
        described = [
            one if isinstance(one, ResourceDescriptor) else ResourceDescriptor(_base_name(one), next(files)[0])
            for one in listed
        ]
        document: dict[str, Any] = {
            "_type": V1,
            "subject": [subject.to_dict() for subject in distinct(described)],
            "predicateType": uri,
        }
        data = dumps(document if isinstance(body, LazyObject) else {**document, "predicate": body})
        statement = cls.from_json(data, max_subjects=max_subjects, max_digests=max_digests, max_depth=max_depth)
        if isinstance(body, LazyObject):
            statement = statement._with_predicate(body.within(max_depth - 1))
        if check_predicate:
            statement.examine_predicate(schemas, foreign=foreign)
        return statement

    @classmethod
    def from_json(
        cls,
        data: bytes,
        *,
        allow_v0_1: bool = False,
        foreign: bool = False,
        max_subjects: int = MAX_SUBJECTS,
        max_digests: int = MAX_DIGESTS,
        max_depth: int = MAX_DEPTH,
    ) -> Statement:
        """Parse a Statement (statement.md) against schemas/statement.json; unknown fields are ignored and kept.

        `foreign` also reads what others make, v0.1 included: what breaks the specification without changing the meaning
        is in `deviations`.

        Raises InputError: `json-invalid`, `json-too-deep`, `json-too-many-values`, `subject-missing`,
        `statement-invalid`, `statement-version` for v0.1 without `allow_v0_1` or `foreign`, `too-many-subjects` or
        `too-many-digests`.
        """
        demand_bytes(data, "statement")
        large = PartlyRead.of(data, "predicate", what="the statement", max_depth=max_depth)
        document = loads_object(data, what="the statement", max_depth=max_depth) if large is None else large.head
        if large is not None:
            large.outline  # noqa: B018  # parses it, as strictly as any other
        kind = document.get("_type")
        if kind == V0_1 and not (allow_v0_1 or foreign):
            message = "expected a statement of version v1, found v0.1"
            raise InputError("statement-version", message, where="/_type", hint=FOREIGN_HINT)
        deviations = statements.examine(document, foreign=foreign, max_subjects=max_subjects, max_digests=max_digests)
        statement = cls(data, document, deviations)
        if large is not None:
            statement._large, statement._parsed = large, None
        return statement

    def _with_predicate(self, predicate: LazyObject) -> Statement:
        """This statement, which has no predicate yet, with one; it is parsed as a whole when that is asked for."""
        predicate.check()
        raw = b'%b,"predicate":%b}' % (self.raw[:-1], predicate.data.strip(b" \t\n\r"))
        return _restore(raw, self.type, self.predicate_type, self.deviations)

    @property
    def subjects(self) -> tuple[ResourceDescriptor, ...]:
        """The subjects, in their order."""
        return tuple(ResourceDescriptor.from_dict(read_only(subject)) for subject in self._subjects())

    @property
    def predicate(self) -> dict[str, Any]:
        """The predicate, read-only. An unset one is empty; statement.md treats both the same."""
        return self.document.get("predicate") or {}

    def check_predicate(self, schemas: PredicateSchemas = OURS) -> bool:
        """Check the predicate against the schema of its type: True if it was checked, False if there is no schema.

        Raises InputError `predicate-invalid`, with the place and the rule.
        """
        return self.examine_predicate(schemas) is not None

    def examine_predicate(
        self, schemas: PredicateSchemas = OURS, *, foreign: bool = False
    ) -> tuple[Violation, ...] | None:
        """Check the predicate, and return what is only noted (docs/sign/predicates.md); None if there is no schema.

        That is more with `foreign`, for what others made. Raises InputError `predicate-invalid`.
        """
        check = schemas.for_type(self.predicate_type)
        if check is None:
            return None
        large = self._lazily() if check.needs_outline_only else None
        predicate = (self._plain().get("predicate") or {}) if large is None else large.outline
        subjects = self._subjects()
        fault, noted = check.examine(predicate, subjects, "verifying" if foreign else "building")
        if fault is None:
            return tuple(noted)
        hint = fault.hint
        if hint is None and not foreign and check.examine(predicate, subjects, "verifying")[0] is None:
            hint = FOREIGN_HINT
        elif hint is None and not foreign and len(check.all(predicate, subjects)) > 1:  # slow for what others made
            hint = "Run `attest predicate check FILE` to list all errors."
        message = f"the predicate is not valid for type {self.predicate_type}: {fault.message}"
        raise InputError("predicate-invalid", message, where=fault.pointer, hint=hint)

    def to_json(self) -> bytes:
        """The exact bytes of the statement."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Statement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Statement({self.predicate_type!r}, {plural(len(self._subjects()), 'subject')})"


def _restore(raw: bytes, kind: str, predicate_type: str, deviations: tuple[Violation, ...] = ()) -> Statement:
    """A statement that was checked before, here or in another process, and is parsed when it is needed."""
    statement = object.__new__(Statement)
    statement._raw, statement._type, statement._predicate_type = raw, kind, predicate_type
    statement._deviations = deviations
    statement._parsed = statement._document = statement._large = statement._digest_index = None
    return statement


def _typed(
    name: str | None, predicate: Mapping[str, Any] | TypedPredicate | None, schemas: PredicateSchemas
) -> tuple[str, Mapping[str, Any]]:
    """The predicateType URI and the JSON of what `Statement.build` was given."""
    if predicate is None or isinstance(predicate, Mapping):
        if name is None:
            raise InputError("option-invalid", "a predicate that is a JSON object needs a `predicate_type`")
        return schemas.uris(name)[0], predicate if isinstance(predicate, LazyObject) else dict(predicate or {})
    own = getattr(predicate, "PREDICATE_TYPE", None)
    if own is None:
        raise InputError("predicate-invalid", "the predicate is not a JSON object", where="/predicate")
    if name is None:
        return own, predicate.to_dict()
    uri = schemas.uris(name)[0]
    if uri not in schemas.aliases(own):
        raise InputError("predicate-type-mismatch", f"expected predicate type {name!r}, found {own}")
    return uri, predicate.to_dict()


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


def _base_name(path: str | os.PathLike[str]) -> str:
    demand_path(path, "subject")
    return Path(path).name
