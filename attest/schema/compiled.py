"""Finds and compiles the JSON Schemas in schemas/: jsonschema-rs decides, jsonschema explains.

Rule: schemas come from this package alone, never from the network or the current directory.
"""

from __future__ import annotations

import os
import re
from functools import cache, lru_cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

from attest._base.json import at, loads_object, pointer, steps
from attest._base.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import jsonschema
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError

MAX_FAULTS: Final = 100
MAX_NOTED: Final = 16
DEVIATION: Final = "spec-deviation"  # the code of what is only noted
# What is checked: what somebody builds or signs here, or what is read of others.
Purpose = Literal["building", "verifying"]
# The keywords that loosen the rule beside them for a purpose. What breaks only the rule is noted.
LOOSER: Final[Mapping[Purpose, tuple[str, ...]]] = {
    "building": ("x-when-building",),
    "verifying": ("x-when-verifying", "x-when-building"),
}
# Of how many the one is chosen that says most: an input decides how many there are.
_MAX_CONSIDERED: Final = 1000

# Keywords that a list can break because it was cut.
_OF_WHOLE_LISTS: Final = frozenset({"minItems", "contains", "minContains"})
# Keywords whose values are data, in which a "$ref" is none.
DATA: Final = frozenset({"const", "default", "enum", "examples"})

# Keywords whose own message shows a regular expression or a schema, where a description says it in words.
_IN_OTHER_WORDS: Final = frozenset({"pattern", "format", "anyOf", "oneOf", "contains", "minContains", "maxContains"})
# Keywords whose own message does not say what it is about.
_WITHOUT_VALUE: Final = frozenset({"contains", "minContains", "maxContains"})


class Violation(NamedTuple):
    """A violation of a schema: the JSON `pointer` of the place, a message, and the keyword of the schema.

    `hint` names the member that was probably meant where one is unknown or missing.
    """

    pointer: str
    message: str
    rule: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}"


class Schema:
    """One compiled JSON Schema (2020-12). Raises ValueError, as jsonschema-rs does, for a document that is not one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        import jsonschema_rs

        self.document = document
        self._validator: jsonschema_rs.Draft202012Validator = jsonschema_rs.Draft202012Validator(
            dict(document), validate_formats=True, retriever=_refuse
        )
        self._looser: dict[Purpose, Schema] = {}

    def when(self, purpose: Purpose) -> Schema:
        """The same schema with the looser rules for a purpose; itself if it has none."""
        if purpose not in self._looser:
            looser = _loosened(self.document, LOOSER[purpose])
            self._looser[purpose] = self if looser == self.document else Schema(looser)
        return self._looser[purpose]

    def accepts(self, value: Any) -> bool:
        """Whether `value` satisfies the schema: the verdict, and the fast path."""
        return self._validator.is_valid(value)

    def explain(self, value: Any) -> Violation:
        """The most specific violation of a `value` that the schema does not accept."""
        from jsonschema.exceptions import best_match

        # jsonschema takes minutes for a large value. What it says of lists that were cut may be wrong.
        left = [_MAX_CONSIDERED]
        errors = self._errors(_excerpt(value, left), _MAX_CONSIDERED)
        error = best_match(one for one in errors if left[0] > 0 or one.validator not in _OF_WHOLE_LISTS)
        return self._fault(error) if error is not None else self._violation(self._first(value))

    def noted(self, value: Any) -> list[Violation]:
        """Violations of a `value` that the schema does not accept, at most MAX_NOTED; fast, however many it has."""
        found: dict[tuple[str, str], Violation] = {}
        errors: list[Any] = list(self._validator.iter_errors(_excerpt(value, [_MAX_CONSIDERED])))  # finds all of them
        if not errors:  # it is further behind
            errors.append(self._first(value))
        # In the order of the places, because that of the library differs between its versions.
        for where, error in sorted(((pointer(*one.instance_path), one) for one in errors), key=itemgetter(0)):
            path = [str(step) for step in error.schema_path]
            rule = _keyword(path)
            words = self._described(path) if rule in _IN_OTHER_WORDS else None
            shown = f"{_shorten(repr(error.instance), 80)} breaks a rule: {words}" if words else error.message
            found.setdefault((where, shown), Violation(where, _shorten(shown), rule))
            if len(found) == MAX_NOTED:
                break
        return list(found.values())

    def _described(self, path: Sequence[str]) -> str | None:
        """What the schema says of the rule at `path`, or of the first alternative that it describes."""
        rule = at(self.document, *path)
        nodes = [self._resolved(one) for one in rule] if isinstance(rule, list) else []
        nodes.append(at(self.document, *path[:-1]) if path[1:] else None)
        texts = (node.get("description") for node in nodes if isinstance(node, dict))
        return next((text.rstrip(".") for text in texts if isinstance(text, str)), None)

    def _resolved(self, node: Any) -> Any:
        """A schema, or the one of `$defs` that it refers to."""
        target = node.get("$ref") if isinstance(node, dict) else None
        return at(self.document, *steps(target[1:])) if isinstance(target, str) and target[:2] == "#/" else node

    def faults(self, value: Any) -> list[Violation]:
        """All violations of `value`, at most MAX_FAULTS; none if the schema accepts it."""
        from jsonschema.exceptions import best_match

        if self.accepts(value):
            return []
        errors = (best_match([error]) for error in self._errors(value, MAX_FAULTS))
        found = {(error.json_path, _words(error) or error.message): error for error in reversed(list(errors))}
        return [self._fault(error) for error in reversed(found.values())] or list(
            islice(self._decided(value), MAX_FAULTS)
        )

    def _errors(self, value: Any, limit: int) -> Iterable[ValidationError]:
        """The errors that jsonschema finds: none if only jsonschema-rs finds one, or if it cannot follow the schema."""
        import jsonschema

        validator = jsonschema.Draft202012Validator(self.document, format_checker=_format_checker())
        try:
            return list(islice(validator.iter_errors(value), limit))
        except (RecursionError, re.error):  # a user's own schema may refer to itself, or be written for another engine
            return []

    def _decided(self, value: Any) -> Iterator[Violation]:
        return map(self._violation, self._validator.iter_errors(value))

    def _first(self, value: Any) -> Any:
        """The first error of jsonschema-rs, which it finds without the others, of a `value` that it does not accept."""
        try:
            self._validator.validate(value)
        except ValueError as error:
            return error
        raise AssertionError("the schema accepts the value")

    def _violation(self, error: Any) -> Violation:
        return Violation(pointer(*error.instance_path), _shorten(error.message), _keyword(error.schema_path))

    def _fault(self, error: ValidationError) -> Violation:
        rule = str(error.validator)
        words = _words(error) if error.schema is not self.document else None
        message = error.message
        if words is not None or rule in _WITHOUT_VALUE:
            message = f"{_shorten(repr(error.instance), 80)} breaks the rule {rule}: {words or message}"
        elif rule in ("anyOf", "oneOf"):
            # What it may be instead is unset; that it is not what it is meant to be says more.
            inner = next((inner for inner in error.context or () if _words(inner) is not None), None)
            if inner is not None:
                return self._fault(inner)
        elif rule == "additionalProperties" and isinstance(error.instance, dict):
            message = f"unknown field {_strangers(error)[0]!r}"
        return Violation(pointer(*error.absolute_path), _shorten(message), rule, _meant(error))


def directory() -> Path:
    """The folder of schemas: inside an installed package, or at the root of the repository it is run from."""
    package = Path(__file__).parents[1]
    installed = package / "schemas"
    if installed.is_dir() or not (package.parent / "pyproject.toml").is_file():
        return installed
    return package.parent / "schemas"


@cache
def named(name: str) -> Schema:
    """The schema of one of our own formats: statement, envelope, trust-bundle, result, policy."""
    path = directory() / f"{name}.json"
    return Schema(loads_object(path.read_bytes(), what=path.name))


@cache
def part(name: str, definition: str) -> Schema:
    """One of the `$defs` of such a schema, where a part of a document is a document too."""
    return Schema({"$ref": f"#/$defs/{definition}", "$defs": named(name).document["$defs"]})


@cache
def predicate_documents() -> Mapping[str, dict[str, Any]]:
    """Every predicate schema by its short name, which is its file's name."""
    return {name: _predicate_document(name) for name in _predicate_files()}


@lru_cache(maxsize=128)
def for_predicate(predicate_type: str) -> Schema | None:
    """The schema for a predicateType URI, its aliases included, or None where there is none."""
    written = b'"%s"' % predicate_type.encode(errors="replace")
    for name, data in _predicate_files().items():
        if written in data:  # parsing all of them takes 8 ms, and a command needs one
            document = _predicate_document(name)
            if predicate_type == document["$id"] or predicate_type in document.get("x-aliases", ()):
                return Schema(document)
    return None


@cache
def _predicate_files() -> Mapping[str, bytes]:
    folder = directory() / "predicates"
    files = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    return {name.removesuffix(".json"): (folder / name).read_bytes() for name in files}


@cache
def _predicate_document(name: str) -> dict[str, Any]:
    return loads_object(_predicate_files()[name], what=f"{name}.json")


@cache
def _format_checker() -> jsonschema.FormatChecker:
    """Formats as the deciding library has them: jsonschema alone knows some of them only with other packages."""
    import jsonschema
    import jsonschema_rs

    checker = jsonschema.FormatChecker(())
    for name in (
        "date",
        "date-time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
    ):
        deciding = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)
        checker.checks(name)(deciding.is_valid)
    return checker


def _words(error: ValidationError) -> str | None:
    """What the schema itself says of a rule that cannot be read off its keyword."""
    described = error.schema.get("description") if isinstance(error.schema, dict) else None
    return described.rstrip(".") if described and error.validator in _IN_OTHER_WORDS else None


def _strangers(error: ValidationError) -> list[str]:
    """The members of an object that its schema does not know, of which an input decides how many there are."""
    shape: Any = error.schema
    known, free = shape.get("properties", {}), shape.get("patternProperties", {})
    members: Any = error.instance
    unknown = (name for name in members if name not in known and not any(re.search(one, name) for one in free))
    return list(islice(unknown, 16))


def _meant(error: ValidationError) -> str | None:
    """The hint for a member with a spelling mistake, which is unknown, or missing where another one is unknown."""
    if error.validator not in ("additionalProperties", "required") or not isinstance(error.instance, dict):
        return None
    shape: Any = error.schema
    is_missing = error.validator == "required"
    known = [name for name in shape.get("properties", {}) if not is_missing or name not in error.instance]
    found = ((name, nearest(name, known)) for name in _strangers(error))
    has = "It has {!r}. " if is_missing else ""
    return next((f"{has.format(name)}Did you mean {near[0]!r}?" for name, near in found if near), None)


def _keyword(path: Sequence[str | int]) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "false")


def _loosened(node: Any, keywords: Sequence[str]) -> Any:
    """A schema in which the first of `keywords` replaces the keywords beside it that it names; null removes one.

    Raises ValueError if what replaces them is not an object.
    """
    if isinstance(node, list):
        return [_loosened(item, keywords) for item in node]
    if not isinstance(node, dict):
        return node
    patch: Any = next((node[name] for name in keywords if name in node), {})
    if not isinstance(patch, dict):
        raise ValueError(f"expected an object for {' or '.join(keywords)}")
    merged = {name: value for name, value in {**node, **patch}.items() if value is not None or name not in patch}
    return {
        name: value if name in DATA or name in LOOSER["verifying"] else _loosened(value, keywords)
        for name, value in merged.items()
    }


def _excerpt(value: Any, left: list[int]) -> Any:
    """A JSON value whose lists are cut where `left`, a number of values, is used up; no list becomes empty."""
    left[0] -= 1
    if isinstance(value, dict):
        return {name: _excerpt(item, left) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for item in value:
        if kept and left[0] <= 0:
            break
        kept.append(_excerpt(item, left))
    return kept


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside the schema, and attest does not fetch schemas")


def _shorten(message: str, limit: int = 240) -> str:
    return message if len(message) <= limit else f"{message[: limit - 41]} ... {message[-36:]}"
