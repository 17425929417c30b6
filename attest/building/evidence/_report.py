"""The types that all formats use: a report file, and the predicate made from it.

Rule: to detect the format, as little as possible is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from xml.parsers import expat

from attest import digest
from attest._base.large_json import LazyObject
from attest.errors import InputError
from attest.limits import Limits
from attest.schema.predicate_types import OURS
from attest.statement import ResourceDescriptor, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest.schema import Violation

Details = Mapping[str, Any]

# What the parser raises: the last two for encodings that Python lacks.
XML_ERRORS: Final = (expat.ExpatError, ValueError, LookupError)

_PEEK: Final = 1 << 16
_XML: Final = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


class ReportFile(NamedTuple):
    """A report: its bytes, and the members of its JSON object or the name of its XML root element.

    Both are None for any other file; only formats of plug-ins can recognise it. `name` is that of the file, for
    messages; it is empty for bytes alone.
    """

    data: bytes
    members: LazyObject | None
    root: str | None
    name: str = ""

    def get(self, name: str) -> Any:
        """A member of the JSON object, parsed; None if it is not there, or this is XML."""
        return None if self.members is None else self.members.get(name)

    def has_list(self, name: str) -> bool:
        """Whether the JSON object has a member of this name that is a list; it is not parsed."""
        return self.members is not None and self.members.is_list(name)


class ReportPredicate(NamedTuple):
    """The predicate made from a report.

    `predicate_types` are the possible types of the predicate, the usual one first. `subjects` are those that the
    report names with a digest, and `unnamed` says why there are none. `notes` are sentences about what was
    left out, and how far it was checked; `deviations` are what a document of another tool breaks, with pointers into
    the statement.
    """

    predicate_types: tuple[str, ...]
    predicate: Mapping[str, Any]
    subjects: tuple[ResourceDescriptor, ...] = ()
    unnamed: str | None = None
    notes: tuple[str, ...] = ()
    deviations: tuple[Violation, ...] = ()

    def statement(
        self,
        subjects: Sequence[ResourceDescriptor] = (),
        *,
        predicate_type: str | None = None,
        check_predicate: bool = True,
        limits: Limits | None = None,
    ) -> Statement:
        """A Statement with this predicate, about `subjects` or, without any, about those of the report.

        `predicate_type` is a URI or a short name. Raises InputError `predicate-type-mismatch` for a type that the
        predicate cannot have, `subject-missing`, and as `Statement.build` does.
        """
        wanted = self.predicate_types if predicate_type is None else OURS.uris(predicate_type)
        fitting = [kind for kind in wanted if kind in self.predicate_types]
        if not fitting:
            raise InputError(
                "predicate-type-mismatch",
                f"expected predicate type {predicate_type!r}, found {self.predicate_types[0]}",
            )
        if not subjects and not self.subjects:
            why = f": {self.unnamed}" if self.unnamed else ""
            hint = "Name the artifacts: FILE, or NAME=sha256:HEX."
            raise InputError("subject-missing", f"the report does not name an artifact with a digest{why}", hint=hint)
        bounds = limits or Limits()
        return Statement.build(
            subjects or self.subjects,
            predicate_type=fitting[0],
            predicate=self.predicate,
            # LazyObject were checked by their reader, piece by piece.
            check_predicate=check_predicate and not isinstance(self.predicate, LazyObject),
            max_subjects=bounds.subjects,
            max_digests=bounds.digests,
            max_depth=bounds.depth,
        )


class ReportFormat(Protocol):
    """The interface of an entry point of `attest.evidence`, and of each module in this directory."""

    @property
    def DETAILS(self) -> Sequence[str]:  # noqa: N802  # a constant of a module
        """The details that can be given, by name, because the report does not have them."""

    def recognises(self, report: ReportFile) -> bool:
        """Whether it is in this format; no more of it is parsed than that needs, and nothing is raised."""

    def read(self, report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
        """The predicate made from the report. Raises InputError `report-invalid` or `report-incomplete`.

        A format whose reports can become one predicate also has `read_several`, which takes an iterable of them.
        """


@contextmanager
def naming(report: ReportFile) -> Iterator[None]:
    """An InputError in the block gets the name of the report's file."""
    try:
        yield
    except InputError as error:
        raise (error.at(report.name) if report.name else error) from None


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
    with suppress(*XML_ERRORS):  # the reader of the format reports what is wrong
        parser.Parse(data.lstrip(b" \t\r\n")[:_PEEK], False)
    return found[0] if found else ""


def digests(hashes: Iterable[tuple[Any, Any]], where: str) -> dict[str, str]:
    """The DigestSet made of pairs of an algorithm's name and a value; algorithms that it cannot have are left out.

    Raises InputError `report-invalid` for a value that is none, or two that differ.
    """
    found: dict[str, str] = {}
    for label, value in hashes:
        algorithm = digest.algorithm(str(label))
        if algorithm is None:
            continue
        if not isinstance(value, str) or not digest.is_well_formed(algorithm, value):
            raise InputError("report-invalid", f"expected a {algorithm} digest in hex, found {value!r}", where=where)
        if found.setdefault(algorithm, value.lower()) != value.lower():
            raise InputError("report-invalid", f"there are two different {algorithm} digests", where=where)
    return found


def is_strong(found: Mapping[str, str]) -> bool:
    """Whether a subject with these digests can be matched."""
    return not digest.STRONG.isdisjoint(found)


def entries(value: Any, where: str) -> list[dict[str, Any]]:
    """`value`, which must be a list of objects, or null. Raises InputError `report-invalid`."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError("report-invalid", "expected a list of objects", where=where)
    return value


def entry(value: Any, where: str) -> dict[str, Any]:
    """`value`, which must be an object, or null. Raises InputError `report-invalid`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError("report-invalid", "expected an object", where=where)
    return value


def text(value: Any) -> str | None:
    """`value`, if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None
