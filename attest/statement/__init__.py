"""in-toto Statements: built as v1, read as v1 or v0.1, kept in their exact bytes.

Rule: what was signed is a string of bytes; the parsed view never replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest import digest
from attest._base.expected import demand_bytes, demand_path, demand_several
from attest._base.json import MAX_DEPTH, dumps
from attest._base.large_json import LazyObject
from attest._base.read_only import read_only
from attest._base.text import plural
from attest.errors import InputError
from attest.limits import MAX_DIGESTS, MAX_SUBJECTS
from attest.schema import statements
from attest.schema.predicate_types import OURS
from attest.schema.statements import FOREIGN_HINT
from attest.schema.statements import V0_1 as V0_1
from attest.schema.statements import V1 as V1
from attest.statement.content import Content
from attest.statement.descriptors import ResourceDescriptor as ResourceDescriptor
from attest.statement.descriptors import TypedPredicate as TypedPredicate
from attest.statement.descriptors import distinct as distinct

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from attest.schema import Violation
    from attest.schema.predicate_types import PredicateSchemas


class Statement:
    """An in-toto Statement: its exact bytes, and a parsed view of them. Everything is read-only."""

    __slots__ = ("_content", "_deviations", "_predicate_type", "_type")

    def __init__(self, content: Content, kind: str, predicate_type: str, deviations: Iterable[Violation] = ()) -> None:
        self._content = content
        self._type = kind
        self._predicate_type = predicate_type
        self._deviations: tuple[Violation, ...] = tuple(deviations)

    def __reduce__(self) -> tuple[Any, ...]:
        return Statement, (self._content, self._type, self._predicate_type, self._deviations)

    def __copy__(self) -> Statement:
        return self

    def __deepcopy__(self, memo: object) -> Statement:
        return self

    @property
    def raw(self) -> bytes:
        """The exact bytes of the statement."""
        return self._content.raw

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
        return self._content.document

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
            whole = statement._content.with_predicate(body.within(max_depth - 1))
            statement = cls(whole, statement.type, statement.predicate_type, statement.deviations)
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
        content = Content.parse(data, max_depth)
        document = content.head()
        kind = document.get("_type")
        if kind == V0_1 and not (allow_v0_1 or foreign):
            message = "expected a statement of version v1, found v0.1"
            raise InputError("statement-version", message, where="/_type", hint=FOREIGN_HINT)
        deviations = statements.examine(document, foreign=foreign, max_subjects=max_subjects, max_digests=max_digests)
        return cls(content, document["_type"], document["predicateType"], deviations)

    @property
    def subjects(self) -> tuple[ResourceDescriptor, ...]:
        """The subjects, in their order."""
        return tuple(ResourceDescriptor.from_dict(read_only(subject)) for subject in self._content.subjects())

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
        """Check the predicate, and return the deviations to note (docs/sign/predicates.md); None if there is no schema.

        With `foreign`, more deviations are only noted. Raises InputError `predicate-invalid`.
        """
        check = schemas.for_type(self.predicate_type)
        if check is None:
            return None
        predicate, subjects = self._content.predicate(outline=check.needs_outline_only), self._content.subjects()
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
        return self._content.raw

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Statement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Statement({self.predicate_type!r}, {plural(len(self._content.subjects()), 'subject')})"


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


def _base_name(path: str | os.PathLike[str]) -> str:
    demand_path(path, "subject")
    return Path(path).name
