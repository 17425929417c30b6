"""Provenance objects of PyPI (PEP 740): `https://pypi.org/integrity/PROJECT/VERSION/FILE/provenance`.

Rule: the publisher that the index names is the index's word; only the attestations are signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.sources import pypi_attestation
from attest.sources._document import Document, UnverifiedEnvelope, attempt, demand_list, demand_object

if TYPE_CHECKING:
    from attest.errors import InputError
    from attest.limits import Limits

NAME: Final = "a PyPI provenance object"
IS_COLLECTION: Final = True


def recognises(document: Document) -> bool:
    """Whether a JSON object has bundles of attestations."""
    return "attestation_bundles" in (document.members or {})


def read(document: Document) -> list[UnverifiedEnvelope | InputError]:
    """The envelope of each attestation, or why it has none.

    Raises InputError `container-unsupported` for another version than 1, and `container-invalid`.
    """
    members = document.members or {}
    pypi_attestation.demand_version_1(members, NAME)
    found: list[UnverifiedEnvelope | InputError] = []
    for number, one in enumerate(demand_list(members["attestation_bundles"], "`attestation_bundles`")):
        bundle = demand_object(one, f"`attestation_bundles/{number}`")
        unchecked = _publisher(bundle.get("publisher"))
        entries = demand_list(bundle.get("attestations"), "`attestations`")
        document.limits.check_attestations(len(found) + len(entries))
        for index, entry in enumerate(entries):
            where = pointer("attestation_bundles", number, "attestations", index)
            found.append(attempt(where, _one, entry, document.limits, unchecked))
    return found


def _one(entry: Any, limits: Limits, unchecked: tuple[str, ...]) -> UnverifiedEnvelope:
    part = Document.of(demand_object(entry, "an attestation"), limits)
    part_members = part.members or {}
    if not pypi_attestation.recognises(part):
        demand_object(part_members.get("verification_material"), "`verification_material`")
        demand_object(part_members.get("envelope"), "`envelope`")
    [found] = pypi_attestation.read(part)
    return found._replace(unchecked=unchecked)


def _publisher(publisher: Any) -> tuple[str, ...]:
    if not isinstance(publisher, dict):
        return ()
    said = [value for value in publisher.values() if isinstance(value, str) and value]
    return (f"the publisher that the index names: {' '.join(said)[:200]}",)
