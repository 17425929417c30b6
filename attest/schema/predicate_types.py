"""The predicate types that have a schema: those of attest, and the user's own from a directory.

Rule: a user's schema adds a type and never replaces one of attest; one error rejects them all; nothing is fetched.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest import schema
from attest._base import files
from attest._base.expected import demand_path
from attest._base.json import MAX_DEPTH, at, dumps, loads_object, pointer, steps
from attest._base.text import nearest
from attest.errors import InputError
from attest.schema import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest.schema import Purpose, Schema, Violation
    from attest.schema.rules import Rule

MAX_SCHEMAS: Final = 256
MAX_SCHEMA: Final = 1 << 20

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_LISTED: Final = "Run `attest predicate list` to list the types that have a schema, or add your own with --schema-dir."


class PredicateCheck(NamedTuple):
    """What is checked of the predicates of one type: a schema, and what no schema can say."""

    schema: Schema
    rule: Rule | None
    # Whether it looks no deeper into lists than at the kind of their elements, see LazyObject.outline.
    needs_outline_only: bool = False

    def first(self, predicate: Any, subjects: Sequence[Mapping[str, Any]] = ()) -> Violation | None:
        """The most specific violation, or None for a valid predicate; its pointer is into the statement."""
        if not self.schema.accepts(predicate):
            return _below(self.schema.explain(predicate))
        return None if self.rule is None else next(self.rule(predicate, subjects), None)

    def examine(
        self, predicate: Any, subjects: Sequence[Mapping[str, Any]], purpose: Purpose
    ) -> tuple[Violation | None, list[Violation]]:
        """The violation that is an error for a purpose, or None, and those that are only noted, at most MAX_NOTED."""
        noted: list[Violation] = []
        if not self.schema.accepts(predicate):
            looser = self.schema.when(purpose)
            if looser is self.schema or not looser.accepts(predicate):
                return _below(looser.explain(predicate)), []
            noted = [_below(fault) for fault in self.schema.noted(predicate)]
        return (None if self.rule is None else next(self.rule(predicate, subjects), None)), noted

    def all(self, predicate: Any, subjects: Sequence[Mapping[str, Any]] = ()) -> list[Violation]:
        """All violations, at most schema.MAX_FAULTS; their pointers are into the statement."""
        faults = [_below(fault) for fault in self.schema.faults(predicate)]
        if faults or self.rule is None:
            return faults
        return list(islice(self.rule(predicate, subjects), schema.MAX_FAULTS))


class PredicateSchemas:
    """The predicate types that have a schema: those of this package and, if given, a user's `own` by short name.

    A schema's `$id` is its predicateType URI, and `x-aliases` lists other URIs for the same. Raises InputError
    `schema-invalid` for one that is not a JSON Schema (2020-12), leads out of its file, or is for a type that
    already has a schema.
    """

    def __init__(self, own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._own: Mapping[str, Mapping[str, Any]] = MappingProxyType(dict(own or {}))
        self._schemas: dict[str, Schema] = {}
        for name, document in self._own.items():
            try:
                compiled = _compile(name, document)
                for uri in _uris(document):
                    self._claim(uri, compiled)
            except InputError as error:
                raise error.at(f"{name}.json") from None

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> PredicateSchemas:
        """Ours, and one for each NAME.json in `directory`, at most MAX_SCHEMAS files of MAX_SCHEMA bytes.

        Raises InputError: `schema-invalid`, `file-unreadable`, `file-too-large`, `json-invalid`, `json-too-deep`.
        """
        demand_path(directory, "directory")
        folder = Path(directory)
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
        except (OSError, ValueError) as error:
            raise files.unreadable(directory, error) from None
        if not paths or len(paths) > MAX_SCHEMAS:
            many = f"{len(paths):,} schemas, expected at most {MAX_SCHEMAS}" if paths else "no schema"
            raise InputError(
                "schema-invalid", f"the directory has {many}", where=str(folder), hint="Name each schema NAME.json."
            )
        documents = {}
        for path in paths:
            data = files.read(path, limit=MAX_SCHEMA)
            try:
                documents[path.stem] = loads_object(data, what="the schema")
            except InputError as error:
                raise error.at(str(path)) from None
        try:
            return cls(documents)
        except InputError as error:
            error.where = os.path.join(folder, error.where or "")
            raise

    @property
    def own(self) -> Mapping[str, Mapping[str, Any]]:
        """The user's schemas by short name."""
        return self._own

    @property
    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """Every schema by its short name."""
        ours = schema.predicate_documents()
        return MappingProxyType({**ours, **self._own} if self._own else ours)

    def for_type(self, predicate_type: str) -> PredicateCheck | None:
        """What is checked for a predicateType URI, aliases included, or None where there is no schema."""
        found = self._schemas.get(predicate_type)
        return _ours(predicate_type) if found is None else PredicateCheck(found, None)

    def uris(self, name: str) -> tuple[str, ...]:
        """The predicateType URIs that `name` stands for: a short name's own first, then its aliases; a URI is itself.

        Raises InputError `predicate-type-unknown` for a name that is not known.
        """
        documents = self.documents
        if name in documents:
            return _uris(documents[name])
        # Producers leave out the scheme: chainloop.dev/attestation/v0.2. A short name has no "/".
        if ":" in name or "/" in name or any(name in _uris(document) for document in documents.values()):
            return (name,)
        raise self.unknown(name, f"Use a URI or one of these names: {', '.join(documents)}.")

    def aliases(self, predicate_type: str) -> tuple[str, ...]:
        """All URIs of the type that has this predicateType URI; only the URI itself if there is no schema."""
        found = self._schemas.get(predicate_type) or schema.for_predicate(predicate_type)
        return (predicate_type,) if found is None else _uris(found.document)

    def find(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """The short name and the schema that a short name, an alias or a URI stands for.

        Raises InputError `predicate-type-unknown`, with what was probably meant.
        """
        for short, document in self.documents.items():
            if name == short or name in _uris(document):
                return short, document
        raise self.unknown(name)

    def unknown(self, name: str, otherwise: str = _LISTED) -> InputError:
        """The InputError `predicate-type-unknown` for a name or URI, with what was probably meant, or `otherwise`."""
        known = self.documents
        uris = [uri for document in known.values() for uri in _uris(document)]
        near = nearest(name, uris if ":" in name else known, 3)
        hint = f"Did you mean {' or '.join(near)}?" if near else otherwise
        return InputError("predicate-type-unknown", f"unknown predicate type {name!r}", hint=hint)

    def __repr__(self) -> str:
        return f"PredicateSchemas(own={sorted(self._own)})"

    def _claim(self, uri: str, compiled: Schema) -> None:
        if _ours(uri) is not None:
            raise InputError("schema-invalid", f"{uri} already has a schema in attest, which cannot be replaced")
        if uri in self._schemas:
            raise InputError("schema-invalid", f"two schemas are for type {uri}")
        self._schemas[uri] = compiled

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (dumps(dict(self._own)),))


@lru_cache(maxsize=8)
def _restored(own: bytes) -> PredicateSchemas:
    """The same schemas in another process, which gets them with every piece of work and compiles them once."""
    return PredicateSchemas(loads_object(own, what="the schemas", max_depth=MAX_DEPTH + 1))


@lru_cache(maxsize=128)
def _ours(predicate_type: str) -> PredicateCheck | None:
    found = schema.for_predicate(predicate_type)
    if found is None:
        return None
    rule = rules.for_type(found.document["$id"])
    return PredicateCheck(found, rule, rule is None and found.document.get("x-outline", False))


def _uris(document: Mapping[str, Any]) -> tuple[str, ...]:
    return (document["$id"], *document.get("x-aliases", ()))


def _below(fault: Violation) -> Violation:
    return fault._replace(pointer="/predicate" + fault.pointer.rstrip("/"))


def _compile(name: str, document: Mapping[str, Any]) -> Schema:
    """A user's schema, ready for use. Raises InputError `schema-invalid` at the JSON pointer of what is wrong."""
    if not _NAME.fullmatch(name):
        raise InputError(
            "schema-invalid", f"{name!r} is not a valid short name: use letters, digits, dots, dashes and underscores"
        )
    if name in schema.predicate_documents():
        raise InputError("schema-invalid", f"{name!r} is already the short name of a type in attest")
    if document.get("$schema", _DIALECT) != _DIALECT:
        raise InputError("schema-invalid", f"expected a schema for {_DIALECT}", where="/$schema")
    shape = schema.named("predicate-schema")
    if not shape.accepts(document):
        fault = shape.explain(document)
        raise InputError(
            "schema-invalid",
            f"the file is not a predicate schema: {fault.message}",
            where=fault.pointer,
            hint=fault.hint,
        )
    for where, target in _references(document):
        if not _leads_somewhere(document, target):
            inside = target.startswith("#")
            message = "leads nowhere" if inside else "leads out of the file, and attest does not fetch schemas"
            raise InputError("schema-invalid", f"the reference {target!r} {message}", where=where)
    try:
        compiled = schema.Schema(document)
        for purpose in schema.LOOSER:
            compiled.when(purpose)
        return compiled
    except ValueError as error:
        where = pointer(*getattr(error, "instance_path", ()))
        message = getattr(error, "message", str(error) or "it cannot be compiled")
        raise InputError("schema-invalid", f"the file is not a JSON Schema: {message}", where=where) from None


def _references(node: Any, *steps: str | int) -> Iterator[tuple[str, str]]:
    """Every reference in a schema: the pointer of where it stands, and what it says."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _references(item, *steps, index)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield pointer(*steps, key), value
            elif key not in schema.DATA:
                yield from _references(value, *steps, key)


def _leads_somewhere(document: Mapping[str, Any], target: str) -> bool:
    from urllib.parse import unquote

    if not target.startswith("#"):
        return False
    fragment = unquote(target[1:])
    if fragment and not fragment.startswith("/"):
        return fragment in _anchors(document)
    return isinstance(at(document, *steps(fragment)), dict | bool)


def _anchors(node: Any) -> Iterator[str]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        if key in ("$anchor", "$dynamicAnchor") and isinstance(value, str):
            yield value
        yield from _anchors(value)


OURS: Final = PredicateSchemas()
