"""What every format works with: a report that was opened, and the evidence that comes of it.

Rule: to tell formats apart, no more is parsed than it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from xml.parsers import expat

from attest import digest
from attest._base.large_json import LazyObject
from attest.errors import InputError
from attest.schema.predicate_types import OURS
from attest.statement import ResourceDescriptor, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Details = Mapping[str, Any]

# What the parser raises: the last two for encodings that Python lacks.
XML_ERRORS: Final = (expat.ExpatError, ValueError, LookupError)

_PEEK: Final = 1 << 16
_XML: Final = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


class ReportFile(NamedTuple):
    """A report: its bytes, and the members of its JSON object or the name of its XML root element.

    Both are None for what is neither, which only formats of other packages are asked about.
    """

    data: bytes
    members: LazyObject | None
    root: str | None

    def get(self, name: str) -> Any:
        """A member of the JSON object, parsed; None if it isn't there, or this is XML."""
        return None if self.members is None else self.members.get(name)

    def has_list(self, name: str) -> bool:
        """Whether the JSON object has a member of this name that is a list; it isn't parsed."""
        return self.members is not None and self.members.is_list(name)


class ReportPredicate(NamedTuple):
    """What a report is evidence of.

    `predicate_types` are the types that the predicate may go by, the usual one first. `subjects` are those that the
    report names with a digest, and `unnamed` says why there are none. `notes` are sentences for people about what was
    left out, and how far it was checked.
    """

    predicate_types: tuple[str, ...]
    predicate: Mapping[str, Any]
    subjects: tuple[ResourceDescriptor, ...] = ()
    unnamed: str | None = None
    notes: tuple[str, ...] = ()

    def statement(
        self,
        subjects: Sequence[ResourceDescriptor] = (),
        *,
        predicate_type: str | None = None,
        check_predicate: bool = True,
    ) -> Statement:
        """A Statement with this predicate, about `subjects` or, without any, about those of the report.

        `predicate_type` is a URI or a short name. Raises InputError `predicate-type-mismatch` for a type that the
        predicate can't go by, `subject-missing`, and as `Statement.build` does.
        """
        wanted = self.predicate_types if predicate_type is None else OURS.uris(predicate_type)
        fitting = [kind for kind in wanted if kind in self.predicate_types]
        if not fitting:
            raise InputError(
                "predicate-type-mismatch",
                f"the report makes a predicate of type {self.predicate_types[0]}, and {predicate_type} was asked for",
            )
        if not subjects and not self.subjects:
            why = f": {self.unnamed}" if self.unnamed else ""
            hint = "Name them: FILE, or NAME=sha256:HEX."
            raise InputError("subject-missing", f"the report doesn't say what it is about{why}", hint=hint)
        return Statement.build(
            subjects or self.subjects,
            predicate_type=fitting[0],
            predicate=self.predicate,
            # LazyObject were checked by their reader, piece by piece.
            check_predicate=check_predicate and not isinstance(self.predicate, LazyObject),
        )


class ReportFormat(Protocol):
    """What an entry point of `attest.evidence` names, and each module of this folder is."""

    @property
    def DETAILS(self) -> Sequence[str]:  # noqa: N802  # a constant of a module
        """The details that can be given, by name, because the report does not have them."""

    def recognises(self, report: ReportFile) -> bool:
        """Whether it is in this format; no more of it is parsed than that needs, and nothing is raised."""

    def read(self, report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
        """The predicate that the report is evidence of. Raises InputError `report-invalid` or `report-incomplete`."""


def xml_root(data: bytes) -> str | None:
    """The name of the root element, without its namespace, where `data` begins as XML does; "" if it has none."""
    if not data.lstrip(b" \t\r\n").startswith(_XML):
        return None
    found = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def stop(name: str, *others: object) -> None:
        found.append(name.rpartition(" ")[2])
        raise ValueError

    parser.StartElementHandler = stop
    parser.StartDoctypeDeclHandler = stop  # it names the root element, and nothing that it declares is looked at
    with suppress(*XML_ERRORS):  # whoever reads it says what is wrong with it
        parser.Parse(data.lstrip(b" \t\r\n")[:_PEEK], False)
    return found[0] if found else ""


def digests(hashes: Iterable[tuple[Any, Any]], where: str) -> dict[str, str]:
    """The DigestSet made of pairs of an algorithm's name and a value; algorithms that it can't have are left out.

    Raises InputError `report-invalid` for a value that is none, or two that differ.
    """
    found: dict[str, str] = {}
    for label, value in hashes:
        algorithm = digest.algorithm(str(label))
        if algorithm is None:
            continue
        if not isinstance(value, str) or not digest.is_well_formed(algorithm, value):
            raise InputError("report-invalid", f"this is not a {algorithm} digest in hex: {value!r}", where=where)
        if found.setdefault(algorithm, value.lower()) != value.lower():
            raise InputError("report-invalid", f"this has two different {algorithm} digests", where=where)
    return found


def is_strong(found: Mapping[str, str]) -> bool:
    """Whether a subject with these digests can be matched."""
    return not digest.STRONG.isdisjoint(found)


def entries(value: Any, where: str) -> list[dict[str, Any]]:
    """`value`, which must be a list of objects, or null. Raises InputError `report-invalid`."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError("report-invalid", "this is not a list of objects", where=where)
    return value


def entry(value: Any, where: str) -> dict[str, Any]:
    """`value`, which must be an object, or null. Raises InputError `report-invalid`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError("report-invalid", "this is not an object", where=where)
    return value


def text(value: Any) -> str | None:
    """`value`, if it is a string that isn't empty."""
    return value if isinstance(value, str) and value else None
