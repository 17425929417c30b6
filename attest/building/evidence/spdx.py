"""SPDX 2 in JSON: an SBOM of what the document describes.

Rule: what the document describes it says itself; nothing is taken for it because it is the only package, or the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _sbom
from attest.building.evidence._report import digests, entries, text
from attest.schema import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest._base.large_json import LazyObject
    from attest.building.evidence._report import Details, ReportFile, ReportPredicate
    from attest.statement import ResourceDescriptor

DETAILS: Final = ()

_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_NOTHING: Final = Violation(
    "/predicate/relationships", "the document describes none of its packages and files (SPDX 2.3, 11.1)", "describes"
)


def recognises(report: ReportFile) -> bool:
    """By `spdxVersion`; the check names a version that is not read, unless the context of SPDX 3 is beside it."""
    version = report.get("spdxVersion")
    return isinstance(version, str) and (version.startswith("SPDX-2.") or report.get("@context") is None)


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """An SBOM (https://spdx.dev/Document) about the packages and files that it describes and has strong digests of.

    Raises InputError `report-invalid`, and as `_sbom.evidence` does.
    """
    document = _sbom.members(report)
    described = _described(document)
    elements = list(_elements(document, described))
    found = [_subject(element, where) for where, element in elements]
    one_package = sum(1 for _ in document.elements("packages")) == 1
    return _sbom.evidence(
        "spdx",
        document,
        [subject for subject in found if subject is not None],
        version=str(document.get("spdxVersion")).removeprefix("SPDX-"),
        unnamed="the packages that it describes have no checksums" if described else "it describes no package or file",
        check=check,
        faults=() if elements or one_package else (_NOTHING,),
    )


def _described(document: LazyObject) -> set[str]:
    """The ids of what the document describes, in any of the three ways to say so (SPDX 2.3, clause 11.1)."""
    named = document.get("documentDescribes")
    described = {item for item in named if isinstance(item, str)} if isinstance(named, list) else set()
    for relationship in document.elements("relationships"):
        if not isinstance(relationship, dict):
            continue
        kind = relationship.get("relationshipType")
        left, right = text(relationship.get("spdxElementId")), text(relationship.get("relatedSpdxElement"))
        if kind == "DESCRIBES" and left == _DOCUMENT and right is not None:
            described.add(right)
        elif kind == "DESCRIBED_BY" and right == _DOCUMENT and left is not None:
            described.add(left)
    return described


def _elements(document: LazyObject, ids: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("packages", "files"):
        for index, element in enumerate(document.elements(name)):
            if isinstance(element, dict) and text(element.get("SPDXID")) in ids:
                yield f"/{name}/{index}", element


def _subject(element: dict[str, Any], where: str) -> ResourceDescriptor | None:
    checksums = entries(element.get("checksums"), f"{where}/checksums")
    references = entries(element.get("externalRefs"), f"{where}/externalRefs")
    purls = [item.get("referenceLocator") for item in references if item.get("referenceType") == "purl"]
    return _sbom.subject(
        element.get("packageFileName") or element.get("name") or element.get("fileName"),
        purls[0] if purls else None,
        digests([(item.get("algorithm"), item.get("checksumValue")) for item in checksums], f"{where}/checksums"),
    )
