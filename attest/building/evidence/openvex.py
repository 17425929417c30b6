"""OpenVEX in JSON: what its author says about vulnerabilities of products.

Rule: a product is a subject only by a digest that the document has; the document's own bytes are the predicate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import dumps
from attest.building.evidence import _sbom
from attest.building.evidence._report import ReportPredicate, digests, entry, is_strong, text
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest._base.large_json import LazyObject
    from attest.building.evidence._report import Details, ReportFile
    from attest.statement import ResourceDescriptor

DETAILS: Final = ()

_CONTEXT: Final = "https://openvex.dev/ns"


def recognises(report: ReportFile) -> bool:
    """By its JSON-LD context."""
    context = report.get("@context")
    return isinstance(context, str) and (context == _CONTEXT or context.startswith(f"{_CONTEXT}/"))


def read(report: ReportFile, details: Details, *, check: bool) -> ReportPredicate:
    """A VEX document (https://openvex.dev/ns) about those of its products that have a strong digest.

    Raises InputError `report-invalid`, and `predicate-invalid` unless `check` is false.
    """
    document = _sbom.members(report)
    document.check()
    noted = _sbom.examine("openvex", dict(document)) if check else []
    found = list(_products(document))
    strong = [subject for subject in found if subject is not None and is_strong(subject.digest)]
    left_out = len(found) - len(strong)
    notes = [f"products left out, because they have no strong digest: {left_out:,}"] if strong and left_out else []
    # A product is named in each statement about it.
    subjects = {dumps(subject.to_dict()): subject for subject in strong}
    return ReportPredicate(
        OURS.uris("openvex"),
        document,
        tuple(subjects.values()),
        "its products have no hashes" if found else "it names no products",
        tuple(notes),
        tuple(noted),
    )


def _products(document: LazyObject) -> Iterator[ResourceDescriptor | None]:
    """Each product as a subject, or None for one without a digest."""
    for index, statement in enumerate(document.elements("statements")):
        listed = statement.get("products") if isinstance(statement, dict) else None
        for number, product in enumerate(listed if isinstance(listed, list) else ()):
            yield _subject(product, f"/statements/{index}/products/{number}")


def _subject(product: Any, where: str) -> ResourceDescriptor | None:
    if not isinstance(product, dict):
        return None
    named = text(product.get("@id"))
    purl = text(entry(product.get("identifiers"), f"{where}/identifiers").get("purl")) or named
    hashes = entry(product.get("hashes"), f"{where}/hashes")
    return _sbom.subject(None, purl, digests(hashes.items(), f"{where}/hashes"))
