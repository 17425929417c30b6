"""SPDX 3 in JSON-LD: an SBOM of the root elements of its document.

Rule: roots are followed from the document down to what has a digest, and nowhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attest.building.evidence import _sbom
from attest.building.evidence._report import digests, text

if TYPE_CHECKING:
    from attest._base.large_json import LazyObject
    from attest.building.evidence._report import Details, ReportFile, ReportPredicate
    from attest.statement import ResourceDescriptor

DETAILS: Final = ()

_CONTEXT: Final = re.compile(r"https://spdx\.org/rdf/(3[0-9.]*)/.*")
# A document's root is an SBOM, or a bundle, whose root is what they are about.
_LEVELS: Final = 4


def recognises(report: ReportFile) -> bool:
    """By its JSON-LD context."""
    return _version(report.get("@context")) is not None


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """An SBOM (https://spdx.dev/Document/v3) about the root elements that it has strong digests of.

    Raises InputError `report-invalid`, and as `_sbom.evidence` does.
    """
    document = _sbom.members(report)
    roots = _roots(document)
    hashes = _by_id(document, {item for root in roots.values() for item in _list(root.get("verifiedUsing"))})
    found = [_subject(root, hashes) for root in roots.values()]
    return _sbom.evidence(
        "spdx3",
        document,
        [subject for subject in found if subject is not None],
        version=_version(document.get("@context")) or "",
        unnamed="its root elements have no hashes" if roots else "it has no document with root elements",
        check=check,
    )


def _version(context: Any) -> str | None:
    for url in context if isinstance(context, list) else [context]:
        match = _CONTEXT.fullmatch(url) if isinstance(url, str) else None
        if match is not None:
            return match[1]
    return None


def _roots(document: LazyObject) -> dict[str, dict[str, Any]]:
    """The elements that the document's roots lead to, by their ids."""
    wanted = {
        root
        for element in document.elements("@graph")
        if isinstance(element, dict) and element.get("type") == "SpdxDocument"
        for root in _list(element.get("rootElement"))
    }
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_LEVELS):
        elements = _by_id(document, wanted - found.keys()) if wanted - found.keys() else {}
        found |= elements
        wanted = {root for element in elements.values() for root in _list(element.get("rootElement"))}
    return found


def _by_id(document: LazyObject, ids: set[str]) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    return {
        name: element
        for element in document.elements("@graph")
        if isinstance(element, dict)
        for name in (text(element.get("spdxId")) or text(element.get("@id")),)
        if name is not None and name in ids
    }


def _list(value: Any) -> list[Any]:
    """The ids among the values of a property, which may be one or several."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _subject(element: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> ResourceDescriptor | None:
    integrity = element.get("verifiedUsing")
    hashes = [
        by_id.get(item, {}) if isinstance(item, str) else item
        for item in (integrity if isinstance(integrity, list) else [integrity])
    ]
    pairs = [
        (item.get("algorithm"), item.get("hashValue"))
        for item in hashes
        if isinstance(item, dict) and item.get("type") == "Hash"
    ]
    where = text(element.get("spdxId")) or "/@graph"
    return _sbom.subject(element.get("name"), element.get("software_packageUrl"), digests(pairs, where))
