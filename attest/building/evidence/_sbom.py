"""What the formats of SBOMs share: the check of their essential fields, and how their elements become subjects.

Rule: a document is read piece by piece, however large it is, and its own bytes are the predicate.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _libraries
from attest.building.evidence._report import ReportPredicate, is_strong, text
from attest.errors import InputError
from attest.schema.predicate_types import OURS
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest._base.large_json import LazyObject
    from attest.building.evidence._report import ReportFile
    from attest.schema import Violation

_VERSIONED: Final = re.compile(r"/v[0-9.]+\Z")
_IMAGE: Final = "pkg:oci/"
_SHA256: Final = re.compile(r"sha256:([0-9a-f]{64})")


def members(report: ReportFile) -> LazyObject:
    """The document. Raises InputError `report-invalid` for what is not JSON."""
    if report.members is None:
        raise InputError("report-invalid", "the SBOM is not JSON", hint="Convert the SBOM to JSON.")
    return report.members


def evidence(
    name: str,
    document: LazyObject,
    subjects: Iterable[ResourceDescriptor],
    *,
    version: str,
    unnamed: str,
    check: bool,
    faults: Iterable[Violation] = (),
) -> ReportPredicate:
    """The evidence of an SBOM whose predicate type has the short name `name`, and whose format is of `version`.

    `faults` are what its reader found. Raises InputError `predicate-invalid`, unless `check` is false, and as reading
    JSON does.
    """
    document.check()
    note = "the SBOM is not checked"
    deviations: list[Violation] = []
    if check:
        noted = examine(name, document.outline())
        checked = _libraries.CHECKS[name](document, version)
        note = checked.note
        deviations = [*noted, *faults, *checked.faults]
    usual, *others = OURS.uris(name)
    # A type that names a version is for documents of that version.
    types = [usual, *[kind for kind in others if not _VERSIONED.search(kind) or kind.endswith(f"/v{version}")]]
    named = tuple(subjects)
    strong = tuple(subject for subject in named if is_strong(subject.digest))
    if named and not strong:
        unnamed = "it has only weak digests"
    return ReportPredicate(tuple(types), document, strong, unnamed, (note,), tuple(deviations))


def subject(name: Any, purl: Any, digests: dict[str, str]) -> ResourceDescriptor | None:
    """The subject that an element of an SBOM is, or None if it has no digest; an image's purl has one."""
    uri = text(purl)
    found = digests or _image_digest(uri)
    return ResourceDescriptor(text(name), found, uri) if found else None


def _image_digest(purl: str | None) -> dict[str, str]:
    """The digest of an image, which its purl has for a version; none of anything else."""
    if purl is None or not purl.startswith(_IMAGE):
        return {}
    from packageurl import PackageURL  # slow to import, and few SBOMs are of images

    try:
        version = _SHA256.fullmatch(PackageURL.from_string(purl).version or "")
    except ValueError:
        version = None
    return {} if version is None else {"sha256": version[1]}


def examine(name: str, document: Mapping[str, Any]) -> list[Violation]:
    """What is only noted of a document by our schema of its type. Raises InputError `predicate-invalid`."""
    kind = OURS.uris(name)[0]
    check = OURS.for_type(kind)
    fault, noted = (None, []) if check is None else check.examine(document, (), "building")
    if fault is not None:
        where = fault.pointer.removeprefix("/predicate") or "/"
        raise InputError("predicate-invalid", f"the report is not valid for type {kind}: {fault.message}", where=where)
    return noted
